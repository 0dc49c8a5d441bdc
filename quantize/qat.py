"""Quantisers of NNCF placed where the file formats have them, trained, and read back as a graph.

`prepare` → ordinary training → `freeze`. NNCF gives the quantisers (int8, weights symmetric with a
scale a channel, of four bits where that is wanted, activations asymmetric), their gradients, the
weights' ranges and bias correction (those of four bits: `four_bits`).
Where activations are rounded is decided here, from the graph: every value that a file stores has
a quantiser, values that must share a grid share one, some ops' is fixed (`FIXED_GRIDS`). NNCF's own
places serve another runtime: they leave the logits in float and max's inputs on two grids.
"""

import contextlib
import sys
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from edge_asc.files import atomic_write, read_json, write_json
from edge_asc.graph.fold import fold
from edge_asc.graph.graph import (
    FIXED_GRIDS,
    FLOAT_OPS,
    ORDER_OPS,
    Graph,
    Grid,
    Node,
    bounds_of,
    scale_groups,
)
from edge_asc.graph.integers import most_of, quantise_node
from edge_asc.graph.network import RELU, Convolution, GraphNetwork, module_name
from edge_asc.quantize.four_bits import correct_bias, quantiser_of_four_bits
from edge_asc.quantize.mixed import layers_to_narrow
from edge_asc.quantize.nncf_setup import import_nncf
from edge_asc.quantize.ranges import Range, checked_batches, measure_ranges
from edge_asc.runtime.metadata import Weights
from edge_asc.suggest import no_such

INPUT_HOOK = "x"  # NNCF names the input after forward's argument
# Last function of ops that are not called like it.
FUNCTION_OF = {"conv": "conv2d", "global_mean": "adaptive_avg_pool2d", "axis_mean": "mean",
               "l2_normalise": "div", "mean_pool": "avg_pool2d"}  # fmt: skip


def quantize(
    graph: Graph, batches: Iterable[Tensor | ArrayLike], weights: Weights = "int8"
) -> GraphNetwork:
    """A graph → its network with quantisers; `edge_asc.quantize` called says the rest.

    Raises:
        ValueError: as `checked_batches`; no such weights, or a graph that is int8 already.
    """
    if weights not in get_args(Weights):
        raise ValueError(no_such("weights", weights, get_args(Weights)))
    if graph.is_quantised:
        raise ValueError("the graph is int8 already: quantise the float graph")
    tensors = checked_batches(batches, graph.n_mels)
    network = GraphNetwork(fold(graph)).eval()
    return prepare(network, tensors, layers_to_narrow(network, tensors, weights))


def prepare(
    network: GraphNetwork, batches: Sequence[Tensor], narrow: Sequence[int] = ()
) -> GraphNetwork:
    """Return the network with quantisers; ranges are those of features `[B, 1, M, F]`.

    The result trains like any module: weights, biases and ranges are its parameters. `narrow` are
    the places of the graph's nodes whose weights get four bits, in their order.

    Raises:
        ValueError: an op that only float files have.
    """
    _check_has_int8_form(network.graph)
    nncf = import_nncf()
    from nncf.torch.quantization.layers import SymmetricQuantizer

    ranges = measure_ranges(network, batches)
    network = _unrounded(network)
    with contextlib.redirect_stdout(sys.stderr):  # NNCF's progress bars
        quantised = nncf.quantize(
            network,
            nncf.Dataset(batches, lambda batch: batch),
            preset=nncf.QuantizationPreset.MIXED,
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(batches),
        )
    hooks = _hook_storage(quantised)
    for name, hook in list(hooks.named_hooks(remove_duplicate=False)):
        if not isinstance(hook, SymmetricQuantizer):  # which quantises a weight
            _remove(hooks, name)
    for group, value_range in zip(scale_groups(network.graph), ranges, strict=True):
        quantiser = _activation_quantiser(network.graph, group, value_range)
        for hook_name in _hook_names(network.graph, group):
            hooks.register_post_function_hook(hook_name, 0, quantiser)
    for index in narrow:
        _narrow(quantised, index, batches)
    return quantised


def _check_has_int8_form(graph: Graph) -> None:
    """Raise ValueError for what is right in float files alone."""
    for node in graph.nodes:
        if node.op in FLOAT_OPS:
            place = node.attributes.get("place", node.output)
            raise ValueError(
                f"{place}: {node.op} of computed numbers has no int8 form; store it as float16, or"
                " use BatchNorm2d, LayerNorm over channels or F.normalize"
            )


def _narrow(quantised: GraphNetwork, index: int, batches: Sequence[Tensor]) -> None:
    """Give a node's weights four bits in the place of eight, and its bias what that takes."""
    layer = quantised.get_submodule(module_name(index))
    assert isinstance(layer, Convolution)  # a node of another op has no weights
    correct_bias(quantised, layer, batches)
    kind, rest = _weight_hook(quantised.graph, index).split(".", 1)
    key, number = rest.rsplit(".", 1)
    getattr(_hook_storage(quantised), kind)[key][number] = quantiser_of_four_bits(layer.weight)


def _weight_hook(graph: Graph, index: int) -> str:
    """NNCF's name of the quantiser of a node's weights."""
    function = "conv2d" if graph.nodes[index].op == "conv" else "linear"
    return f"pre_hooks.{module_name(index)}/{function}/0__1.0"


def freeze(quantised: GraphNetwork) -> Graph:
    """Read the int8 graph: integer weights and biases, a grid for every value.

    `GraphNetwork(freeze(q))` computes what q computes.

    Args:
        quantised: what `quantize` or `prepare` gave, trained on or not; left as it is.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> q = ea.quantize(ea.trace(net, n_mels=64), [torch.randn(4, 1, 64, 100)])
        >>> str(ea.freeze(q).nodes[0].tensors["weight"].dtype)
        'int8'
    """
    graph = quantised.trained_graph()
    hooks = dict(_hook_storage(quantised).named_hooks(remove_duplicate=False))
    for group in scale_groups(graph):
        name = _hook_names(graph, group)[0]
        grid = _grid_of(hooks[f"post_hooks.{name}__0.0"])
        graph.grids.update(dict.fromkeys(group, grid))
    for index, node in enumerate(graph.nodes):
        if node.op in ("conv", "linear"):
            quantiser = hooks[_weight_hook(graph, index)]
            scales, grid = _scales_of(quantiser), graph.grids[node.inputs[0]]
            quantise_node(node, scales, grid, quantiser.num_bits)
    return graph


def save(quantised: GraphNetwork, folder: Path) -> None:
    """Write `weights.pt` (plain tensors) and `nncf.json` (where the quantisers are)."""
    nncf = import_nncf()
    write_json(folder / "nncf.json", nncf.torch.get_config(quantised))
    with atomic_write(folder / "weights.pt") as path:
        torch.save(quantised.state_dict(), path)


def load(network: GraphNetwork, folder: Path) -> GraphNetwork:
    """Put saved quantisers and weights into a network of the same graph.

    Raises:
        OSError: a file is missing.
        ValueError: the files belong to another network.
    """
    nncf = import_nncf()
    config = read_json(folder / "nncf.json")
    network = _unrounded(network)
    state = torch.load(folder / "weights.pt", weights_only=True, map_location="cpu")
    quantised = nncf.torch.load_from_config(network, config)
    try:
        quantised.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(f"{folder}: quantised weights of another network ({error})") from error
    return quantised


def _unrounded(network: GraphNetwork) -> GraphNetwork:
    """The network without the roundings of known grids: the quantisers' own come in their place."""
    if not network.graph.known_grids:
        return network
    return GraphNetwork(replace(network.trained_graph(), known_grids={})).eval()


def _hook_storage(module: nn.Module) -> Any:
    from nncf.torch.function_hook import get_hook_storage

    return get_hook_storage(module)


def _remove(hooks: Any, name: str) -> None:
    kind, rest = name.split(".", 1)  # "post_hooks.n3/conv2d/0__0.0"
    key, number = rest.rsplit(".", 1)
    storage = getattr(hooks, kind)
    del storage[key][number]
    if not storage[key]:
        del storage[key]


def _hook_names(graph: Graph, group: set[str]) -> list[str]:
    """NNCF's names of the ops that make new numbers in a group."""
    names = [INPUT_HOOK] if graph.input in group else []
    for index, node in enumerate(graph.nodes):
        if node.op not in ORDER_OPS and node.output in group:
            names.append(f"{module_name(index)}/{_last_function(node)}/0")
    return names


def _last_function(node: Node) -> str:
    if bounds := bounds_of(node):
        return "relu" if bounds == RELU else "hardtanh"
    return FUNCTION_OF.get(node.op, node.op)


def _activation_quantiser(graph: Graph, group: set[str], value_range: Range) -> nn.Module:
    """NNCF's int8 quantiser of a group, its range set; of some ops it is fixed."""
    from nncf.torch.quantization.layers import (
        AsymmetricQuantizer,
        PTQuantizerSpec,
        QuantizationMode,
    )

    spec = PTQuantizerSpec(8, QuantizationMode.ASYMMETRIC, None, False, False, (1,), False)
    quantiser = AsymmetricQuantizer(spec)
    fixed = _fixed_grid(graph, group)
    if fixed:
        _check_held(graph, group, fixed, value_range)
        value_range = fixed.range
        quantiser.disable_gradients()
    with torch.no_grad():
        quantiser.input_low.fill_(value_range[0])
        quantiser.input_range.fill_(value_range[1] - value_range[0])
    if value_range[0] == 0:  # zero stays the lowest number: a file's relu is this saturation
        quantiser.input_low.requires_grad_(False)
    return quantiser


def _fixed_grid(graph: Graph, group: set[str]) -> Grid | None:
    """The grid of a group that an op of it dictates."""
    ops = [node.op for node in graph.nodes if group & set(node.outputs)]
    return next((FIXED_GRIDS[op] for op in ops if op in FIXED_GRIDS), None)


def _check_held(graph: Graph, group: set[str], fixed: Grid, value_range: Range) -> None:
    """Raise ValueError where an op's fixed grid would cut off what is joined with its output."""
    low, high = fixed.range
    if value_range[0] < low - fixed.scale or value_range[1] > high + fixed.scale:
        op = next(n.op for n in graph.nodes if n.op in FIXED_GRIDS and n.output in group)
        found = f"{value_range[0]:.3g} to {value_range[1]:.3g}"
        raise ValueError(
            f"the output of {op} is joined with numbers from {found}, and in int8 it has a grid"
            f" from {low:.3g} to {high:.3g}: join it behind a layer with weights"
        )


def _grid_of(quantiser: Any) -> Grid:
    low, _, scale, zero_point = quantiser.get_parameters_for_torch_fq()
    return Grid(float(scale), int(zero_point) - int(low) - 128)


def _scales_of(quantiser: Any) -> np.ndarray:
    _, _, scale, _ = quantiser.get_parameters_for_torch_fq()
    return scale.detach().numpy().astype(np.float32)


def dummy_quantised(graph: Graph, narrow: Sequence[int] = ()) -> Graph:
    """A quantised graph with arbitrary grids: the size of the file before there is any training.

    `narrow` are the places of the nodes whose weights have four bits.
    """
    quantised = deepcopy(graph)
    for index, group in enumerate(scale_groups(quantised)):
        # No two alike, since equal grids are stored once; a relu's zero is the lowest number.
        producers = [node for node in quantised.nodes if set(node.outputs) & group]
        starts_at_zero = any((bounds_of(node) or (-1,))[0] == 0 for node in producers)
        grid = Grid((1 + index / 1024) / 16, -128 if starts_at_zero else index % 100)
        grid = _fixed_grid(quantised, group) or grid
        quantised.grids.update(dict.fromkeys(group, grid))
    for index, node in enumerate(quantised.nodes):
        if node.op in ("conv", "linear"):
            bits = 4 if index in narrow else 8
            weight = node.tensors["weight"].reshape(len(node.tensors["weight"]), -1)
            scale = np.maximum(np.abs(weight).max(1) / most_of(bits), 1e-8)
            quantise_node(node, scale, quantised.grids[node.inputs[0]], bits)
    return quantised

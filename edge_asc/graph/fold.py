"""Batch norm and constant factors absorbed into the convolutions, exactly.

No tool folds AMFM's maximum → batch norm, and fake quantisation does not commute with it, so it is
done on the graph before quantisation-aware training. With s, t the scale and shift of an `affine`:

- conv, linear → affine: weights · s, bias · s + t.
- max(u, v) of a convolution's halves → affine, sg = sign(s):
  s · max(u, v) + t = sg · max(|s| u + sg t, |s| v + sg t), so |s| and sg t go into the convolution;
  the signs stay as an affine without shift, which the next rule takes.
- affine → conv, linear: the input channels are scaled. A shift goes into the bias, unless the
  convolution pads with zeros, which the shift would have moved.
- affine → global mean, flatten, max pool (s > 0): the two change places.
- What is left becomes a depthwise 1 x 1 convolution: the same numbers, one op more.

Also here: relu and other bounds into the layer before them, zeros around a map into the
convolution behind them, and means and average pools as convolutions with constant weights (exact to
a tenth of a percent of the int8 steps, where TFLite's MEAN is not). In `folding`: convolutions side
by side that become one, vectors that become maps again, channels and mels that are joined.
"""

from copy import deepcopy

import numpy as np

from edge_asc.graph.folding.maps import vectors_as_maps
from edge_asc.graph.folding.parallel import merge_parallel
from edge_asc.graph.folding.regroup import sink_regroups
from edge_asc.graph.graph import BOUNDED_OPS, Graph, Node, bounds_of, per_channel


def fold(graph: Graph) -> Graph:
    """Return a graph of the same function without `affine`, `channel_mean` and `avg_pool`.

    Folding once more changes nothing; a quantised graph has nothing left to fold.

    Args:
        graph: of `trace`; left as it is.

    Example:
        >>> from torch import nn
        >>> layers = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        >>> net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 3))
        >>> [node.op for node in ea.fold(ea.trace(net, n_mels=64)).nodes]
        ['conv', 'global_mean', 'flatten', 'linear']
    """
    if graph.is_quantised:
        return graph
    graph = deepcopy(graph)
    sink_regroups(graph)
    vectors_as_maps(graph, graph.shapes())
    shapes = graph.shapes()
    _means_as_convolutions(graph, {name: shape[0] for name, shape in shapes.items()})
    rules = (_into_affine, _into_producer, _through_maximum, _into_consumers, _swap_with_consumer)
    while any(
        rule(graph, node) for node in graph.nodes if node.op == "affine" for rule in rules
    ) or any(merge_parallel(graph, node) for node in graph.nodes if node.op == "add"):
        pass  # the first rule that fits, then from the beginning
    sink_regroups(graph)  # which norms stood in the way of
    for node in list(graph.nodes):
        if node.op == "affine":
            _as_depthwise(graph, node)
        elif node.op in ("relu", "clip"):
            _fold_bounds(graph, node)
        elif node.op == "pad":
            _fold_pad(graph, node)
    for node in graph.nodes:
        node.tensors = {k: np.asarray(v, np.float32) for k, v in node.tensors.items()}
    return graph


def _scale_shift(affine: Node, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift as float64 `[channels]` (a constant factor is stored as one number)."""
    return (
        np.broadcast_to(affine.tensors["scale"], channels).astype(np.float64),
        np.broadcast_to(affine.tensors["shift"], channels).astype(np.float64),
    )


def _only_reader(graph: Graph, value: str, node: Node) -> bool:
    return graph.consumers(value) == [node] and not graph.is_output(value)


def _bypass(graph: Graph, affine: Node) -> None:
    """Take an affine out; its readers read its input."""
    (source,) = affine.inputs
    _rename_reads(graph, affine.output, source)
    graph.nodes.remove(affine)


def _rename_reads(graph: Graph, old: str, new: str) -> None:
    for node in graph.nodes:
        node.inputs = tuple(new if name == old else name for name in node.inputs)
    graph.outputs = {k: new if v == old else v for k, v in graph.outputs.items()}


def _scale_outputs(node: Node, scale: np.ndarray, shift: np.ndarray) -> None:
    weight, bias = node.tensors["weight"], node.tensors["bias"]
    node.tensors["weight"] = weight * per_channel(scale, weight.ndim)
    node.tensors["bias"] = bias * scale + shift


def _into_affine(graph: Graph, affine: Node) -> bool:
    producer = graph.producer(affine.inputs[0])
    if producer is None or producer.op != "affine":
        return False
    if not _only_reader(graph, producer.output, affine):
        return False
    scale, shift = affine.tensors["scale"], affine.tensors["shift"]
    before = producer.tensors
    producer.tensors = {"scale": before["scale"] * scale, "shift": before["shift"] * scale + shift}
    _bypass(graph, affine)
    return True


def _into_producer(graph: Graph, affine: Node) -> bool:
    producer = graph.producer(affine.inputs[0])
    if producer is None or producer.op not in ("conv", "linear"):
        return False
    if bounds_of(producer) or not _only_reader(graph, producer.output, affine):
        return False
    _scale_outputs(producer, *_scale_shift(affine, len(producer.tensors["weight"])))
    _bypass(graph, affine)
    return True


def _through_maximum(graph: Graph, affine: Node) -> bool:
    maximum = graph.producer(affine.inputs[0])
    if maximum is None or maximum.op != "max" or not _only_reader(graph, maximum.output, affine):
        return False
    split = graph.producer(maximum.inputs[0])
    if split is None or split.op != "split" or split.outputs != maximum.inputs:
        return False
    conv = graph.producer(split.inputs[0])
    if conv is None or conv.op not in ("conv", "linear"):
        return False
    if not _only_reader(graph, conv.output, split) or (affine.tensors["shift"] == 0).all():
        return False  # without a shift only signs are left: the next rules' work
    scale, shift = _scale_shift(affine, len(conv.tensors["weight"]) // 2)
    sign = np.where(scale < 0, -1.0, 1.0)
    _scale_outputs(conv, np.tile(np.abs(scale), 2), np.tile(sign * shift, 2))
    affine.tensors = {"scale": sign, "shift": np.zeros_like(sign)}
    if (sign > 0).all():
        _bypass(graph, affine)
    return True


def _into_consumers(graph: Graph, affine: Node) -> bool:
    readers = graph.consumers(affine.output)
    if not readers or graph.is_output(affine.output):
        return False
    shifts = bool((affine.tensors["shift"] != 0).any())
    if not all(_takes_affine(reader, shifts) for reader in readers):
        return False
    for reader in readers:
        _scale_inputs(reader, affine)
    _bypass(graph, affine)
    return True


def _takes_affine(node: Node, shifts: bool) -> bool:
    if node.op == "linear":
        return True
    return node.op == "conv" and not (shifts and any(node.attributes["padding"]))


def _scale_inputs(node: Node, affine: Node) -> None:
    weight, groups = node.tensors["weight"], node.attributes.get("groups", 1)
    channels = weight.shape[1] * groups
    known = max(np.size(v) for v in affine.tensors.values())
    repeat = channels // known if node.op == "linear" and known > 1 else 1  # flattened [C, M, F]
    per_filter = len(weight) // groups  # filters that read the same channels
    scale, shift = (
        np.repeat(np.repeat(v, repeat).reshape(groups, -1), per_filter, axis=0)
        for v in _scale_shift(affine, channels // repeat)
    )  # [out, in / groups]
    spread = (*scale.shape, *[1] * (weight.ndim - 2))
    moved = (weight * shift.reshape(spread)).reshape(len(weight), -1).sum(1)
    node.tensors["bias"] = node.tensors["bias"] + moved
    node.tensors["weight"] = weight * scale.reshape(spread)


def _swap_with_consumer(graph: Graph, affine: Node) -> bool:
    readers = graph.consumers(affine.output)
    if len(readers) != 1 or graph.is_output(affine.output) or len(readers[0].outputs) != 1:
        return False
    (reader,) = readers
    positive = bool((affine.tensors["scale"] > 0).all())
    if reader.op not in ("global_mean", "axis_mean", "flatten") and not (
        reader.op == "max_pool" and positive
    ):
        return False
    source, middle, result = affine.inputs[0], affine.output, reader.output
    behind = graph.consumers(result)
    if reader.op == "flatten" and not (behind and all(node.op == "linear" for node in behind)):
        return False
    _rename_reads(graph, result, f"{result}_n")
    reader.inputs, reader.outputs = (source,), (middle,)
    affine.inputs, affine.outputs = (middle,), (f"{result}_n",)
    graph.nodes.remove(affine)
    graph.nodes.insert(graph.nodes.index(reader) + 1, affine)
    return True


def _as_depthwise(graph: Graph, affine: Node) -> None:
    shape = graph.shapes()[affine.inputs[0]]
    scale, shift = _scale_shift(affine, shape[0])
    affine.op = "conv"
    affine.attributes = {"stride": (1, 1), "padding": (0, 0), "groups": shape[0]}
    affine.tensors = {"weight": scale.reshape(-1, 1, 1, 1), "bias": shift}
    if len(shape) == 1:
        (vector,), (result,) = affine.inputs, affine.outputs
        affine.inputs, affine.outputs = (f"{result}_in",), (f"{result}_map",)
        at = graph.nodes.index(affine)
        graph.nodes.insert(at, Node("unflatten", (vector,), affine.inputs))
        graph.nodes.insert(at + 2, Node("flatten", affine.outputs, (result,)))


def _fold_bounds(graph: Graph, node: Node) -> None:
    producer = graph.producer(node.inputs[0])
    if producer is None or producer.op not in BOUNDED_OPS or bounds_of(producer):
        return
    if _only_reader(graph, producer.output, node):
        if node.op == "relu":
            producer.attributes["relu"] = True
        else:
            producer.attributes["clip"] = bounds_of(node)
        producer.outputs = node.outputs
        graph.nodes.remove(node)


def _fold_pad(graph: Graph, pad: Node) -> None:
    """As many zeros on both sides of mels and of frames are the convolution's own padding."""
    channels, mels, frames = pad.attributes["widths"]
    readers = graph.consumers(pad.output)
    even = not any(channels) and mels[0] == mels[1] and frames[0] == frames[1]
    if not even or not readers or graph.is_output(pad.output):
        return
    if all(reader.op == "conv" for reader in readers):
        for reader in readers:
            high, wide = reader.attributes["padding"]
            reader.attributes["padding"] = (high + mels[0], wide + frames[0])
        _bypass(graph, pad)


def _means_as_convolutions(graph: Graph, channels: dict[str, int]) -> None:
    for node in graph.nodes:
        n = channels[node.inputs[0]]
        if node.op == "channel_mean":
            weight = np.full((1, n, 1, 1), 1 / n)
            node.attributes = {"stride": (1, 1), "padding": (0, 0), "groups": 1}
        elif node.op == "avg_pool":
            kernel = node.attributes.pop("kernel")
            divisor = node.attributes.pop("divisor", np.prod(kernel))
            weight = np.full((n, 1, *kernel), 1 / divisor)
            node.attributes["groups"] = n
        else:
            continue
        node.op = "conv"
        node.attributes["constant"] = True  # not a parameter: training must not move it
        node.tensors = {"weight": weight, "bias": np.zeros(len(weight))}

"""Weights as the paper's public code names them → weights of our full network.

The tables say which of their layers is which of ours, one row a layer. Their layers stand in
`nn.Sequential`s in the order of the architecture: stem 0, pool 1, block 2, pool 3, batch norm 4,
block 5, pool 6, block 7, batch norm 8, pool 9; in each branch block 0, batch norm 1, pool 2.
Every key must be there, be known and have its shape.
"""

import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

State = Mapping[str, Tensor]

LAYERS = (
    # their layer, ours
    ("features.0.filter", "trunk.0.filter"),  # stem: convolution 1 → 2 x 32
    ("features.4", "trunk.4"),  # batch norm 48
    ("features.8", "trunk.8"),  # batch norm 32
    # The 3-class output is theirs in the middle (`mid`), and its branch is the first of the two.
    ("features2.1", "abstract.norm"),  # batch norm 16
    ("pre_mid.filter", "abstract.head.hidden.filter"),  # linear 1152 → 2 x 100
    ("out_mid", "abstract.head.out"),  # linear 100 → 3
    ("features3.1", "scene.norm"),  # batch norm 16
    ("fc1.filter", "scene.head.hidden.filter"),  # linear 1152 → 2 x 100
    ("fc_last", "scene.head.out"),  # linear 100 → 10
)
BLOCKS = (
    # their block, ours; each holds BLOCK_LAYERS
    ("features.2", "trunk.2"),  # 32 → 48
    ("features.5", "trunk.5"),  # 48 → 64
    ("features.7", "trunk.7"),  # 64 → 32
    ("features2.0", "abstract.block"),  # 32 → 16
    ("features3.0", "scene.block"),  # 32 → 16
)
BLOCK_LAYERS = (
    ("conv_a.filter", "pointwise.filter"),  # convolution 1x1
    ("{norm}", "norm"),  # batch norm
    ("{conv}.filter", "conv.filter"),  # convolution 3x3
    ("cbam.ChannelGate.mlp.1", "attention.squeeze"),  # linear there, convolution 1x1 here
    ("cbam.ChannelGate.mlp.3", "attention.excite"),
    ("cbam.SpatialGate.spatial.conv", "attention.spatial"),  # convolution 7x7
    ("cbam.SpatialGate.spatial.bn", "attention.spatial_norm"),
)
USUAL_NAMES = {"conv": "conv", "norm": "bn"}  # of the layers in braces; see `block_names`

# Training scripts keep an accuracy beside the weights, often as a number of numpy. Its rebuilder
# has another name in files written by numpy 1.
REBUILD_SCALAR: Any = np.float64().__reduce__()[0]
HARMLESS: list[Any] = [
    (REBUILD_SCALAR, "numpy.core.multiarray.scalar"),
    (REBUILD_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("float32", "float64", "int32", "int64", "bool")),
]
WRAPPERS = ("state_dict", "model_state_dict", "model", "net")  # keys that hold a state dict
PREFIXES = ("module.", "_orig_mod.", "model.")  # of DataParallel, torch.compile, Lightning


def layer_pairs(theirs: State) -> Iterator[tuple[str, str]]:
    """Every (their layer, our layer), blocks written out."""
    yield from LAYERS
    for block, ours in BLOCKS:
        names = block_names(theirs, block)
        for layer, our_layer in BLOCK_LAYERS:
            yield f"{block}.{layer.format(**names)}", f"{ours}.{our_layer}"


def block_names(theirs: State, block: str) -> dict[str, str]:
    """What a block calls its 3x3 convolution and its batch norm.

    They are what stands beside `conv_a` and `cbam`: one has a `filter`, the other has none.
    """
    keys = [key.removeprefix(f"{block}.") for key in theirs if key.startswith(f"{block}.")]
    layers = {key.split(".")[0] for key in keys} - {"conv_a", "cbam"}
    convs = {key.split(".")[0] for key in keys if key.split(".")[1:2] == ["filter"]}
    found = {"conv": layers & convs, "norm": layers - convs}
    return {k: v.pop() if len(v) == 1 else USUAL_NAMES[k] for k, v in found.items()}


def convert(theirs: State, network: nn.Module) -> dict[str, Tensor]:
    """Our state dict of the full network from theirs.

    Raises:
        ValueError: a key is missing, unknown, of another shape or not finite; the line names it.
    """
    expected = network.state_dict()
    their_layer = {ours: layer for layer, ours in layer_pairs(theirs)}
    their_key = {}
    for key in expected:
        layer, _, field = key.rpartition(".")
        their_key[key] = f"{their_layer[layer]}.{field}"
    _complain("is missing", [key for key in their_key.values() if key not in theirs])
    unknown = theirs.keys() - their_key.values()
    _complain("is no layer of the network", [key for key in theirs if key in unknown])
    return {ours: _fitted(key, theirs[key], expected[ours]) for ours, key in their_key.items()}


def _complain(problem: str, keys: list[str]) -> None:
    if keys:
        more = f" ({len(keys) - 1} more like it)" if len(keys) > 1 else ""
        raise ValueError(f"{keys[0]} {problem}{more}")


def _fitted(key: str, found: Tensor, expected: Tensor) -> Tensor:
    """A tensor of theirs in our shape and type."""
    shape = expected.shape[:2] if ".mlp." in key else expected.shape  # linear, without 1x1
    if found.shape != shape:
        raise ValueError(f"{key} has the shape {list(found.shape)}, expected {list(shape)}")
    if not torch.isfinite(found).all():
        raise ValueError(f"{key} holds NaN or infinite numbers")
    return found.to(expected.dtype).reshape(expected.shape).clone()


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The state dict of a file, out of the usual wrappers; no code in the file is run.

    Raises:
        ValueError: not a checkpoint, one that needs code to load, or one without a state dict.
        OSError: the file cannot be read.
    """
    path.open("rb").close()  # what is wrong with the file's place is told as such
    try:
        with torch.serialization.safe_globals(HARMLESS):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no exception of its own for damaged files
        raise ValueError(f"{path}: {_why_not_loaded(error)}") from error
    try:
        return _without_prefix(_unwrapped(loaded))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _why_not_loaded(error: Exception) -> str:
    held = re.search(r"GLOBAL (\S+)", str(error))
    if isinstance(error, pickle.UnpicklingError) and held:
        return f"holds a pickled {held.group(1)}, not only tensors; save model.state_dict()"
    return f"not a checkpoint of torch ({type(error).__name__})"


def _unwrapped(loaded: Any) -> dict[str, Tensor]:
    if not isinstance(loaded, Mapping):
        raise ValueError(f"holds a {type(loaded).__name__}, not a state dict")
    if loaded and all(isinstance(value, Tensor) for value in loaded.values()):
        return dict(loaded)
    for key in WRAPPERS:
        if isinstance(loaded.get(key), Mapping):
            return _unwrapped(loaded[key])
    found = ", ".join(f"{key} ({type(value).__name__})" for key, value in loaded.items())
    places = ", ".join(WRAPPERS)
    raise ValueError(f"no state dict, neither at the top nor under {places}; found {found[:200]}")


def _without_prefix(state: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in PREFIXES:
        if all(str(key).startswith(prefix) for key in state):
            return _without_prefix({str(k)[len(prefix) :]: v for k, v in state.items()})
    return {str(key): value for key, value in state.items()}

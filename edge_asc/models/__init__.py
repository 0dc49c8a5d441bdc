"""Networks by name. Each takes `[B, 1, M, F]` and returns a tuple of logits."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import nn

from edge_asc.config.own_code import is_own
from edge_asc.graph.pretrained import Pretrained
from edge_asc.models.baselines import BioDCASE2026Baseline, DCASE2024Baseline
from edge_asc.models.compact import CompactAMFM
from edge_asc.models.means import Members
from edge_asc.models.own import build_own
from edge_asc.models.paper import ConventionalAMFM, FullAMFM, SequentialAMFM, SingleAMFM
from edge_asc.models.resnet import ResNetLight
from edge_asc.models.slim import SlimAMFM
from edge_asc.suggest import no_such

if TYPE_CHECKING:
    from edge_asc.config.schema import Config


def _members(n_scenes: int, n_abstract: int, members: Sequence[Mapping[str, Any]]) -> Members:
    """Networks by name and options, each a table of the two."""
    return Members([build(m["name"], m.get("options", {}), n_scenes, n_abstract) for m in members])


MODELS: dict[str, Callable[..., nn.Module]] = {
    "compact": CompactAMFM,
    "slim": SlimAMFM,
    "full": FullAMFM,
    "single": SingleAMFM,
    "conventional": ConventionalAMFM,
    "sequential": SequentialAMFM,
    "resnet-light": ResNetLight,
    "dcase2024-baseline": DCASE2024Baseline,
    "biodcase2026-baseline": BioDCASE2026Baseline,
    "members": _members,
    "pretrained": Pretrained,
}


def build(name: str, options: dict[str, Any], n_scenes: int, n_abstract: int = 0) -> nn.Module:
    """Build a network; `options` are its constructor's further arguments.

    Args:
        name: a key of `MODELS`, or `package.module:Class` (`edge_asc.models.own`).
        options: the constructor's further arguments.
        n_scenes: logits of the first head.
        n_abstract: logits of the second head; 0: none.

    Raises:
        ValueError: no such network, or an option it does not have.
    """
    if is_own(name):
        return build_own(name, options, n_scenes, n_abstract)
    if name not in MODELS:
        raise ValueError(no_such("model", name, MODELS))
    try:
        return MODELS[name](n_scenes=n_scenes, n_abstract=n_abstract, **options)
    except TypeError as error:
        raise ValueError(f"model {name}: {error}") from error


def build_for(config: "Config", n_scenes: int, n_abstract: int = 0, **options: Any) -> nn.Module:
    """Build the network of a configuration; `options` are further ones of its constructor.

    Its first head has `Config.others` logits behind those of the scenes.

    Raises:
        ValueError: as `build`.
    """
    model = config.model
    if config.data.unknown_answer == "apart":
        options["apart"] = config.others
    return build(model.name, model.options | options, n_scenes + config.others, n_abstract)

"""Begin a run with another run's trunk, such as one that was pre-trained on abstract classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from edge_asc.data.dataset import SceneDataset
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.training.run_folder import load_network, read_run

HEADS = ("scene", "abstract", "head")  # how networks name what belongs to one set of labels


@dataclass(frozen=True)
class Transfer:
    """What was taken from another run.

    Attributes:
        run: its folder.
        loaded: tensors of the new network that hold its weights.
        fresh: tensors of the new network that are as they were initialised.
    """

    run: str
    loaded: list[str]
    fresh: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return what run.json keeps."""
        return {"run": self.run, "loaded": _parts(self.loaded), "fresh": _parts(self.fresh)}

    def __str__(self) -> str:
        total = len(self.loaded) + len(self.fresh)
        return (
            f"{len(self.loaded)} of {total} tensors from {self.run}"
            f" ({', '.join(_parts(self.loaded))}), new: {', '.join(_parts(self.fresh)) or 'none'}"
        )


def _parts(names: list[str]) -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


def begin_with(
    network: nn.Module, run: Path, labels: Sequence[str] = (), abstract: Sequence[str] = ()
) -> Transfer:
    """Copy a run's weights into a network, where name and shape are the same.

    Heads are copied where the run names the same classes, as one for another recording device does;
    else they stay new.

    Args:
        network: what to begin; changed.
        run: a finished run.
        labels: scenes that the network is to name.
        abstract: its abstract classes.

    Raises:
        ValueError: no finished run, or nothing of it fits.
    """
    theirs, ours = load_network(run).state_dict(), network.state_dict()
    before = read_run(run)
    goes_on = (before.labels, before.abstract_labels) == ([*labels], [*abstract])
    fitting = {
        name: theirs[name]
        for name, value in ours.items()
        if (goes_on or name.partition(".")[0] not in HEADS)
        and name in theirs
        and theirs[name].shape == value.shape
    }
    if not fitting:
        raise ValueError(f"{run}: no weights but the heads' fit this network")
    network.load_state_dict(ours | fitting)
    return Transfer(str(run), list(fitting), [name for name in ours if name not in fitting])


def keep_statistics(frontend: FrontEnd, run: Path) -> FrontEnd:
    """The front end with the statistics of the run to begin with, where it is the same one.

    Its weights were found behind these.
    """
    before = read_run(run).front_end()
    same = replace(before, mean=(), std=()) == replace(frontend, mean=(), std=())
    return before if same else frontend


def check_untested(run: Path, dataset: SceneDataset, fold: int | None) -> None:
    """See that the clips to be tested on were not trained on in the run to begin with.

    Raises:
        ValueError: they were.
    """
    before = read_run(run)
    if fold is None or before.dataset != dataset.name or before.fold == fold:
        return
    raise ValueError(f"{run} was trained on fold {fold} of {dataset.name}, the one to be tested on")

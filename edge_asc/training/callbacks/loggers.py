"""Further places for a run's figures, through Lightning's loggers; each is an optional package."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from edge_asc.install import add_package
from edge_asc.suggest import no_such


def _mlflow(folder: Path) -> Logger:
    place = (folder / "mlruns").resolve().as_uri()
    return MLFlowLogger("edge-asc", run_name=folder.name, tracking_uri=place)


LOGGERS: dict[str, Callable[[Path], Logger]] = {
    "tensorboard": lambda folder: TensorBoardLogger(folder, name="", version="tensorboard"),
    "wandb": lambda f: WandbLogger(name=f.name, save_dir=f, project="edge-asc"),
    "mlflow": _mlflow,
}


def build_loggers(names: Sequence[str], folder: Path) -> list[Logger]:
    """Build loggers that write under the run folder (wandb: wherever wandb is told to).

    Raises:
        ValueError: a name that is not in `LOGGERS`.
        ImportError: the package is not installed; the line names it.
    """
    check_loggers(names)
    return [_build(name, folder) for name in names]


def check_loggers(names: Sequence[str]) -> None:
    """Refuse a logger that cannot be built, before any work is done.

    Raises:
        ValueError: a name that is not in `LOGGERS`.
        ImportError: the package is not installed; the line names it.
    """
    for name in names:
        if name not in LOGGERS:
            raise ValueError(no_such("logger", name, LOGGERS))
        if find_spec(name) is None:
            raise ImportError(f"logger {name} needs a package: {add_package(name)}")


def _build(name: str, folder: Path) -> Logger:
    try:
        return LOGGERS[name](folder)
    except ImportError as error:  # Lightning's own line is a page long
        raise ImportError(f"logger {name} needs a package: {add_package(name)}") from error

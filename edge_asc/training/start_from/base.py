"""A run that begins with a model file: which one it was, and a copy to open the run with.

`edge_asc.graph.pretrained` is the network, `edge_asc.config.base` what the preset takes from the
file.
"""

import hashlib
from pathlib import Path

from edge_asc.config.base import check_base
from edge_asc.config.schema import Config
from edge_asc.files import atomic_write
from edge_asc.graph.trunk import read_trunk
from edge_asc.runtime.zoo.models import model_path
from edge_asc.training.placement import Placement
from edge_asc.training.run_folder import BASE


def describe_base(config: Config) -> dict[str, str]:
    """What run.json says of the base; empty where there is none.

    Raises:
        ValueError: it hears other features than the configuration says, or cannot be built upon.
        OSError: it cannot be read.
    """
    if config.base is None:
        return {}
    check_base(config.to_dict())
    path = model_path(Path(config.base))
    name = read_trunk(path).metadata.name  # what cannot be built upon is told before anything else
    data = path.read_bytes()
    return {"name": name, "file": config.base, "sha256": hashlib.sha256(data).hexdigest()}


def keep_base(folder: Path, config: Config) -> None:
    """Copy the base into a run's folder: the run must open when the file has moved."""
    if config.base is not None:
        data = model_path(Path(config.base)).read_bytes()
        with atomic_write(folder / BASE) as temporary:
            temporary.write_bytes(data)


def check_processes(config: Config, placement: Placement) -> None:
    """Refuse heads that learn alone in several processes, which wait for every layer's gradient.

    Raises:
        ValueError: there are several.
    """
    n = placement.devices * placement.num_nodes
    if config.train.head_epochs and n > 1:
        raise ValueError(f"train.head_epochs needs one process, found {n}; or set it to 0")

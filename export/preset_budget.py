"""What a preset or a run costs: its network as it is trained, and the files it becomes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import torch
from torch import nn

from edge_asc.budget.inventory import Inventory
from edge_asc.budget.network.reader import inventory_of_torch
from edge_asc.budget.read_file import inventory_of_file
from edge_asc.budget.tflite.reader import read_tflite
from edge_asc.config.schema import Config, load_preset
from edge_asc.data.labels import TAU_GROUPS, TAU_SCENES
from edge_asc.export.run import LICENCE_CHARACTERS, deployment_graph, model_metadata, write_file
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.graph.fold import fold
from edge_asc.graph.graph import Graph
from edge_asc.graph.trace import trace
from edge_asc.models import build_for
from edge_asc.quantize import qat
from edge_asc.quantize.four_bits import layers_of_four_bits
from edge_asc.quantize.half import round_to_half
from edge_asc.runtime.metadata import Format, Metadata, Precision
from edge_asc.training.callbacks.prune import prune
from edge_asc.training.run_folder import load_network, read_run

FOUR_BITS = ("int4", "mixed")


def preset_files(config: Config, precision: Precision) -> dict[Format, bytes]:
    """The files that a preset would become with the ten TAU scenes, one of each format."""
    return {f: preset_file(config, precision, f) for f in get_args(Format)}


def preset_file(
    config: Config,
    precision: Precision,
    file_format: Format,
    scenes: Sequence[str] = TAU_SCENES,
    abstract: Sequence[str] = tuple(TAU_GROUPS),
) -> bytes:
    """The file that a preset would become, with made-up numbers for what training finds.

    Raises:
        ValueError: a network that cannot be built or written.
    """
    frontend, n_frames, clip_s = _window(config)
    n_mels = frontend.n_mels
    labels = list(abstract) if config.model.abstract else []
    network = build_for(config, len(scenes), len(labels))
    _unsettle(network)
    prune(network, config.train.sparsity)
    graph = _as_stored(fold(trace(network, n_mels, n_frames)), precision)
    if frontend.normalization == "dataset":
        # Four digits a number, as trained statistics have.
        frontend = frontend.with_statistics([-1.234] * n_mels, [1.234] * n_mels)
    metadata = Metadata(
        name=config.name,
        labels=list(scenes),
        abstract_labels=labels,
        frontend=frontend.to_dict(),
        clip_s=clip_s,
        views=config.data.views,
        others=config.others,
        precision=precision,
        # As long as those of a run.
        provenance={
            "dataset": "-" * 20,
            "git": "0" * 40,
            "versions": "-" * 150,
            "data_licence": "-" * LICENCE_CHARACTERS,
        },
        budget={"rule": config.rule, "enforced": True},
    )
    return write_file(graph, metadata, file_format, n_frames)


def _unsettle(network: nn.Module) -> None:
    """Move batch norms from their start, so that no two tensors are equal.

    Writers store equal tensors once: the zeros of a fresh network would flatter the file's size.
    """
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None  # every network here tracks statistics
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)


def _as_stored(graph: Graph, precision: Precision) -> Graph:
    if precision == "mixed":
        raise ValueError(
            "precision mixed is chosen by what rounding does to a trained network: it is for runs;"
            " a preset has int8, its most, and int4, its least"
        )
    if precision in ("int8", "int4"):
        return qat.dummy_quantised(graph, layers_of_four_bits(graph) * (precision == "int4"))
    return round_to_half(graph) if precision == "float16" else graph


def _window(config: Config) -> tuple[FrontEnd, int, float]:
    """Front end, frames and seconds of one input of the network."""
    frontend = config.front_end()
    clip_s = config.data.crop_s or config.data.clip_s
    if clip_s is None:
        raise ValueError(f"{config.name}: neither data.crop_s nor data.clip_s says how long")
    return frontend, frontend.frames_in(clip_s), clip_s


def of_preset(preset: Config | str, precision: Precision | None = None) -> Inventory:
    """Count a preset before training; None: in the precision it is meant to ship in.

    Raises:
        ValueError: a malformed preset, or a network that cannot be built or written.
    """
    config = load_preset(preset) if isinstance(preset, str) else preset
    precision = precision or config.precision
    files, name = preset_files(config, precision), f"{config.name} ({precision})"
    if precision in FOUR_BITS:
        return _as_it_ships(files, name)
    frontend, n_frames, clip_s = _window(config)
    n_abstract = len(TAU_GROUPS) if config.model.abstract else 0
    network = build_for(config, len(TAU_SCENES), n_abstract)
    if config.train.sparsity:
        _unsettle(network)  # what is zero now is what pruning made zero
        prune(network, config.train.sparsity)
    counted = inventory_of_torch(
        network.eval(),
        (1, 1, frontend.n_mels, n_frames),
        clip_s,
        precision=precision,
        trained=config.train.sparsity > 0,
        name=name,
    )
    return _with_memory(replace(counted, views=config.data.views), files)


def of_run(run: Path, precision: Precision | None = None) -> Inventory:
    """Count a finished run; for int8, int4 and mixed one that was quantised so.

    Raises:
        ValueError: no such run.
    """
    description = read_run(run)
    precision = precision or description.settings().precision
    graph, name = deployment_graph(run, precision), f"{run.name} ({precision})"
    metadata = model_metadata(run, description, precision, description.settings().rule)
    files = {f: write_file(graph, metadata, f, description.n_frames) for f in get_args(Format)}
    if precision in FOUR_BITS:
        return _as_it_ships(files, name)
    counted = inventory_of_torch(
        load_network(run),
        (1, 1, description.front_end().n_mels, description.n_frames),
        description.clip_s,
        precision=precision,
        name=name,
    )
    return _with_memory(replace(counted, views=metadata.views), files)


def _as_it_ships(files: dict[Format, bytes], name: str) -> Inventory:
    """Count the folded network by its file: which layers have four bits is decided there."""
    return _with_files(inventory_of_file(files["tflite"], name=name), files)


def _with_memory(counted: Inventory, files: dict[Format, bytes]) -> Inventory:
    """A network in torch with its files, and the memory that its .tflite takes."""
    peak_bytes = read_tflite(files["tflite"], audio_s=counted.audio_s).peak_activation_bytes
    return _with_files(replace(counted, peak_activation_bytes=peak_bytes), files)


def _with_files(counted: Inventory, files: dict[Format, bytes]) -> Inventory:
    """The larger file counts: a rule is kept in either format."""
    sizes = {name: len(data) for name, data in files.items()}
    note = ", ".join(f".{name} {size:,} bytes" for name, size in sizes.items())
    return counted.with_file(max(sizes.values()), f"files as exported: {note}; the larger counts")

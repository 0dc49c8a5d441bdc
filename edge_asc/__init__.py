"""Acoustic scene classifiers that fit in 128 KB: train, quantise, write, run.

`import edge_asc as ea` costs nothing: each name below is resolved when it is first used, and torch
is imported by those that train or count networks.

    clf = ea.load("esc10-32k")                 # a zoo name (ea.zoo()) or a .tflite / .onnx file
    clf("dog.wav").top(3)                      # also clf.stream(hop_s=1), clf.embed("dog.wav")

    ds, cfg = ea.open_dataset("ESC-10"), ea.preset("esc10/32k", epochs=40)
    run = ea.train(cfg, ds, fold=1)            # a Run; model= takes any torch module
    file = run.quantize().export("int8")
    ea.evaluate(file, ds).accuracy             # ea.compare([file, "esc10-32k"], ds) of several
    print(ea.complexity(file, rule="dcase2024"))

    q = ea.quantize(ea.trace(net, n_mels=64), batches)           # no run folder needed
    ea.write_tflite(ea.freeze(q), "m.tflite")                    # or write_onnx

    ea.teach("my-sounds", "my.tflite").accuracy    # a folder of recordings per class; no torch

The packages, each of which imports only those before it:

- `audio`, `frontend`, `runtime`, `demo`: what runs on a Raspberry Pi, without torch
- `config`, `data`, `budget`: presets, data sets, size rules
- `models`, `graph`, `training`, `evaluation`: torch networks, their graphs, runs and figures
- `quantize`, `export`: int8, and the files' writers
- `research`: comparisons of several models, as papers ask for them
- `teaching`: a head for sounds of one's own, without torch
- `api`: what joins several of these for the names above
- `report`, `search`, `cli`: the report, the search for networks, the command `edge-asc`
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # what type checkers and editors read; the table below says the same
    from edge_asc.api.compare import compare as compare
    from edge_asc.api.complexity import complexity as complexity
    from edge_asc.api.run import Run as Run
    from edge_asc.api.run import train as train
    from edge_asc.config.settings import preset as preset
    from edge_asc.data.open import open_dataset as open_dataset
    from edge_asc.evaluation.evaluate import evaluate as evaluate
    from edge_asc.export.onnx.to_onnx import to_onnx as to_onnx
    from edge_asc.export.tflite.to_tflite import to_tflite as to_tflite
    from edge_asc.export.write import write_onnx as write_onnx
    from edge_asc.export.write import write_tflite as write_tflite
    from edge_asc.frontend.front_end import FrontEnd as FrontEnd
    from edge_asc.graph.fold import fold as fold
    from edge_asc.graph.trace import trace as trace
    from edge_asc.quantize.qat import freeze as freeze
    from edge_asc.quantize.qat import quantize as quantize
    from edge_asc.runtime.classifier import Classifier as Classifier
    from edge_asc.runtime.zoo.models import load as load
    from edge_asc.runtime.zoo.models import zoo as zoo
    from edge_asc.teaching.teach import teach as teach

_WHERE = {
    "load": "runtime.zoo.models",
    "zoo": "runtime.zoo.models",
    "Classifier": "runtime.classifier",
    "FrontEnd": "frontend.front_end",
    "open_dataset": "data.open",
    "preset": "config.settings",
    "train": "api.run",
    "Run": "api.run",
    "evaluate": "evaluation.evaluate",
    "compare": "api.compare",
    "complexity": "api.complexity",
    "trace": "graph.trace",
    "fold": "graph.fold",
    "quantize": "",  # the package itself, which can be called
    "freeze": "quantize.qat",
    "to_tflite": "export.tflite.to_tflite",
    "to_onnx": "export.onnx.to_onnx",
    "write_tflite": "export.write",
    "write_onnx": "export.write",
    "teach": "teaching.teach",
}

__all__ = [*_WHERE]


if not TYPE_CHECKING:  # or every misspelt name would have a type

    def __getattr__(name: str) -> Any:
        """Import what a public name stands for, at its first use."""
        if name not in _WHERE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if not _WHERE[name]:
            return importlib.import_module(f"{__name__}.{name}")
        found = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
        globals()[name] = found  # from now on without this function
        return found


def __dir__() -> list[str]:
    """The public names."""
    return sorted([*__all__, "__version__", "__doc__"])

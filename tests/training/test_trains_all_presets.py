"""Every preset goes the whole way: one epoch, int8 without training on, exported, evaluated."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from edge_asc.evaluation.evaluate import evaluate
from edge_asc.export.preset_budget import preset_files
from edge_asc.export.run import export_run
from edge_asc.quantize.run import quantize_run
from edge_asc.runtime.metadata import Format, Precision
from edge_asc.training.run_folder import load_network, read_run
from presets import FLATTENS, MODEL_OF, one_per_model
from small_run import N_FRAMES, N_MELS, train_run

FORMATS: tuple[Format, ...] = get_args(Format)
PRECISIONS: tuple[Precision, ...] = ("int4", "float32", "float16", "int8")

pytestmark = pytest.mark.slow

SIZE = (f"model.options={{n_mels = {N_MELS}, n_frames = {N_FRAMES}}}",)


@pytest.mark.parametrize("preset", one_per_model())
def test_preset_trains_quantises_and_exports(preset: str, scenes: Path, tmp_path: Path) -> None:
    size = SIZE if MODEL_OF[preset] in FLATTENS else ()
    run = train_run(tmp_path / "run", scenes, preset, "frontend.f_max_hz=4000", *size)
    assert all(torch.isfinite(p).all() for p in load_network(run).parameters())
    for weights in ("int8", "int4"):
        overrides = [f"quantize.weights={weights}"]
        quantize_run(run, ptq=True, overrides=overrides, progress=False)
    for precision in PRECISIONS:
        # The exporter has compared each file with torch; rules are another test's matter.
        written = export_run(run, precision=precision, formats=FORMATS, enforced=False)
        before_training = preset_files(read_run(run).settings(), precision)
        sizes = {file.path.suffix[1:]: file.bytes for file in written}
        # Apart in the lengths of labels, names and dates, in which tensors happen to be equal, and
        # in which layers happen to have equal scales (208 bytes were seen).
        expected = {name: len(data) for name, data in before_training.items()}
        assert sizes == pytest.approx(expected, abs=300)
    figures: dict[str, Any] = evaluate(written[0].path, scenes).figures
    assert (figures["clips"], figures["precision"]) == (40, "int8")
    assert np.isfinite(figures["log_loss"])

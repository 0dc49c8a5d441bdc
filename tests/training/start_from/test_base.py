"""A run that begins with a model file: first its heads learn, then all; its file is small."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import edge_asc as ea
from command import Cli
from edge_asc.config.schema import Config, load_preset
from edge_asc.config.settings import begun_with
from edge_asc.data.synthetic import write_synthetic
from edge_asc.export.parity import MOST_STEPS
from edge_asc.export.write import static_files
from edge_asc.graph.from_tflite import from_tflite
from edge_asc.graph.pretrained import Pretrained
from edge_asc.runtime.metadata import read_metadata
from edge_asc.runtime.zoo.models import find_model
from edge_asc.training.placement import Placement
from edge_asc.training.run import train
from edge_asc.training.run_folder import load_network, read_run
from edge_asc.training.step import learning_rate
from small_training import Stop, assert_same_weights

ENCODER = find_model("encoder").tflite
MOST_BYTES = 128_000
QUICK = (
    "train.head_epochs=1",
    "train.batch_size=5",
    "data.microphones=0",
    "train.warmup_epochs=0",
)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty clips of half a second at 8 kHz: an encoder hears five seconds at 16 kHz."""
    folder = tmp_path_factory.mktemp("few")
    write_synthetic(folder, clips_per_class=5, clip_s=0.5, sample_rate_hz=8000)
    return folder


def settings(epochs: int, *overrides: str) -> Config:
    return load_preset("encoder-base", [*QUICK, f"train.epochs={epochs}", *overrides])


def run_of(folder: Path, data: Path, epochs: int, *overrides: str, **further: Any) -> Path:
    return train(
        settings(epochs, *overrides), ea.open_dataset(data), 1, folder, data=str(data),
        progress=False, placement=Placement(accelerator="cpu"), **further,
    )  # fmt: skip


def moved(run: Path) -> set[str]:
    """Tensors of the encoder that are not those of the file."""
    before = Pretrained(10, 0, "encoder-lite").state_dict()
    after = load_network(run).state_dict()
    return {
        k for k, v in after.items() if k.startswith("encoder") and not torch.equal(v, before[k])
    }


def test_the_encoder_stands_still_until_the_head_has_learnt(few: Path, tmp_path: Path) -> None:
    first = run_of(tmp_path / "first", few, 1)
    assert not moved(first)
    both = run_of(tmp_path / "both", few, 2)
    state = load_network(both).state_dict()
    assert moved(both) == {k for k in state if k.startswith("encoder")}
    rates = [row["learning_rate"] for row in ea.Run(both).history]
    steps = 2  # an epoch: one recording of each scene trains, four are tested
    train_config = settings(2).train
    assert rates == [learning_rate(train_config, at, steps) for at in (steps - 1, 2 * steps - 1)]


def test_behind_the_head_the_rate_is_a_part_of_what_it_would_be() -> None:
    held = settings(4, "train.after_head=0.2").train
    plain = settings(4, "train.head_epochs=0").train
    for step in range(12):
        part = 1 if step < 3 else 0.2
        assert learning_rate(held, step, 3) == part * learning_rate(plain, step, 3)


def test_a_resumed_run_ends_as_an_uninterrupted_one(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run_of(tmp_path / "whole", few, 3)
    forward, seen = Pretrained.forward, []

    def stops(self: Pretrained, x: torch.Tensor) -> Any:
        seen.extend([1] * self.training)
        if len(seen) == 6:  # in the third epoch, the second in which all layers learn
            raise Stop
        return forward(self, x)

    monkeypatch.setattr(Pretrained, "forward", stops)
    with pytest.raises(Stop):
        run_of(tmp_path / "cut", few, 3)
    monkeypatch.undo()
    again = run_of(tmp_path / "cut", few, 3, resume=True)
    assert_same_weights(load_network(whole).state_dict(), load_network(again).state_dict())


def test_an_output_that_learns_apart_changes_nothing_else(few: Path, tmp_path: Path) -> None:
    """All other weights are those of a run without it, to the bit; files have both as one layer."""
    strange = "data.unknown_part=0.25"
    even, apart = (
        run_of(
            tmp_path / answer, few, 3, strange, f"data.unknown_answer={answer}", "train.clip_norm=1"
        )
        for answer in ("even", "apart")
    )
    before, after = (load_network(run).state_dict() for run in (even, apart))
    alone = {name: after.pop(name) for name in list(after) if name.startswith("apart")}
    assert {name: x.shape for name, x in alone.items()} == {
        "apart.weight": (1, before["scene.weight"].shape[1]), "apart.bias": (1,)
    }  # fmt: skip
    assert_same_weights(before, after)
    first = Pretrained(11, 0, "encoder-lite", apart=1).state_dict()
    assert not torch.equal(alone["apart.weight"], first["apart.weight"])
    quantized = ea.Run(apart).quantize(data=few, teachers=(apart,), progress=False, epochs=2)
    state = torch.load(apart / "quantized" / "weights.pt", weights_only=True)
    (learnt,) = (x for x in state.values() if x.shape == (11, alone["apart.weight"].shape[1]))
    factor = load_network(apart).factor
    # no gradient came there: weight decay alone, some 1e-6 of it
    torch.testing.assert_close(learnt[10:], alone["apart.weight"] * factor, rtol=1e-5, atol=0)
    assert (learnt[:10] != after["scene.weight"] * factor).all()
    assert read_metadata(quantized.export("int8").path).others == 1


def test_an_output_that_learns_apart_needs_a_base() -> None:
    asked = ["data.unknown_part=0.25", "data.unknown_answer=apart"]
    for preset, more in (("nano", []), ("encoder-base", ["train.loss=binary"])):
        with pytest.raises(ValueError, match="'apart' needs a network that begins with a base"):
            load_preset(preset, [*asked, *more])
    with pytest.raises(ValueError, match=r"model\.options\.apart is what data"):
        load_preset("encoder-base", ["model.options.apart=1"])  # its last class would learn alone


def test_from_a_file_to_a_file(few: Path, tmp_path: Path) -> None:
    """Front end and window are the file's; the run opens when the file is gone."""
    base = tmp_path / "mine.tflite"
    shutil.copy(ENCODER, base)
    config = settings(2)
    run = ea.train(config, few, 1, base=base, out=tmp_path, name="run", progress=False)
    said = read_metadata(base)
    digest = hashlib.sha256(base.read_bytes()).hexdigest()
    described = read_run(run.path)
    assert described.base == {"name": "encoder", "file": str(base), "sha256": digest}
    assert described.frontend == said.frontend and described.clip_s == said.clip_s == 5.0
    base.unlink()
    file = run.quantize(ptq=True, range_clips=16, progress=False).export("int8")
    assert file.bytes <= MOST_BYTES
    assert file.parity["largest_difference_steps"] <= MOST_STEPS
    metadata = read_metadata(file.path)
    assert metadata.provenance["base"] == {"name": "encoder", "sha256": digest[:12]}
    assert metadata.frontend == said.frontend and metadata.labels == run.labels
    assert ea.load(file)(next(few.rglob("*.wav"))).label in run.labels
    with pytest.raises(ValueError, match="int8 files alone"):
        run.export("float32")


@pytest.mark.parametrize("unit_length", ["true", "false"])
def test_int8_training_goes_on_from_there(few: Path, tmp_path: Path, unit_length: str) -> None:
    """Embeddings as long as they are need no operation that divides by a length."""
    options = f"model.options.unit_length={unit_length}"
    run = ea.Run(run_of(tmp_path / "run", few, 1, options))
    run.quantize(epochs=1, range_clips=16, progress=False)
    assert run.metrics["int8"]["method"] == "qat"
    file = run.export("int8", static=True, rule="edge-128k-ram256k")
    assert file.parity["largest_difference_steps"] <= MOST_STEPS
    graph, _ = from_tflite(file.path.read_bytes())
    assert ("l2_normalise" in {node.op for node in graph.nodes}) == (unit_length == "true")


def test_any_int8_file_of_ours_can_be_the_base() -> None:
    config = begun_with(load_preset("encoder-base"), "esc10-32k")
    assert config.frontend == read_metadata(find_model("esc10-32k").tflite).frontend
    assert config.base == "esc10-32k"
    network = Pretrained(3, 0, "esc10-32k").eval()
    assert network.factor == 1  # its embedding is not of length 1
    with torch.no_grad():
        (logits,) = network(torch.randn(2, 1, config.front_end().n_mels, 100))
    assert logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nano", "--base", "encoder"], "nano: its network compact begins with no base; the preset"
         " encoder-base does"),
        (["encoder-base", "--base", "encodr"], "did you mean encoder"),
        (["encoder-base", "--base", "encoder", "--init", "RUN"], "not with both"),
        (["encoder-base", "--set", "frontend.n_mels=40"], "encoder-base: frontend.n_mels = 40, but"
         " the base encoder-lite was trained with 64: leave it out, or take another base"),
        (["encoder-base", "--set", "data.crop_s=2"], "crop_s = 2, but the base encoder-lite was"),
        (["encoder-base", "--set", "data.clip_s=2"], "the base encoder-lite hears 5 s at once"),
        (["encoder-base", "--set", "model.options.base=nano.onnx"], "nano.onnx"),
        (["encoder-base", "--set", "model.options={}"], "frontend is missing"),
        (["encoder-base", "--devices", "2"], "train.head_epochs needs one process, found 2"),
        (["nano", "--set", "train.head_epochs=2"], "needs a network that begins with a base"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_line(
    arguments: list[str], line: str, few: Path, tmp_path: Path, cli: Cli
) -> None:
    out = ["--out", str(tmp_path / "runs"), "--name", "x"]
    code, printed, err = cli("train", *arguments, "--data", few, "--fold", "1", *out)
    assert code == 1 and not printed
    assert err.count("\n") == 1 and line in err
    assert not (tmp_path / "runs").exists()


def test_a_static_base_is_told_before_any_sound_is_heard(
    few: Path, tmp_path: Path, cli: Cli
) -> None:
    (base,) = static_files(find_model("esc10-32k").tflite, out=tmp_path)
    silent = shutil.copytree(few, tmp_path / "silent")
    for sound in silent.rglob("*.wav"):
        sound.write_bytes(b"")  # which no features can be made of
    options = ("--data", silent, "--fold", "1", "--out", tmp_path / "runs", "--name", "x")
    code, _, err = cli("train", "encoder-base", "--base", base.path, *options)
    assert code == 1 and err.count("\n") == 1
    assert "a static file, which takes 251 frames alone: build upon the dynamic file" in err
    assert not (tmp_path / "runs").exists()


def test_a_base_that_has_changed_is_not_gone_on_with(few: Path, tmp_path: Path) -> None:
    base = tmp_path / "mine.tflite"
    shutil.copy(ENCODER, base)
    named = f'model.options={{base = "{base}"}}'
    run = run_of(tmp_path / "run", few, 1, named)
    other = json.loads((run / "run.json").read_text())
    other["base"]["sha256"] = "0" * 64
    (run / "run.json").write_text(json.dumps(other))
    with pytest.raises(ValueError, match=r"was started with base\.sha256 = '000"):
        run_of(tmp_path / "run", few, 1, named, resume=True)

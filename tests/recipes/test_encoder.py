"""What the encoder's recipe is made of keeps its laws; without recordings or teachers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "recipes"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "recipes" / "encoder"))

import sounds
import spectra
import table
from keep import keep
from quantise import file_bytes, front_end_of, with_one_scale
from student import Average, Checkpoint, Student
from train import settings_of
from windows import Answer, Ring

from edge_asc.graph.fold import fold
from edge_asc.graph.trace import trace
from edge_asc.models.compact import CompactAMFM
from edge_asc.quantize import qat

FLOAT32_LOG = 2e-3  # spectra in float32 against the front end's float64, in a logarithm
N = spectra.WINDOW_SAMPLES
ALL_OF_ONE = sounds.Mixing(shares=(1.0,))


def pool_of(*made: np.ndarray) -> sounds.Pool:
    return sounds.Pool.of([list(made)])


def test_the_student_hears_what_its_front_end_computes() -> None:
    """Frames of `Spectra` lie inside the sound; the front end's are centred, half a frame later."""
    sound = np.random.default_rng(0).normal(0, 0.1, N).astype(np.float32)
    hears = spectra.Spectra()
    ours = hears.student(hears.magnitudes(torch.from_numpy(sound)[None]))[0].numpy()
    theirs = spectra.FRONT_END.raw(sound[spectra.FRAME // 2 :])
    assert ours.shape == (spectra.N_MELS, spectra.WINDOW_FRAMES)
    # The first and last of theirs look beyond the sound's ends, which are reflected.
    np.testing.assert_allclose(ours[:, 2:90], theirs[:, 2:90], atol=FLOAT32_LOG)


def test_a_tone_is_loudest_in_the_band_around_it_for_the_teacher() -> None:
    tone_hz = 1000.0
    sound = torch.sin(2 * torch.pi * tone_hz * torch.arange(N) / spectra.RATE_HZ)[None]
    hears = spectra.Spectra()
    loudest = int(hears.teacher(hears.magnitudes(sound))[0, 0].mean(0).argmax())
    low, high = (1127 * np.log1p(f / 700) for f in (spectra.LOWEST_HZ, spectra.HIGHEST_HZ))
    middles = np.linspace(low, high, spectra.N_MELS + 2)[1:-1]
    assert loudest == np.abs(middles - 1127 * np.log1p(tone_hz / 700)).argmin()


def test_stored_features_are_right_to_half_a_step() -> None:
    log_mels = torch.linspace(spectra.LOWEST, spectra.LOWEST + 250 * spectra.STEP, 1000)
    back = spectra.unpacked(spectra.packed(log_mels))
    assert float((back - log_mels).abs().max()) <= spectra.STEP / 2 + 1e-5


def test_windows_are_of_full_length_and_within_full_scale() -> None:
    rng = np.random.default_rng(0)
    mixer = sounds.Mixer(
        pool_of(rng.normal(0, 0.3, 500), rng.normal(0, 0.3, 90_000)), N, ALL_OF_ONE
    )
    windows = mixer(20, rng)
    assert windows.shape == (20, N)
    assert windows.dtype == torch.float32
    assert float(windows.abs().max()) <= 1
    levels_db = 10 * windows.square().mean(1).log10()
    # The first sound of a window is at -50 dB or above; what is added cancels none of it.
    assert float(levels_db.min()) > -51
    assert float(levels_db.std()) > 5  # quiet windows and loud ones


def test_a_crop_holds_nothing_of_the_sounds_beside_it() -> None:
    """The neighbours in the pool are loud; what is drawn, a tone, has a band of its own."""
    rng = np.random.default_rng(0)
    tone = 0.5 * np.sin(2 * np.pi * 0.05 * np.arange(3000))
    pool = pool_of(np.ones(2000), tone, -np.ones(2000))
    mixer = sounds.Mixer(pool, 4000, ALL_OF_ONE)
    for _ in range(20):
        piece = mixer.piece(1, 4000, rng)
        assert abs(piece).max() <= 0.5 * 32767 + 1
        assert len(piece) == 4000


def test_a_group_has_its_share_whatever_its_sounds() -> None:
    pool = sounds.Pool.of([[np.zeros(100), np.zeros(400)], [np.zeros(900)]])
    np.testing.assert_allclose(pool.chances((0.6, 0.4)), [0.2, 0.4, 0.4])
    np.testing.assert_allclose(pool.chances((3, 0)), [1 / 3, 2 / 3, 0])


def test_computed_sounds_are_finite_and_follow_their_seed() -> None:
    for make in sounds.KINDS:
        first, again, other = (make(np.random.default_rng(seed), 8000) for seed in (0, 0, 1))
        assert np.isfinite(first).all()
        assert first.std() > 0
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_answers_are_uncorrelated_and_of_deviation_one() -> None:
    torch.manual_seed(0)
    embeddings = torch.randn(4000, 12) @ torch.randn(12, 12) + 3
    answers = Answer.fitted(embeddings, 5)(embeddings)
    covariance = answers.T @ answers / len(answers)
    torch.testing.assert_close(covariance, torch.eye(5), atol=1e-3, rtol=0)


def test_the_ring_forgets_its_oldest_windows_and_outlives_its_process(tmp_path: Path) -> None:
    def windows(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (4, spectra.N_MELS, spectra.WINDOW_FRAMES)
        return torch.full(shape, number, dtype=torch.uint8), torch.full((4, 3), float(number))

    ring = Ring(tmp_path, 8, 3)
    for number in range(3):
        ring.add(*windows(number))
    ring.save()
    features, answers = Ring(tmp_path, 8, 3).draw(200, np.random.default_rng(0))
    assert set(answers.flatten().tolist()) == {1.0, 2.0}
    same = spectra.unpacked(torch.tensor([1, 2], dtype=torch.uint8))
    assert set(features.flatten().tolist()) == set(same.tolist())


def test_the_average_starts_quickly_and_ends_near_what_stands_still() -> None:
    network = torch.nn.Linear(2, 2)
    average = Average(network, 0.99)
    with torch.no_grad():
        network.weight.fill_(5.0)
    for _ in range(2000):
        average.update(network)
    torch.testing.assert_close(average.state["weight"], network.weight.detach())


ARTIFACTS = Path(__file__).resolve().parents[2] / "recipes" / "artifacts"
KEPT = ARTIFACTS / "encoder/checkpoint/student.ckpt"


@pytest.mark.parametrize("name", ["encoder", "encoder-lite"])
def test_training_goes_on_from_what_is_kept(name: str) -> None:
    """From a whole checkpoint exactly; from the one in the repository with the averaged weights."""
    kept = Checkpoint.load(ARTIFACTS / name / "checkpoint/student.ckpt")
    results = json.loads((ARTIFACTS / name / "results.json").read_text())
    zeros = torch.zeros(spectra.N_MELS)

    def begun(checkpoint: Checkpoint) -> tuple[Student, torch.optim.Optimizer, int]:
        student = Student(kept.settings["model"], sum(kept.settings["answers"]), zeros, zeros + 1)
        optimizer = torch.optim.AdamW(student.parameters(), 0.002)
        return student, optimizer, checkpoint.restore(student, optimizer, Average(student, 0.999))

    student, optimizer, seen = begun(kept)
    assert seen == kept.training["seen"] == results["run"]["windows"]
    assert all(torch.equal(v, kept.average[k]) for k, v in student.state_dict().items())
    student(torch.randn(4, 1, spectra.N_MELS, 96)).square().mean().backward()
    optimizer.step()
    training = {"student": student.state_dict(), "optimizer": optimizer.state_dict()}
    again, moments, _ = begun(Checkpoint(kept.settings, kept.average, kept.training | training))
    assert all(torch.equal(v, again.state_dict()[k]) for k, v in student.state_dict().items())
    assert moments.state_dict()["state"].keys() == optimizer.state_dict()["state"].keys()


def test_what_is_kept_holds_no_moments(tmp_path: Path) -> None:
    kept = Checkpoint.load(KEPT)
    heavy = Checkpoint(
        kept.settings, kept.average, kept.training | {"optimizer": {}, "student": {}}
    )
    heavy.save(tmp_path / "student.ckpt")
    (tmp_path / "answers.pt").write_bytes(b"what the teachers are asked")
    keep(tmp_path, tmp_path / "checkpoint")
    again = Checkpoint.load(tmp_path / "checkpoint/student.ckpt")
    assert (again.settings, again.training) == (kept.settings, kept.training)
    assert again.average.keys() == kept.average.keys()
    assert (tmp_path / "checkpoint/answers.pt").read_bytes() == b"what the teachers are asked"


def test_an_embedding_takes_any_length() -> None:
    mels = torch.randn(2, 1, 64, 96)
    student = Student({"channels": [8, 8, 12, 10]}, 5, torch.zeros(64), torch.ones(64)).eval()
    assert student.embed(mels).shape == student.embed(mels[..., :50]).shape == (2, 20)
    assert student(mels).shape == (2, 5)


def test_a_student_may_have_the_layers_of_a_compact_network() -> None:
    """Its embedding is what the network's last layer reads."""
    chosen = settings_of(
        ["model.name=compact", "model.channels=8,8,12", "model.stem_kernel=7", "model.pool=salient"]
    ).model
    student = Student(chosen, 3, torch.zeros(64), torch.ones(64)).eval()
    options = {key: value for key, value in chosen.items() if key != "name"}
    network = CompactAMFM(5, **options).eval()
    network.trunk.load_state_dict(student.encoder.trunk.state_dict())
    raw = torch.randn(2, 1, 64, 96)
    with torch.no_grad():
        (logits,) = network(raw)
        torch.testing.assert_close(network.scene(student.embed(raw)), logits)


def test_embeddings_get_one_scale_and_nothing_else_changes() -> None:
    options = {"channels": [8, 8, 12, 10, 12, 10], "earlier": 2}
    student = Student(options, 5, torch.zeros(64), torch.ones(64)).eval()
    for name, values in student.named_parameters():
        if "embeddings" in name:
            torch.nn.init.uniform_(values, 0.2, 1.5)
    before = qat.dummy_quantised(fold(trace(student.encoder, 64)))
    after = with_one_scale(before)
    changed = []
    for old, new in zip(before.nodes, after.nodes, strict=True):
        same = [np.array_equal(a, new.tensors[key]) for key, a in old.tensors.items()]
        changed += [] if all(same) else [(old.tensors, new.tensors)]
    assert len(changed) == 4  # mean and maximum of two blocks' maps
    for pair in changed:
        (scale,) = set(pair[1]["weight_scale"].tolist())
        real = [tensors["weight"].ravel() * tensors["weight_scale"] for tensors in pair]
        np.testing.assert_allclose(*real, atol=0.51 * scale)
    kept = Checkpoint({}, {}, {"seen": 0})
    files = [file_bytes(graph, front_end_of(student), kept) for graph in (after, before)]
    assert len(files[0]) < len(files[1])


@pytest.fixture(scope="module")
def clips() -> table.Clips:
    labels = np.repeat(np.arange(40), 10)
    return table.Clips(np.zeros((400, 1)), labels, np.tile(np.repeat(np.arange(1, 6), 2), 40))


def test_what_tells_classes_apart_is_told_apart(clips: table.Clips) -> None:
    rng = np.random.default_rng(0)
    clear = 5 * np.eye(40)[clips.labels] + rng.normal(0, 0.1, (400, 40))
    (column,) = list(table.few_shot(clear, clips, shots=(4,), quick=True).values())
    assert column["choice"] > 95


def test_noise_tells_nothing(clips: table.Clips) -> None:
    noise = np.random.default_rng(0).normal(size=(400, 30))
    (column,) = list(table.few_shot(noise, clips, shots=(4,), quick=True).values())
    assert column["choice"] < 10  # chance is 2.5 %


def test_no_test_clip_teaches(clips: table.Clips) -> None:
    """Embeddings that only name the clip: whoever were taught by a test clip would know it."""
    draws = table.Draws(np.eye(400), clips.labels, clips.folds != 1, clips.folds == 1)
    assert draws.accuracies(4, 3, 1.0).max() < 15

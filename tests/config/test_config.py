"""Presets load and survive a round trip; everything wrong is one line that names the key."""

from pathlib import Path

import pytest

from edge_asc.config.schema import PRESETS, AugmentConfig, config_from_dict, load_preset

SMALLEST = """
[frontend]
sample_rate_hz = 16000
n_fft = 512
win_length = 400
hop_length = 160
n_mels = 40

[model]
name = "compact"
"""


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(SMALLEST)
    return path


@pytest.mark.parametrize("name", PRESETS)
def test_preset_round_trips(name: str) -> None:
    config = load_preset(name)
    assert config.name == name
    assert config_from_dict(config.to_dict()) == config
    assert config.front_end().n_mels == config.frontend["n_mels"]


@pytest.mark.parametrize("name", PRESETS)
def test_masks_of_presets_fit_their_features(name: str) -> None:
    config = load_preset(name)
    frames = config.front_end().frames_per_s * (config.data.crop_s or 1.0)
    assert config.augment.frequency_mask_mels < config.frontend["n_mels"]
    assert config.augment.time_mask_frames < frames


def test_required_presets_are_there() -> None:
    named = {"compact-int8", "compact-fp16", "nano", "amfm-full", "dcase2024-baseline"}
    assert named <= set(PRESETS)


def test_amfm_full_is_the_published_recipe() -> None:
    config = load_preset("amfm-full")
    train, front = config.train, config.front_end()
    assert (train.optimizer, train.momentum, train.nesterov) == ("sgd", 0.9, True)
    assert (train.epochs, train.batch_size, train.weight_decay) == (800, 24, 1e-3)
    assert (train.schedule, train.restart_epochs) == ("warm-restarts", 80)
    assert (train.learning_rate, train.min_learning_rate) == (1e-3, 1e-6)  # steps: test_schedules
    assert (train.scene_weight, train.abstract_weight) == (5, 1) and config.model.abstract
    assert config.augment == AugmentConfig(
        mixup_alpha=0.1,
        frequency_masks=1,
        frequency_mask_mels=27,
        time_masks=1,
        time_mask_frames=100,
        per_clip=False,
    )
    assert (front.n_mels, front.log, front.normalization) == (256, False, "clip")
    assert front.n_frames(5 * 44100 + 1) == 251  # pre-emphasis takes one sample


def test_file_gets_defaults_and_its_own_name(toml: Path) -> None:
    config = load_preset(toml)
    assert (config.name, config.rule, config.train.epochs) == ("mine", "edge-128k", 120)


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("train.epochs=3", 3),
        ("train.learning_rate=1", 1.0),
        ("train.optimizer=sgd", "sgd"),
        ('train.optimizer="sgd"', "sgd"),
        ("train.nesterov = false", False),
        ("model.options.channels=[8, 16]", [8, 16]),
        ("data.crop_s=2.5", 2.5),
        ("frontend.n_mels=64", 64),
        ("rule=dcase2024", "dcase2024"),
    ],
)
def test_override(toml: Path, override: str, value: object) -> None:
    found: object = load_preset(toml, [override]).to_dict()
    for key in override.partition("=")[0].strip().split("."):
        assert isinstance(found, dict)
        found = found[key]
    assert found == value


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("train.epoch=3", "mine: unknown key train.epoch; did you mean train.epochs?"),
        ("trian.epochs=3", "mine: unknown key trian; did you mean train?"),
        ("epochs=3", "mine: unknown key epochs; did you mean train.epochs?"),
        (
            "model.batch_size=3",
            "mine: unknown key model.batch_size; did you mean train.batch_size?",
        ),
        ("model.zebra=3", "mine: unknown key model.zebra; there are name, abstract, options"),
        (
            "frontend.mels=3",
            "mine: unknown key frontend.mels; did you mean frontend.n_mels?",
        ),
        ("train.epochs=0", "mine: train.epochs = 0: expected int >= 1"),
        ("train.epochs=few", "mine: train.epochs = 'few': expected int, got str"),
        ("train.epochs=1.5", "mine: train.epochs = 1.5: expected int, got float"),
        ("train.ema=1", "mine: train.ema = 1: expected float < 1.0"),
        ("train.optimizer=adam", "mine: train.optimizer = 'adam': expected one of adamw, sgd"),
        ("data.val_fraction=0.9", "mine: data.val_fraction = 0.9: expected float <= 0.5"),
        ("augment.roll=-1", "mine: augment.roll = -1: expected float >= 0.0"),
        ("train=3", "mine: train = 3: expected object, got int"),
        ("train.epochs.x=3", "mine: train.epochs = {'x': 3}: expected int, got object"),
        (
            "train.nesterov=true",
            "mine: train.nesterov needs train.optimizer = 'sgd' and train.momentum > 0",
        ),
        ("epochs", "override 'epochs' is not of the form section.key=value"),
        ("=3", "override '=3' is not of the form section.key=value"),
        ("rule.x=3", "mine: rule = {'x': 3}: expected str, got object"),
    ],
)
def test_wrong_override_is_one_line(toml: Path, override: str, line: str) -> None:
    with pytest.raises(ValueError) as caught:
        load_preset(toml, [override])
    assert str(caught.value) == line


def test_override_below_a_value_is_refused(toml: Path) -> None:
    with pytest.raises(ValueError, match="n_mels is a value, not a section"):
        load_preset(toml, ["frontend.n_mels.x=3"])


def test_best_needs_validation(toml: Path) -> None:
    with pytest.raises(ValueError, match=r"needs data\.val_fraction above 0"):
        load_preset(toml, ["train.select=best", "data.val_fraction=0"])


def test_missing_section_and_unknown_preset_are_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    with pytest.raises(ValueError, match=r"^empty: frontend is missing$"):
        load_preset(path)
    with pytest.raises(ValueError, match=r"^preset 'zebra' is not one of amfm-full, .*\.toml"):
        load_preset("zebra")
    with pytest.raises(OSError, match=r"absent\.toml"):
        load_preset(tmp_path / "absent.toml")


@pytest.mark.parametrize("content", [b"[train", b"\xff\xfe", b"a = 1\na = 2"])
def test_bad_toml_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.toml: .") as caught:
        load_preset(path)
    assert "\n" not in str(caught.value)


def test_quantised_training_differs_where_its_section_says(toml: Path) -> None:
    settings = ["train.compile=true", "train.batch_size=16", "quantize.epochs=7"]
    config = load_preset(toml, settings)
    schedule = config.quantize.schedule(config.train)
    assert (schedule.epochs, schedule.batch_size, schedule.compile) == (7, 16, False)
    assert schedule.learning_rate == config.quantize.learning_rate
    assert schedule.label_smoothing == config.train.label_smoothing


def test_quantised_training_never_warms_up_beyond_its_own_rate() -> None:
    config = load_preset("amfm-full")
    assert config.train.warmup_to == 0.01
    assert config.quantize.schedule(config.train).warmup_to is None

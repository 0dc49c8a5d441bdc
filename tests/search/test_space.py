"""What a search varies: the file that says so, and what is drawn from it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_asc.config.schema import load_preset
from edge_asc.search.space import Range, changed, read_space


class Drawer:
    """Draws what it is told to: the lowest, the highest, or what hypothesis chooses."""

    def __init__(self, data: Any = None, highest: bool = False) -> None:
        self.data, self.highest, self.names = data, highest, []

    def _one(self, name: str, strategy: Any, ends: tuple[Any, Any]) -> Any:
        assert name not in self.names  # Optuna would give the same number again
        self.names.append(name)
        return self.data.draw(strategy) if self.data else ends[self.highest]

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return self._one(name, st.sampled_from(choices), (choices[0], choices[-1]))

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        numbers = range(low, high + 1, step)
        return self._one(name, st.sampled_from(numbers), (numbers[0], numbers[-1]))

    def suggest_float(self, name: str, low: float, high: float, *, step: Any, log: bool) -> float:
        return self._one(name, st.floats(low, high), (low, high))


@given(st.data())
def test_every_draw_of_the_default_space_is_a_configuration(data: st.DataObject) -> None:
    space = read_space()
    settings = space.draw(Drawer(data))
    config = changed(load_preset(space.base), settings)
    for key, value in settings.items():
        table: Any = config.to_dict()
        for part in key.split("."):
            table = table[part]
        assert table == value
    assert 3 <= len(config.model.options["channels"]) <= 6
    assert all(n % 4 == 0 and 4 <= n <= 56 for n in config.model.options["channels"])


@given(st.integers(-50, 50), st.integers(0, 30), st.integers(1, 7), st.integers(1, 4))
def test_lists_have_numbers_within_their_range(low: int, span: int, step: int, count: int) -> None:
    drawn = Range(low, low + span, step, length=(count, count + 2))
    shortest, longest = (drawn.draw(Drawer(highest=end), "x") for end in (False, True))
    assert (len(shortest), len(longest)) == (count, count + 2)
    assert set(shortest) == {low}
    assert low + span - step < longest[0] <= low + span and (longest[0] - low) % step == 0


def test_a_table_sets_several_keys_and_a_fraction_makes_it_real(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("""
base = "nano"
[space]
"train.learning_rate" = { from = 1e-4, to = 1e-2, log = true }
hop = [{ "frontend.hop_length" = 441, "augment.time_mask_frames" = 80 }]
""")
    space = read_space(path)
    drawer = Drawer()
    assert space.draw(drawer) == {
        "train.learning_rate": 1e-4,
        "frontend.hop_length": 441,
        "augment.time_mask_frames": 80,
    }
    assert drawer.names == ["train.learning_rate", "hop"]
    assert math.isclose(Drawer(highest=True).suggest_float("x", 0, 1, step=None, log=False), 1)


def test_a_base_lies_beside_the_space(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "nano"\n[train]\nepochs = 7\n')
    (tmp_path / "s.toml").write_text('base = "mine.toml"\n[space]\n"train.ema" = [0.9]\n')
    assert load_preset(read_space(tmp_path / "s.toml").base).train.epochs == 7


def test_an_override_holds_a_key_fixed() -> None:
    space = read_space().without(["model.options.kernel=5", "train.epochs=3"])
    drawn = space.draw(Drawer())
    assert "model.options.kernel" not in drawn and "model.options.attention" in drawn
    config = changed(load_preset(space.base, ["model.options.kernel=5"]), drawn)
    assert config.model.options["kernel"] == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[space", "s.toml"),
        ("[space]", "base"),
        ('base = "nano"', "space"),
        ('base = "nano"\n[space]\nx = 3', "x"),
        ('base = "nano"\n[space]\nx = []', "x has no choices"),
        ('base = "nano"\n[space]\nx = {from = 3, to = 1}', "from <= to"),
        ('base = "nano"\n[space]\nx = {from = 0, to = 1, log = true}', "log = true"),
        ('base = "nano"\n[space]\nx = {from = 1, to = 3, length = [3, 1]}', "length"),
        ('base = "nano"\n[space]\nx = {from = 1, until = 3}', "until"),
    ],
)
def test_what_is_wrong_with_a_space_is_one_line(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=said) as caught:
        read_space(path)
    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize(
    ("key", "value"), [("frontend.mels", 3), ("train.epochs", 0), ("name.x", 1), ("model.x", 1)]
)
def test_a_setting_that_does_not_go_names_its_key(key: str, value: int) -> None:
    with pytest.raises(ValueError, match=key.split(".")[-1]):
        changed(load_preset(read_space().base), {key: value})


def test_choices_are_text_that_a_storage_keeps() -> None:
    class Names(Drawer):
        def suggest_categorical(self, name: str, choices: Any) -> Any:
            assert all(isinstance(json.dumps(choice), str) for choice in choices)
            assert all(isinstance(choice, str) for choice in choices)
            return super().suggest_categorical(name, choices)

    read_space().draw(Names())

"""Which decisions are worth a clip.

`--keep-when` lists reasons: "unsure", "change", the name of a scene, "every 10m". A scene that goes
on, or comes back all the time, is kept ever more seldom, so that one noise does not fill the disk.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from edge_asc.demo.events import UNSURE, Decision
from edge_asc.suggest import no_such

CHANGE = "change"
DISTANCE_S = 10.0  # from one clip to the next, at least
LONGEST_S = 600.0  # to which the distance of one scene's clips grows, doubling each time
_EVERY = re.compile(r"every\s+(\d+(?:\.\d+)?)\s*(s|m|min|h)")
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class Rule(NamedTuple):
    """One reason to keep a clip."""

    word: str  # as it was asked for
    every_s: float | None = None  # of a rule that goes by time alone


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules of `--keep-when`.

    Raises:
        ValueError: none, or one that cannot be meant.
    """
    words = [" ".join(word.split()) for word in text.split(",")]
    rules = tuple(_rule(word) for word in dict.fromkeys(filter(None, words)))
    if not rules:
        raise ValueError(f"--keep-when {text!r}: give unsure, change, a scene or 'every 10m'")
    return rules


def _rule(word: str) -> Rule:
    found = _EVERY.fullmatch(word)
    if found is None:
        if word.split()[0] == "every":
            raise ValueError(
                f"--keep-when {word!r}: say it as 'every 30s', 'every 10m', 'every 1h'"
            )
        return Rule(word)
    every_s = float(found[1]) * _SECONDS[found[2]]
    if every_s < DISTANCE_S:
        raise ValueError(f"--keep-when {word!r}: clips are at least {DISTANCE_S:g} s apart")
    return Rule(word, every_s)


def check_scenes(rules: Sequence[Rule], labels: Sequence[str]) -> None:
    """Raise ValueError for a rule that names no scene of the model."""
    for rule in rules:
        if rule.every_s is None and rule.word not in (UNSURE, CHANGE, *labels):
            raise ValueError(no_such("--keep-when", rule.word, [UNSURE, CHANGE, *labels]))


class Rules:
    """Says of each decision whether a clip is kept, and why. Time is that of the audio."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._kept_s = float("-inf")  # position of the latest clip
        self._every_s: dict[Rule, float] = {}  # and of the latest by a rule of time
        self._spacing: dict[str, tuple[float, float]] = {}  # scene: latest clip, distance to next
        self._begun = False

    def reason(self, decision: Decision) -> str | None:
        """The word of the first rule that wants this decision's clip; None: it is not kept."""
        at_s, first = decision.position_s, not self._begun
        self._begun = True
        if at_s - self._kept_s < DISTANCE_S:
            return None
        for rule in self._rules:
            if self._wants(rule, decision, first):
                self._note(rule, decision.scene, at_s)
                return rule.word
        return None

    def _wants(self, rule: Rule, decision: Decision, first: bool) -> bool:
        if rule.every_s is not None:
            return decision.position_s - self._every_s.get(rule, float("-inf")) >= rule.every_s
        if rule.word == CHANGE:
            meant = decision.changed and not first  # the first one changes nothing
        else:
            meant = decision.scene == rule.word
        return meant and self._is_far(decision)

    def _is_far(self, decision: Decision) -> bool:
        latest_s, distance_s = self._spacing.get(decision.scene, (float("-inf"), 0.0))
        return decision.position_s - latest_s >= distance_s

    def _note(self, rule: Rule, scene: str, at_s: float) -> None:
        self._kept_s = at_s
        if rule.every_s is not None:
            self._every_s[rule] = at_s
            return
        latest_s, distance_s = self._spacing.get(scene, (float("-inf"), 0.0))
        is_news = at_s - latest_s >= 2 * LONGEST_S
        next_s = DISTANCE_S if is_news else min(2 * distance_s, LONGEST_S)
        self._spacing[scene] = (at_s, next_s)

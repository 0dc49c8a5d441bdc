"""What a fault program found: how often what happened, and what should not have."""

import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

_EXAMPLES = 20
_EVERY_S = 20.0


@dataclass
class Found:
    """The findings of one fault.

    Attributes:
        fault: its name.
        tries: how often it was brought about.
        seed: of what was drawn.
        counts: outcomes, by name.
        wrong: how often something happened that should not have.
        examples: the first of those, with the number of the try.
        figures: what was measured, by name.
        seconds: all of it took.
    """

    fault: str
    tries: int
    seed: int
    counts: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    examples: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    _begun_s: float = field(default_factory=time.monotonic)
    _told_s: float = field(default_factory=time.monotonic)

    def count(self, what: str, number: int, wrong: str = "") -> None:
        """An outcome of a try; `wrong` says in words why it should not have been."""
        self.counts[what] = self.counts.get(what, 0) + 1
        if wrong:
            self.wrong += 1
            if len(self.examples) < _EXAMPLES:
                self.examples.append(f"no. {number}: {what}: {wrong}"[:400])
        self.seconds = time.monotonic() - self._begun_s
        if time.monotonic() - self._told_s > _EVERY_S:
            self._told_s = time.monotonic()
            done = sum(self.counts.values())
            print(f"{self.fault}: {done} of {self.tries}, wrong {self.wrong}", file=sys.stderr)

    def most(self, name: str, value: float) -> None:
        """Keep a figure's largest value."""
        self.figures[name] = max(self.figures.get(name, value), value)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {key: x for key, x in asdict(self).items() if not key.startswith("_")}

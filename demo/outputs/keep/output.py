"""Keeps clips of live audio around the decisions that are worth it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from edge_asc.demo.events import Decision, rounded
from edge_asc.demo.outputs.keep.index import Kept
from edge_asc.demo.outputs.keep.rules import Rule, Rules, check_scenes
from edge_asc.demo.outputs.keep.sound import AFTER_S, BEFORE_S, Cut, Recent
from edge_asc.demo.outputs.keep.store import DAY_S, Limits, Store
from edge_asc.demo.outputs.keep.writer import ClipWriter
from edge_asc.demo.outputs.output import Output
from edge_asc.frontend.front_end import FrontEnd
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.metadata import Metadata

MB = 1_000_000


class KeepOutput(Output):
    """Cuts clips and hands them to a writer.

    Args:
        folder: where they lie; made if it does not exist.
        rules: which decisions are worth one; of one that names no scene of the model, a notice
            tells.
        most_mb: of the whole folder.
        most_days: that a clip without a label is kept.

    Raises:
        ValueError: the folder holds something else.
        OSError: the folder cannot be made or written.
    """

    what = "keeping clips"

    def __init__(
        self,
        folder: Path,
        rules: Sequence[Rule],
        metadata: Metadata,
        frontend: FrontEnd,
        *,
        most_mb: float,
        most_days: float,
    ) -> None:
        self.store = Store.make(folder)
        limits = Limits(int(most_mb * MB), most_days * DAY_S)
        self.store.reconcile(limits)
        self._asked, self._rules = tuple(rules), Rules(rules)
        self._metadata, self._rate_hz = metadata, frontend.sample_rate_hz
        self._recent = Recent(self._rate_hz, metadata.clip_s)
        self._waiting: list[tuple[Kept, Cut]] = []  # for the audio behind their windows
        self._how_long = (
            f"{most_mb:g} MB at most, those without a label for {most_days:g} days at most"
        )
        self._notices = [self.description, *self._never()]
        self._writer = ClipWriter(self.store, limits)

    @property
    def description(self) -> str:
        """What is kept, how much and how long, in words."""
        clip_s = BEFORE_S + self._metadata.clip_s + AFTER_S
        when = ", ".join(rule.word for rule in self._asked)
        return (
            f"clips of {clip_s:g} s are kept in {self.store.folder}, when {when}: {self._how_long}"
        )

    def _never(self) -> list[str]:
        """A rule that the model which listens can never fulfil: another one may."""
        try:
            check_scenes(self._asked, self._metadata.labels)
        except ValueError as error:
            return [str(error)]
        return []

    def on_model(self, classifier: Classifier) -> None:
        """Cut clips of its window, at its rate."""
        self._metadata = classifier.metadata
        self._notices += self._never()
        rate_hz, window_s = classifier.frontend.sample_rate_hz, classifier.metadata.clip_s
        if rate_hz == self._rate_hz:
            self._recent.use(window_s)
            return
        self._cut_waiting(all_of_them=True)
        self._rate_hz, self._recent = rate_hz, Recent(rate_hz, window_s)  # `on_begin` comes next

    def on_begin(self, position_s: float) -> None:
        """What waits for further audio gets none."""
        self._cut_waiting(all_of_them=True)
        self._recent.begin(position_s)

    def on_audio(self, samples: np.ndarray) -> None:
        """Hold it as long as a clip may need it."""
        self._recent.add(samples)
        self._cut_waiting()

    def on_decision(self, decision: Decision) -> None:
        """Cut a clip, now or when the audio behind it has come."""
        why = self._rules.reason(decision)
        if why is None:
            return
        cut = self._recent.around(decision.position_s)
        kept = Kept(
            time_s=decision.time_s,
            seconds=0.0,  # known when it is cut
            why=why,
            scene=decision.scene,
            confidence=rounded(decision.confidence),
            probabilities=rounded(decision.probabilities),
            level_dbfs=rounded(decision.level_dbfs, 1),
            model=decision.model or self._metadata.name,
            window_s=cut.window_s,
        )
        self._waiting.append((kept, cut))
        self._cut_waiting()

    def notices(self) -> list[str]:
        """What is kept, once; and what goes wrong with it."""
        told, self._notices = self._notices, []
        return [*told, *self._writer.notices()]

    def close(self) -> None:
        """Write what there is of the clips that wait."""
        self._cut_waiting(all_of_them=True)
        self._writer.close()

    def _cut_waiting(self, all_of_them: bool = False) -> None:
        still: list[tuple[Kept, Cut]] = []
        for kept, cut in self._waiting:
            if all_of_them or cut.end <= self._recent.n_heard:
                samples = self._recent.samples(cut)
                seconds = round(len(samples) / self._rate_hz, 3)
                whole = msgspec.structs.replace(kept, seconds=seconds)
                self._writer.put(whole, samples, self._rate_hz)
            else:
                still.append((kept, cut))
        self._waiting = still

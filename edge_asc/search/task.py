"""What a search is about, and that all workers on a study mean the same."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import optuna

from edge_asc.budget.rules import Rule
from edge_asc.config.schema import Config
from edge_asc.data.dataset import SceneDataset
from edge_asc.search.space import Space, changed

SHOWN = 3  # settings that differ
QUESTION = "question"  # the key of a study's user attributes


@dataclass(frozen=True)
class Task:
    """What is searched; the same for all workers."""

    base: Config  # preset that candidates change
    space: Space
    dataset: SceneDataset
    fold: int | None  # the test fold, which is never read; None: there is none
    rule: Rule  # a candidate keeps it or is not trained
    epochs: int  # of the short training
    seed: int  # of sampling and training

    def question(self) -> dict[str, Any]:
        """What must be equal for trials to be compared, as JSON has it."""
        asked = {
            "rule": self.rule.name,
            "limits": [[limit.quantity, limit.most] for limit in self.rule.limits],
            "dataset": self.dataset.name,
            "clips": len(self.dataset.clips),
            "fold": self.fold,
            "epochs": self.epochs,
            "seed": self.seed,
            "base": self.base.to_dict(),
            "proxy": self.space.proxy,
            "space": {
                key: value if isinstance(value, list) else msgspec.structs.asdict(value)
                for key, value in self.space.space.items()
            },
        }
        found: dict[str, Any] = json.loads(json.dumps(asked))
        return found

    def short(self, candidate: Config) -> Config:
        """The candidate with the settings of the short training."""
        return changed(candidate, {**self.space.proxy, "train.epochs": self.epochs})


def agree(study: optuna.Study, question: dict[str, Any]) -> None:
    """See that a study asks what this worker is about to ask.

    Raises:
        ValueError: one line that names the first difference.
    """
    before = study.user_attrs.get(QUESTION)
    if before is None:
        study.set_user_attr(QUESTION, question)
        return
    for key, now in question.items():
        if (was := before.get(key)) != now:
            raise ValueError(
                f"study {study.study_name} was begun with {key} {_told(was, now)}, now"
                f" {_told(now, was)}: name a new one with --study"
            )


def _told(value: Any, other: Any) -> str:
    """A part of a question in words; of a table only where it differs from another one."""
    if isinstance(value, list):  # limits
        return ", ".join(f"{quantity} {most:,}" for quantity, most in value)
    if not isinstance(value, dict):
        return "none" if value is None else str(value)
    mine, theirs = _flat(value), _flat(other) if isinstance(other, dict) else {}
    keys = sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(f"{key} {mine.get(key, 'none')}" for key in keys[:SHOWN]) + more


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A table's values by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        inner = _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {}
        found |= inner or {f"{prefix}{key}": value}
    return found

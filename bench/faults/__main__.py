"""Faults brought about on purpose, from a seed, and what came of them.

    python bench/faults                       # lists them
    python bench/faults bits --tries 1000 --seed 2 --json bits.json
    python bench/faults table FOLDER          # of FOLDER/*.json, as Markdown

Exit code 1: something happened that should not have. `recipes/faults.sh` runs all in full.
"""

import argparse
import importlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from found import Found


@dataclass(frozen=True)
class Fault:
    """One row of the table: where its function is, how often it is tried, and what is wanted."""

    module: str
    function: str
    tries: int
    title: str
    aim: str

    def code(self) -> ModuleType:
        """Its module, which some import torch for."""
        return importlib.import_module(self.module)


FAULTS = {
    "bits": Fault(
        *("bits", "flipped_bits", 10_000, "one flipped bit in a model file"),
        "0 answered, 0 signals",
    ),
    "graphs": Fault(
        *("graphs", "mutated_graphs", 2_000, "mutated graphs with a right digest"),
        "0 signals in the user's process, at most 300 MB more",
    ),
    "metadata": Fault(
        *("cards", "hostile_metadata", 2_000, "hostile metadata with a right digest"),
        "0 tracebacks, 0 over 20 s, at most 200 MB more",
    ),
    "audio": Fault(
        *("sounds", "mutated_audio", 5_000, "mutated audio, eight formats"),
        "0 tracebacks, signals, hangs; no changed sound passes `data check` where the format has"
        " checksums",
    ),
    "kills": Fault(
        *("kills", "killed", 100, "SIGKILL in cache, train, quantize, export, calibrate, live log"),
        "resumed is uninterrupted; nothing half-written; 0 leftovers after the next run",
    ),
    "idle": Fault(
        *("crowds", "idle_connections", 5_000, "idle connections, at 256 and at 1,024 files"),
        "0 decisions lost",
    ),
    "half": Fault(
        *("crowds", "half_requests", 150, "half requests held, at 256 and at 1,024 files"),
        "the page answers within 10 s",
    ),
    "microphone": Fault(
        *("unplugged", "lost_microphones", 100, "microphone lost, stalled or silent"),
        "found within 5 s, name kept",
    ),
    "controls": Fault(
        *("controls", "control_characters", 1, "control characters from label, file, path, broker"),
        "none shown, by any verb",
    ),
    "day": Fault(
        *("day", "day_of_sound", 24, "24 h of sound, clips kept, log written, disk filling"),
        "grows by less than 5 MB, does not end",
    ),
}


def run(name: str, tries: int, seed: int) -> Found:
    """Bring a fault about."""
    fault = FAULTS[name]
    found: Found = getattr(fault.code(), fault.function)(tries, seed)
    return found


def table(folder: Path) -> str:
    """What was found, a row each, of the faults that were tried."""
    rows = ["| fault | tries | aim | found | command |", "| --- | ---: | --- | --- | --- |"]
    for name, fault in FAULTS.items():
        path = folder / f"{name}.json"
        if path.is_file():
            found = json.loads(path.read_text())
            command = f"`python bench/faults {name} --tries {found['tries']}`"
            wrong = f"**{found['wrong']} wrong.** " if found["wrong"] else ""
            said = f"{wrong}{fault.code().summary(found)}"
            cells = (fault.title, f"{found['tries']:,}", fault.aim, said, command)
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> int:
    """Run one, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("name", nargs="?", choices=[*FAULTS, "table"])
    parser.add_argument("folder", nargs="?", type=Path, help="of the findings, for the table")
    parser.add_argument("--tries", type=int, help="how often [as in the table]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write what was found here")
    asked = parser.parse_args()
    if asked.name is None:
        for name, fault in FAULTS.items():
            print(f"{name:12}{fault.tries:6}  {fault.title}: {fault.aim}")
        return 0
    if asked.name == "table":
        print(table(asked.folder))
        return 0
    fault = FAULTS[asked.name]
    found = run(asked.name, asked.tries or fault.tries, asked.seed)
    if asked.json:
        from edge_asc.files import write_json

        write_json(asked.json, found.as_dict())
    print(f"{fault.title}: {fault.code().summary(found.as_dict())}")
    print("\n".join(found.examples))
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

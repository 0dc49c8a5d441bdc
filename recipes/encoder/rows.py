"""The encoder's few-shot figures as a Markdown table, from what table.py and results.py wrote.

    rows.py RESULTS.json | python recipes/tables.py fill RESULTS.md encoder

Needs recipes/ on PYTHONPATH.
"""

import json
import sys
from pathlib import Path

from tables import made_line, markdown

NAMES = {  # what table.py calls a row, and what people read
    "log-mel": "log-mel mean and deviation",
    "yamnet-256": "YAMNet-256, float",
    "yamnet-1024": "YAMNet",
    "student.ckpt": "ours, float",
    "student.ckpt, length 1": "ours, float, embeddings scaled to length 1",
    "encoder-int8.tflite": "**ours, the int8 file** (length 1)",
}
ONE_DRAW = "32"  # all training clips: no interval


def main() -> None:
    """Print the table and what it was made on."""
    known = json.loads(Path(sys.argv[1]).read_text())
    columns = list(known["log-mel"])
    rows = []
    for key, name in NAMES.items():
        cells = [
            f"{known[key][c]['mean']:.1f}"
            + ("" if c == ONE_DRAW else f" ± {known[key][c]['half']:.1f}")
            for c in columns
        ]
        rows.append([name, *cells])
    print(markdown(["", *columns], rows))
    file, run = known["file"], known["run"]
    print(f"\n{file['bytes']:,} bytes, {file['weights']:,} weights, {file['macs_per_s']:,} MACs per"
          f" second of audio; {run['windows']:,} windows of training.")  # fmt: skip
    print(made_line(known["made"]))


if __name__ == "__main__":
    main()

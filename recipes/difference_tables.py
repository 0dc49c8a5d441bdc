"""What `edge-asc compare --json` said of the kept files, as a Markdown table.

python recipes/difference_tables.py FOLDER       # FOLDER holds the JSON files
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tables import made, made_line, markdown

from edge_asc.research.comparison.tables import difference_ends, difference_text, p_text

TITLES = {  # file -> what it compares
    "sizes": "ESC-10, size of the int8 file",
    "memory": "ESC-10, 128 KB, of them at most 256,000 bytes of memory",
    "int8": "ESC-10, 128 KB, int8",
    "relative": "ESC-10, relative features, clips as they are",
    "recipe": "ESC-10, `compact-int8` (plain) and `esc10/128k`",
    "esc50-int8": "ESC-50, int8",
    "esc50-int4": "ESC-50, weights of four bits",
    "esc50-views": "ESC-50, int8, views",
}
LEVEL = 0.05  # of p after Holm's correction, below which a difference is called more than chance
HEADER = (
    *("comparison", "a, %", "b, %", "b less a, points (95 % interval)", "p", "p (Holm)"),
    "more than chance",
)


def rows(title: str, found: dict[str, Any]) -> Iterator[list[str]]:
    """A row for each pair of networks that one file compares."""
    values = {row["name"]: row for row in found["systems"]}
    for pair in found["differences"]:
        networks = [f"{name}: {100 * values[name]['value']:.2f}" for name in (pair["a"], pair["b"])]
        points = difference_text(pair["difference"], found["metric"])
        ends = difference_ends(pair["interval"], found["metric"])
        both = [p_text(pair["p"]), p_text(pair["p_holm"])]
        certain = "yes" if pair["p_holm"] is not None and pair["p_holm"] < LEVEL else "no"
        yield [title, *networks, f"{points} ({ends})", *both, certain]


def main(folder: Path) -> None:
    """Print the table."""
    read = (
        (title, json.loads((folder / f"{name}.json").read_text())) for name, title in TITLES.items()
    )
    print(markdown(HEADER, [row for title, found in read for row in rows(title, found)]))
    print(f"\n{made_line(made())}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Commands of a document that are marked to be tried.

    python blocks.py FILE.md FOLDER

Writes each fenced block that follows a line `<!-- pi: NAME -->` to `FOLDER/NN-NAME.sh`, numbered in
the document's order. What a document tells a newcomer to type is then what the test runs.
"""

import re
import sys
from pathlib import Path

MARK = re.compile(r"^<!-- pi: (?P<name>\S+) -->$", re.M)
BLOCK = re.compile(r"\n+```sh\n(?P<block>.*?)^```$", re.M | re.S)


def blocks(text: str) -> list[tuple[str, str]]:
    """Name and commands of each marked block; a mark without a block is an error."""
    found = []
    for mark in MARK.finditer(text):
        block = BLOCK.match(text, mark.end())
        if block is None:
            raise SystemExit(f"no ```sh block follows {mark[0]}")
        found.append((mark["name"], block["block"]))
    return found


def main(document: Path, folder: Path) -> None:
    """Fill the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, block) in enumerate(blocks(document.read_text("utf-8"))):
        (folder / f"{number:02}-{name}.sh").write_text(block, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

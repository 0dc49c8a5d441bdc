"""Table of `recipes/views.sh`: `views_table.py FOLDER`, FOLDER/NAME/foldN/VIEWS as Markdown."""

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from tables import made, made_line, markdown, mean_sd

NAMES = {  # results -> how the table calls them
    "esc50": "`esc50/128k`, ESC-50",
    "esc10": "`esc10/128k`, ESC-10",
    "esc10/64k": "`esc10/64k`, ESC-10",
    "esc10/32k": "`esc10/32k`, ESC-10",
    "esc10/16k": "`esc10/16k`, ESC-10",
}


def main(arguments: Sequence[str]) -> None:
    """Print what every file reaches by the number of its views."""
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    folder = Path(arguments[0])
    rows, columns = [], list[int]()
    for name, called in NAMES.items():
        accuracies: dict[int, list[float]] = {}
        for path in sorted((folder / name).glob("fold?/*/metrics.json")):
            figures = json.loads(path.read_text())
            accuracies.setdefault(figures["views"], []).append(100 * figures["accuracy"])
        if accuracies:
            columns = sorted(accuracies)
            means = (mean_sd(accuracies[views]) for views in columns)
            gain = statistics.mean(accuracies[4]) - statistics.mean(accuracies[1])
            rows.append([called, *means, f"{gain:+.2f}"])
    headings = [f"{views} view{'s' if views > 1 else ''}" for views in columns]
    print(markdown(["int8 TFLite", *headings, "gained by 4"], rows))
    print(f"\n%, mean ± sd over five folds. {made_line(made())}")


if __name__ == "__main__":
    main(sys.argv[1:])

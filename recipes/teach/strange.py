"""How many sounds of other kinds the shipped files name: ESC-50's 1,600 clips outside ESC-10.

    strange.py ESC50

Every name is wrong here. Prints a table. Needs recipes/ and recipes/encoder/ on PYTHONPATH.
"""

import sys
from pathlib import Path

from few_shot import own_classes
from tables import made, made_line, markdown

from edge_asc.runtime.answers.report import is_unsure
from edge_asc.runtime.classifier import Classifier
from edge_asc.runtime.zoo.models import ZooModel, zoo_models


def named(model: ZooModel, paths: list[Path]) -> float:
    """Share of the clips that get a name, in %."""
    classifier = Classifier.load(model.tflite)
    unsure = sum(is_unsure(classifier(path), classifier.threshold) for path in paths)
    return 100 * (1 - unsure / len(paths))


def main() -> None:
    """Print a row for each model of the zoo."""
    paths = [clip.path for clip in own_classes(Path(sys.argv[1]))]
    rows = [[f"`{model.name}`", f"{named(model, paths):.1f}"] for model in zoo_models()]
    print(markdown(["", "strange sounds that get a name, %"], rows))
    print(f"\n{len(paths):,} clips of ESC-50. {made_line(made())}")


if __name__ == "__main__":
    main()

"""Classified files as a table, a row for each: for challenges and spreadsheets."""

import csv
from collections.abc import Iterable
from pathlib import Path

from edge_asc.files import atomic_write, utf8
from edge_asc.runtime.answers.report import is_unsure
from edge_asc.runtime.classify import FileResult
from edge_asc.runtime.metadata import Metadata


def write_table(
    results: Iterable[FileResult], metadata: Metadata, threshold: float | None, path: Path
) -> None:
    """Write path, scene, unsure (1 or 0) and the probability of each scene, whole or not at all.

    Args:
        results: of the files, in the order of the rows.
        metadata: of the model.
        threshold: confidence below which a file is unsure; None: none is.
        path: comma-separated; a name that ends with .tsv: separated by tabs.

    Raises:
        OSError: it cannot be written.
    """
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["path", "scene", "unsure", *(f"p_{name}" for name in metadata.labels)])
        for result in results:
            prediction = result.answer.prediction
            scene = metadata.labels[int(prediction.scene.argmax())]
            unsure = int(is_unsure(result.answer, threshold))
            chances = (f"{p:.6g}" for p in prediction.scene)
            writer.writerow([utf8(str(result.path)), scene, unsure, *chances])

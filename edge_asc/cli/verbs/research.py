"""The verbs of papers and challenges: compare, predict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, print_text, progress_bar, tables
from edge_asc.cli.errors import complain
from edge_asc.cli.options import (
    AsJson,
    Columns,
    Crops,
    Data,
    FileOrRun,
    FoldOrAll,
    ForDevice,
    RuntimeName,
    TaskScore,
    Views,
    fold_of,
    models_of,
    one_of,
)
from edge_asc.cli.outputs import check_outputs
from edge_asc.cli.verbosity import notice

METRICS = ("accuracy", "macro-accuracy", "log-loss")
BAD = ("stop", "skip", "mark")

EXAMPLES = {
    "compare": (
        "edge-asc compare evaluations/baseline evaluations/compact",
        "edge-asc compare baseline.tflite compact.tflite --data DIR --fold 1 --plot figure.pdf",
        "edge-asc compare baseline=edge-asc-runs/base ours=edge-asc-runs/ours --latex table.tex",
        "edge-asc compare a.tflite b.tflite --data Development_Set --score biodcase2026",
        "edge-asc compare 'int8=fold?-int8.tflite' 'fp16=fold?-float16.tflite' --data DIR --json",
    ),
    "predict": (
        "edge-asc predict model.tflite --data EVALUATION --out submission.csv",
        "edge-asc predict edge-asc-runs/ours --data recordings/ --out answers.csv",
        "edge-asc predict model.tflite --data DIR --fold 1 --out output.csv --bare-names",
        "edge-asc predict model.tflite --data recordings/ --out answers.csv --bad skip",
        "edge-asc predict edge-asc-runs/wide --data DIR --out answers.npz",
        "edge-asc predict all.tflite --data EVALUATION --out o.csv --for-device a=a.tflite",
    ),
}


def compare(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]WHAT…",
            help="Runs, model files, folders that evaluate --out wrote, folders of these;"
            " several with commas or * are one network's folds and seeds.",
            autocompletion=complete.models,
        ),
    ],
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Data set to ask models about [the run's].")
    ] = None,
    columns: Columns = None,
    fold: FoldOrAll = None,
    metric: Annotated[
        str,
        typer.Option(
            metavar="|".join(METRICS),
            callback=one_of(lambda: METRICS),
            help="What is compared.",
            autocompletion=complete.one_of(*METRICS),
        ),
    ] = METRICS[0],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every figure.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="FILE", help="Write the tables for a paper.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="PNG", help="Draw intervals and differences.")
    ] = None,
    score: TaskScore = None,
    measured: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:QUANTITY=VALUE,…",
            help="With --score: what a board measured of a network; again.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare networks that answered the same clips.

    Which differences are more than chance: 95 % intervals, and p by McNemar's exact test on clips,
    or by draws of recordings where clips share them, seeds differ, or it is another metric.
    """
    if len(targets) < 2:
        raise typer.BadParameter("give two or more to compare")
    if measured and not score:
        raise typer.BadParameter("--measured goes with --score")
    from edge_asc.api.compare import compare as measure
    from edge_asc.plotting import check_drawable
    from edge_asc.research.comparison.targets import files_of

    if plot:
        check_drawable(plot)
    outputs = {"--csv": csv, "--latex": latex, "--plot": plot}
    check_outputs(outputs, files_of(targets, data, columns))
    with progress_bar("clips") as on_progress:
        found = measure(
            targets,
            data,
            fold=fold_of(fold),
            columns=columns,
            metric=metric,
            score=score,
            measured=_by_network(measured or ()),
            on_progress=on_progress,
        )
    given = {"--data": data, "--fold": fold, "--columns": columns}
    idle = [option for option, value in given.items() if value is not None]
    if idle and not found.has_asked:
        notice(f"{', '.join(idle)} changed nothing: all answers were saved ones")
    for warning in found.warnings:
        notice(f"warning: {warning}")
    if csv:
        found.save_csv(csv)
    if latex:
        found.save_latex(latex)
    if plot:
        found.plot(plot)
    if as_json:
        print_json(found.figures)
        return
    from edge_asc.research.comparison.tables import print_comparison

    print_comparison(found.figures, tables())


def _by_network(measured: Sequence[str]) -> dict[str, dict[str, float]]:
    """What a board measured of each network, of `NAME:QUANTITY=VALUE,…`."""
    from edge_asc.budget.score import parse_measured

    found: dict[str, dict[str, float]] = {}
    for text in measured:
        name, colon, values = text.rpartition(":")
        if not colon:
            raise typer.BadParameter(f"--measured {text}: expected NAME:QUANTITY=VALUE")
        known, new = found.setdefault(name, {}), parse_measured(values)
        if twice := known.keys() & new.keys():
            raise typer.BadParameter(f"--measured {name}: {min(twice)} is given twice")
        known |= new
    return found


def predict(
    target: FileOrRun,
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            "--out", metavar="FILE", help="Table to write, or logits (.npz) to learn from."
        ),
    ],
    columns: Columns = None,
    fold: Annotated[
        str | None, typer.Option(metavar="N|all", help="Only the clips of this fold [all].")
    ] = None,
    for_device: ForDevice = None,
    crops: Crops = "3",
    views: Views = None,
    runtime: RuntimeName = None,
    bare_names: Annotated[
        bool, typer.Option("--bare-names", help="Write names of files without their folder.")
    ] = False,
    bad: Annotated[
        str,
        typer.Option(
            metavar="|".join(BAD),
            callback=one_of(lambda: BAD),
            help="What a file that cannot be used does: nothing is written, it is left out, or its"
            " row has no scene.",
            autocompletion=complete.one_of(*BAD),
        ),
    ] = BAD[0],
    as_json: AsJson = False,
) -> None:
    """Name the scene of every clip, in the DCASE tasks' table.

    Tabs between filename, scene_label and a column of probabilities for each scene. The clips may
    have labels or none: an evaluation set, a list of names, a folder of recordings, any data set.
    A FILE that ends in .npz gets logits, as train --answers takes them.
    """
    from edge_asc.audio.decode import AudioError
    from edge_asc.data.layouts.columns import parse_columns
    from edge_asc.data.layouts.find_table import lists_read
    from edge_asc.data.open import open_recordings
    from edge_asc.research.submission import NPZ
    from edge_asc.research.submission import predict as name_all
    from edge_asc.runtime.zoo.models import model_path

    if out.suffix.lower() == NPZ and bad == "mark":
        raise ValueError("--bad mark: only a table can have rows without a scene; --bad skip")
    asked = models_of(for_device)
    lists = lists_read(data, parse_columns(columns) if columns else None)
    check_outputs({"--out": out}, [*lists, target, *asked.values()])
    dataset = open_recordings(data, columns=columns)
    check_outputs({"--out": out}, (clip.path for clip in dataset.clips))
    for note in dataset.notes:
        notice(f"warning: {note}")
    with progress_bar("clips") as on_progress:
        try:
            found = name_all(
                model_path(target),
                dataset,
                fold=fold_of(fold),
                for_device={device: model_path(path) for device, path in asked.items()},
                crops=crops,
                views=views,
                runtime=runtime,
                bare_names=bare_names,
                bad=bad,
                on_progress=on_progress,
            )
        except AudioError as error:
            others = "no file can be used" if bad != BAD[0] else "--bad skip names the others"
            raise ValueError(f"{error}; {others}") from None
    for line in found.bad.values():
        complain(line)
    found.save(out)
    counts = {label: found.named.count(label) for label in found.labels}
    n_named = len(found.names) - len(found.bad)
    if as_json:
        listed = [{"name": name, "error": line} for name, line in found.bad.items()]
        print_json({"file": str(out), "clips": n_named, "named": counts, "bad": listed})
        return
    done = "without a scene" if found.marks_bad else "left out"
    print_text(
        f"{out}: {n_named} clips" + (f", {len(found.bad)} bad files {done}" if found.bad else "")
    )
    for label, n in counts.items():
        print_text(f"  {label:20} {n:>6}")

"""The verbs that turn a run into a file that ships: quantize, export, calibrate, budget."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from edge_asc.cli import complete
from edge_asc.cli.console import print_json, print_text, progress_bar, tables
from edge_asc.cli.errors import ERROR, complain, said
from edge_asc.cli.options import (
    OR_NAME,
    AnswersFile,
    AsJson,
    Columns,
    Crops,
    Data,
    Overrides,
    RuleOrAll,
    RunFolder,
    Teacher,
    one_of,
)
from edge_asc.cli.outputs import check_outputs
from edge_asc.cli.verbosity import is_quiet
from edge_asc.cli.verbs.training import print_trained

if TYPE_CHECKING:
    from edge_asc.budget.inventory import Inventory
    from edge_asc.runtime.metadata import Precision

FORMATS = {"tflite": ["tflite"], "onnx": ["onnx"], "all": ["tflite", "onnx"]}
PRECISIONS = ("float32", "float16", "int8", "int4", "mixed")
WEIGHTS = ("int8", "int4", "mixed")

EXAMPLES = {
    "quantize": (
        "edge-asc quantize",
        "edge-asc quantize edge-asc-runs/fold1 --set quantize.epochs=10",
        "edge-asc quantize --ptq",
        "edge-asc quantize edge-asc-runs/fold1 --weights int4",
        "edge-asc quantize edge-asc-runs/fold1 --weights mixed --bytes 80000",
        "edge-asc quantize edge-asc-runs/fold1 --teacher edge-asc-runs/fold1",
        "edge-asc quantize edge-asc-runs/fold1 --answers ensemble.npz",
    ),
    "export": (
        "edge-asc export --int8",
        "edge-asc export edge-asc-runs/fold1 --int4 --format all",
        "edge-asc export edge-asc-runs/fold1 --fp16 --format onnx --out models",
        "edge-asc export --int8 --rule dcase2024 --no-enforce",
        "edge-asc export edge-asc-runs/fold1 --int8 --overwrite --json",
        "edge-asc export --int8 --static --rule edge-128k-ram256k",
        "edge-asc export esc10-32k --static --window 2 --out models",
    ),
    "calibrate": (
        "edge-asc calibrate model.tflite --data DIR",
        "edge-asc calibrate model.tflite --data DIR --run edge-asc-runs/fold1 --target 0.9",
        "edge-asc calibrate all.tflite --data DIR --from fold1.tflite --from fold2.tflite",
    ),
    "budget": (
        "edge-asc budget compact-int8",
        "edge-asc budget model.tflite esc10-32k --rule all",
        "edge-asc budget amfm-full --rule dcase2021a --json",
        "edge-asc budget other.onnx --frames 16000 --seconds 1 --rule dcase2024",
        "edge-asc budget a.tflite b.tflite compact-int8 --summary --latex sizes.tex",
    ),
}


def quantize(
    run: RunFolder = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(WEIGHTS),
            callback=one_of(lambda: WEIGHTS),
            help="Bits of the weights: 8; 4 in all large layers; 4 in those that lose least"
            " [the run's, int8].",
            autocompletion=complete.one_of(*WEIGHTS),
        ),
    ] = None,
    most_bytes: Annotated[
        int | None,
        typer.Option("--bytes", metavar="N", min=1, help="With mixed: the file's largest size."),
    ] = None,
    ptq: Annotated[
        bool, typer.Option("--ptq", help="Measure ranges only: quick, and a little less accurate.")
    ] = False,
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where it stopped.")] = False,
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Data set, if it has moved.")
    ] = None,
    teacher: Teacher = None,
    answers: AnswersFile = None,
    as_json: AsJson = False,
) -> None:
    """Quantise a run to int8, or to weights of four bits.

    Batch norms are folded, then the network trains on with quantisers in place, on the run's own
    data. What was trained is what ships. Activations have eight bits, whatever the weights have. A
    run can be quantised to each kind of weights.
    """
    from edge_asc.training.run_folder import newest_run

    folder = run or newest_run(finished=True)
    from edge_asc.export.file_bytes import of_layers
    from edge_asc.quantize.run import quantize_run

    if ptq and (teacher or answers):
        option = "--teacher" if teacher else "--answers"
        raise typer.BadParameter(f"--ptq does not train: there is nothing to learn with {option}")
    chosen = [f"quantize.weights={weights}"] if weights else []
    chosen += [f"quantize.bytes={most_bytes}"] if most_bytes else []
    quantised = quantize_run(
        folder,
        ptq=ptq,
        overrides=[*(overrides or []), *chosen],
        file_bytes=of_layers(folder),
        resume=resume,
        data=data,
        teachers=teacher or (),
        answers=answers,
        progress=not is_quiet(),
    )
    print_trained(quantised, as_json)


def export(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RUN]",
            help="Run folder [the newest finished one]; with --static a .tflite file or zoo name.",
        ),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="8-bit weights and activations.")] = False,
    int4: Annotated[bool, typer.Option("--int4", help="4-bit weights, 8-bit activations.")] = False,
    mixed: Annotated[bool, typer.Option("--mixed", help="4-bit and 8-bit weights.")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="16-bit weights.")] = False,
    fp32: Annotated[bool, typer.Option("--fp32", help="32-bit weights.")] = False,
    file_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="tflite|onnx|all",
            callback=one_of(lambda: FORMATS),
            help="Which files.",
            autocompletion=complete.one_of(*FORMATS),
        ),
    ] = "tflite",
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            callback=one_of(complete.rule_names),
            help="Size rule to keep [the preset's].",
            autocompletion=complete.rules,
        ),
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(metavar="N", help="Files hear a window N times, shifted [the preset's]."),
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="No dynamic axis: for microcontrollers and NPUs.")
    ] = False,
    window_s: Annotated[
        float | None,
        typer.Option("--window", metavar="S", help="Seconds a static file hears [as in training]."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder [RUN/export].")] = None,
    no_enforce: Annotated[
        bool, typer.Option("--no-enforce", help="Write the file even when it breaks the rule.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also in the place of a file that differs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a run as model files.

    They are called by run and precision: first-int8.tflite. Only files that keep the size rule and
    agree with torch are written. --static: also of a .tflite file. Exit code 3: over the rule.
    """
    if window_s is not None and not static:
        raise typer.BadParameter("--window goes with --static: other files take any length")
    options: dict[str, Any] = {
        "formats": FORMATS[file_format],
        "rule": rule,
        "out": out,
        "window_s": window_s,
    }
    options |= {"enforced": not no_enforce, "overwrite": overwrite}
    if static and run is not None and not run.is_dir():
        if int8 or int4 or mixed or fp16 or fp32 or views is not None:
            raise typer.BadParameter("a file has its own precision and views")
        from edge_asc.export.write import static_files
        from edge_asc.runtime.zoo.models import model_path

        written = static_files(model_path(run), **options)
    else:
        precision = one_precision(int8=int8, int4=int4, mixed=mixed, float16=fp16, float32=fp32)
        from edge_asc.training.run_folder import newest_run

        folder = run or newest_run(finished=True)
        from edge_asc.export.run import export_run

        options |= {"precision": precision, "views": views, "static": static}
        written = export_run(folder, **options)
    if as_json:
        print_json([file_dict(file) for file in written])
    else:
        print_text("\n".join(exported_text(file) for file in written))


def one_precision(**given: bool) -> Any:
    """The one that was asked for; typer's usage error when it is not just one."""
    wanted = [name for name, is_given in given.items() if is_given]
    if len(wanted) != 1:
        raise typer.BadParameter("give one of --int8, --int4, --mixed, --fp16, --fp32")
    return wanted[0]


def file_dict(file: Any) -> dict[str, Any]:
    """A file that was written, as JSON has it."""
    return {"file": str(file.path), "file_bytes": file.bytes, "parity": file.parity}


def exported_text(file: Any) -> str:
    """One line about a file that was written."""
    figures = {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in file.parity.items()}
    parity = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in figures.items() if v is not None)
    return f"{file.path}  {file.bytes:,} bytes\n  {parity}"


def calibrate(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|NAME",
            help=f"Model file, {OR_NAME}. A name needs --out.",
            autocompletion=complete.models,
        ),
    ],
    data: Data,
    columns: Columns = None,
    fold: Annotated[
        int | None, typer.Option(metavar="N", help="Its clips [the fold held out in training].")
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="FILE", help="A fold's file, for the fold it has not seen; again."
        ),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="The file's run: its validation clips.")
    ] = None,
    target: Annotated[
        float, typer.Option(metavar="P", help="Accuracy wanted of answers that are not 'unsure'.")
    ] = 0.95,
    crops: Crops = "3",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write this instead of FILE.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a file's confidence true, and say when it is unsure.

    Fits a temperature and a threshold on clips that the network was not trained on, and stores them
    in the file. Exit code 3: the file would be over its budget, and stays as it was.
    """
    from edge_asc.evaluation.calibrate import calibrate as fit_and_store
    from edge_asc.evaluation.calibrate import calibration_text
    from edge_asc.runtime.zoo.models import is_shipped, model_path

    found = model_path(file)
    if found.is_dir():
        raise ValueError(
            f"{file} is a folder: calibrate takes a file, as edge-asc export writes it"
        )
    if out is None and is_shipped(found):
        raise ValueError(f"{file} is a model of the zoo, which stays as it is: --out FILE")
    with progress_bar("clips") as on_progress:
        result = fit_and_store(
            found,
            data,
            columns=columns,
            fold=fold,
            others=[model_path(other) for other in others or ()],
            run=run,
            target=target,
            crops=crops,
            out=out,
            on_progress=on_progress,
        )
    print_json(result) if as_json else print_text(calibration_text(result))


def budget(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="Presets, runs, model files, names of `edge-asc models`; files come first.",
            autocompletion=complete.targets,
        ),
    ],
    rule: RuleOrAll = "edge-128k",
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(PRECISIONS),
            callback=one_of(lambda: PRECISIONS),
            help="Of a preset or run [its own].",
            autocompletion=complete.one_of(*PRECISIONS),
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Length of a file's dynamic input [its own].",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="S", help="Of sound in a file's input [as its metadata say]."),
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="A row for each, with every rule.")
    ] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write these rows.")
    ] = None,
    latex: Annotated[
        Path | None, typer.Option("--latex", metavar="FILE", help="Write them for a paper.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count bytes and operations, judge by size rules.

    Exit code 3: over one of them; 1: a file that cannot be read.
    """
    from edge_asc.budget.report import print_report
    from edge_asc.budget.rules import OverBudget, report, rules_named
    from edge_asc.export.count import budget_of

    check_outputs({"--csv": csv, "--latex": latex}, map(Path, targets))
    rules = rules_named(rule)
    reports: list[dict[str, Any]] = []
    counted: list[Inventory] = []
    n_unreadable = 0
    for target in targets:
        try:
            inventories = budget_of(
                target, cast("Precision | None", precision), frames=frames, audio_s=seconds
            )
        except (ValueError, OSError) as error:
            complain(said(error))
            n_unreadable += 1
            continue
        for inventory in inventories:
            counted.append(inventory)
            reports.append(report(inventory, rules))
            if not as_json and not summary:
                print_report(inventory, rules, tables())
    if counted:
        write_sizes(counted, summary and not as_json, csv, latex)
    if as_json:
        print_json(reports)
    if n_unreadable:
        raise typer.Exit(ERROR)
    if not all(entry["ok"] for entry in reports):
        raise typer.Exit(OverBudget.exit_code)


def write_sizes(
    counted: "list[Inventory]", shown: bool, csv: Path | None, latex: Path | None
) -> None:
    """Print and write a row for each model."""
    from edge_asc.research.size_table import save_sizes, size_grids
    from edge_asc.research.written import print_grid, write_latex

    grids = size_grids(counted)
    for grid in grids if shown else ():
        print_grid(grid, tables())
    if csv:
        save_sizes(counted, csv)
    if latex:
        write_latex(latex, grids)

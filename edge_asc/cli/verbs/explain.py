"""The verbs that look into a model: explain, report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from edge_asc.cli.console import print_json, print_text, progress_bar
from edge_asc.cli.options import AsJson, FileOrRun, RunFolder, RuntimeName
from edge_asc.cli.outputs import check_outputs

EXAMPLES = {
    "explain": (
        "edge-asc explain edge-asc-runs/fold1 street.wav --out figure2.png",
        "edge-asc explain edge-asc-runs/fold1 street.wav --block 3 --channel 7 --channel 12",
        "edge-asc explain esc10-32k street.wav --out occlusion.png",
        "edge-asc explain edge-asc-runs/fold1 day.flac --at 3600 --occlusion --json",
    ),
    "report": (
        "edge-asc report",
        "edge-asc report edge-asc-runs/fold1 --out fold1.html --audio street.wav",
    ),
}


def explain(
    target: FileOrRun,
    audio: Annotated[Path, typer.Argument(metavar="AUDIO", help="One file.")],
    out: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Picture to write; .svg and .pdf too.")
    ] = None,
    at: Annotated[
        float, typer.Option(metavar="S", min=0, help="Where in the file the window begins.")
    ] = 0.0,
    block: Annotated[
        int | None, typer.Option(metavar="N", help="AMFM block of a run, from 1 [the first].")
    ] = None,
    channel: Annotated[
        list[int] | None,
        typer.Option(metavar="N", help="Channel to show, from 1; again [the most varied]."),
    ] = None,
    occlusion: Annotated[
        bool, typer.Option("--occlusion", help="Of a run too: hide patches of the input.")
    ] = False,
    patch_mels: Annotated[
        int | None, typer.Option(metavar="N", help="Height of a patch [an eighth of the mels].")
    ] = None,
    patch_s: Annotated[
        float | None, typer.Option("--patch-s", metavar="S", help="Width of a patch [0.5].")
    ] = None,
    runtime: RuntimeName = None,
    as_json: AsJson = False,
) -> None:
    """Show what a network makes of a recording.

    Of a run: an AMFM block's feature map before attention, after it and after the maximum (the
    paper's figure 2). Of a file: how far the scene's probability falls when patches are hidden.
    """
    from edge_asc.runtime.zoo.models import model_path

    target = model_path(target)
    patches = occlusion or not target.is_dir()
    _check_usage(patches, target, {"--block": block, "--channel": channel}, "a run's blocks")
    others = {"--patch-mels": patch_mels, "--patch-s": patch_s, "--runtime": runtime}
    _check_usage(not patches, target, others, "occlusion")
    from edge_asc.evaluation.explain.explain import PATCH_S, explain_block, explain_patches

    if out:
        from edge_asc.evaluation.explain.plots import check_suffix

        check_suffix(out)
    found: Any
    if patches:
        with progress_bar("patches") as on_progress:
            found = explain_patches(
                target,
                audio,
                at_s=at,
                patch_mels=patch_mels,
                patch_s=PATCH_S if patch_s is None else patch_s,
                runtime=runtime,
                on_progress=on_progress,
            )
    else:
        found = explain_block(target, audio, 1 if block is None else block, channel or (), at)
    if out:
        from edge_asc.evaluation.explain.plots import save_picture

        save_picture(found, out)
    figures = found.figures()
    print_json(figures) if as_json else print_text(explained_text(figures, found, out))


def _check_usage(wrong: bool, target: Path, options: dict[str, Any], belong_to: str) -> None:
    """Usage error for options of the other way of looking."""
    given = [name for name, value in options.items() if value not in (None, [])]
    if wrong and given:
        raise typer.BadParameter(f"{given[0]} goes with {belong_to}, not with {target} here")


def explained_text(figures: dict[str, Any], found: Any, out: Path | None) -> str:
    """What was found, in a few lines."""
    lines = [figures["model"], f"{found.excerpt.text}: {found.headline}"]
    if figures["shows"] == "occlusion":
        most = figures["largest_drop"]
        (low, high), (first, last) = most["hz"], most["s"]
        lines.append(f"{figures['patches']} patches hidden by {figures['hidden_by']}")
        where = f"{low:.0f} to {high:.0f} Hz, {first:.2f} to {last:.2f} s"
        lines.append(f"largest fall {most['drop']:.3f} at {where}")
    else:
        number, n_blocks = figures["block"], figures["blocks"]
        lines.append(f"block {number} of {n_blocks} ({figures['block_name']})")
        lines.append(_shares_text(figures))
    return "\n".join([*lines, *([f"picture {out}"] if out else [])])


def _shares_text(figures: dict[str, Any]) -> str:
    if figures["kept_share"] is None:
        return "this network passes on the attended values alone (combine = replace)"
    shares = figures["kept_share_per_channel"]
    least, most = 100 * min(shares), 100 * max(shares)
    share, n = 100 * figures["kept_share"], figures["channels"]
    return (
        f"the unattended value was kept at {share:.1f} % of positions"
        f" ({least:.1f} to {most:.1f} % by channel, {n} channels)"
    )


def report(
    run: RunFolder = None,
    out: Annotated[
        Path | None, typer.Option(metavar="HTML", help="Page to write [RUN/report.html].")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Clip for figure 2 [a test clip].")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page on a run.

    Accuracy, confusion, curves, size, figure 2, versions; one file that needs no network.
    """
    from edge_asc.training.run_folder import newest_run

    check_outputs({"--out": out})
    folder = run or newest_run(finished=True)
    from edge_asc.report.page import write_report

    path, left_out = write_report(folder, out, audio)
    if as_json:
        print_json({"report": str(path), "left_out": left_out})
    else:
        print_text("\n".join([f"report {path}", *(f"  left out: {line}" for line in left_out)]))

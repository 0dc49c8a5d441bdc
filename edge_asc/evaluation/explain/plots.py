"""Pictures of what explains a prediction, in hertz and seconds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_asc.evaluation.explain.axes import Geometry, seconds_of_frame, ticks_hz
from edge_asc.evaluation.explain.excerpt import Excerpt
from edge_asc.evaluation.explain.figures import Explained, ExplainedBlock, ExplainedPatches
from edge_asc.plotting import KINDS, new_figure, save_figure

if TYPE_CHECKING:
    from edge_asc.plotting import Figure

SUFFIXES = tuple(f".{kind}" for kind in KINDS)
DPI = 130
PLAIN: dict[str, Any] = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
CUT_OFF = (0.5, 99.5)  # percentiles between which colours are spread: outliers saturate


def save_picture(explained: Explained, path: Path) -> None:
    """Draw what was found as PNG, SVG or PDF, by the suffix.

    Raises:
        ValueError: another suffix.
        OSError: it cannot be written.
    """
    check_suffix(path)
    save_figure(picture(explained), path, DPI)


def check_suffix(path: Path) -> None:
    """Raise ValueError unless pictures of this suffix can be drawn."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: a picture's name ends in one of {', '.join(SUFFIXES)}")


def picture(explained: Explained) -> "Figure":
    """The figure of either kind."""
    if isinstance(explained, ExplainedBlock):
        return block_picture(explained)
    assert isinstance(explained, ExplainedPatches)
    return patches_picture(explained)


def block_picture(shown: ExplainedBlock) -> "Figure":
    """Input, share by channel; then a row of maps (a), (b), (c), kept for the mean and channels."""
    maps, found = shown.maps, shown.found
    rows: list[int | None] = [None, *shown.channels]
    figure = new_figure(13, 2.6 + 2.7 * len(rows))
    heights = [1.0, *[1.05] * len(rows)]
    top, *below = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    head = [f"{found.name}, block {found.number} of {shown.n_blocks}: {shown.model}"]
    figure.suptitle("\n".join([*head, f"{shown.excerpt.text}: {shown.headline}"]), fontsize=11)
    left, right = top.subplots(1, 2, width_ratios=(2, 3))
    draw_features(left, shown.excerpt)
    _draw_shares(right, shown)
    for part, channel in zip(below, rows, strict=True):
        part.suptitle(_row_title(shown, channel), fontsize=10, x=0.01, ha="left")
        _draw_maps(part, shown, channel)
    if not maps.keeps_larger:
        figure.supxlabel("this network passes on the attended values alone", fontsize=9)
    return figure


def _row_title(shown: ExplainedBlock, channel: int | None) -> str:
    n_channels = len(shown.maps.before)
    if channel is None:
        return f"mean of all {n_channels} channels"
    why = "" if shown.chosen else ": the one that varies most before attention"
    return f"channel {channel + 1} of {n_channels}{why}"


def _draw_maps(part: Any, shown: ExplainedBlock, channel: int | None) -> None:
    """One row: three maps on one scale of colours, and where the unattended value was kept."""
    maps = shown.maps
    stack = [maps.before, maps.attended, maps.after, maps.kept.astype(np.float64)]
    before, attended, after, kept = (x.mean(0) if channel is None else x[channel] for x in stack)
    panels = part.subplots(1, 4, sharey=True)
    low, high = np.percentile([before, attended, after], CUT_OFF)
    titles = ("(a) before attention", "(b) after attention", "(c) after the maximum")
    for axes, values, title in zip(panels, (before, attended, after), titles, strict=False):
        image = _draw_map(axes, values, shown, vmin=low, vmax=high, cmap="magma")
        axes.set_title(title, fontsize=9)
    part.colorbar(image, ax=panels[:3], pad=0.01, aspect=30)
    image = _draw_map(panels[3], kept, shown, vmin=0, vmax=1, cmap="cividis")
    panels[3].set_title(f"(a) kept at {100 * kept.mean():.1f} % of positions", fontsize=9)
    bar = part.colorbar(image, ax=panels[3], pad=0.01, aspect=30)
    bar.set_ticks([0, 1], labels=["no", "yes"] if channel is not None else ["none", "all"])
    panels[0].set_ylabel("Hz")


def _draw_map(axes: Any, values: np.ndarray, shown: ExplainedBlock, **colours: Any) -> Any:
    image = axes.imshow(
        values,
        extent=_extent(shown.excerpt, shown.found.geometry, values.shape),
        **PLAIN,
        **colours,
    )
    _label(axes, shown.excerpt, shown.found.geometry, values.shape[0])
    return image


def _draw_shares(axes: Any, shown: ExplainedBlock) -> None:
    shares = 100 * shown.maps.share_by_channel
    numbers = np.arange(1, len(shares) + 1)
    colours = ["C1" if n - 1 in shown.channels else "C0" for n in numbers]
    axes.bar(numbers, shares, color=colours)
    axes.axhline(shares.mean(), color="black", linewidth=1)
    axes.set_title(f"unattended value kept: {shares.mean():.1f} % over all channels", fontsize=9)
    axes.set(xlim=(0.3, len(shares) + 0.7), ylim=(0, 100))
    axes.set_xlabel("channel", fontsize=8)
    axes.set_ylabel("% of positions", fontsize=8)
    axes.tick_params(labelsize=8)


def patches_picture(shown: ExplainedPatches) -> "Figure":
    """The input, and beside it how much hiding each part of it costs the scene."""
    figure = new_figure(13, 4.6)
    figure.suptitle(f"{shown.model}\n{shown.excerpt.text}: {shown.headline}", fontsize=11)
    left, right = figure.subplots(1, 2, sharey=True)
    draw_features(left, shown.excerpt)
    found = shown.occlusion
    most = max(0.01, float(np.abs(found.map).max()))
    draw_features(right, shown.excerpt, cmap="Greys", alpha=0.7)
    image = right.imshow(
        found.map,
        extent=_extent(shown.excerpt, Geometry(), found.map.shape),
        **PLAIN,
        cmap="bwr",
        vmin=-most,
        vmax=most,
        alpha=np.abs(found.map) / most * 0.8,
    )
    title = f"fall of p({shown.scene}) where a patch is hidden by {shown.hidden_by}"
    right.set_title(title, fontsize=9)
    right.set_ylabel("")
    figure.colorbar(image, ax=right, pad=0.01, label="fall of the probability")
    box = shown.box(*found.largest)
    where = f"{box['hz'][0]:.0f} to {box['hz'][1]:.0f} Hz, {box['s'][0]:.2f} to {box['s'][1]:.2f} s"
    right.set_xlabel(f"s   (largest fall {box['drop']:.3f}: {where})")
    return figure


def draw_features(axes: Any, excerpt: Excerpt, **colours: Any) -> None:
    """The network's input."""
    features = excerpt.features
    low, high = np.percentile(features, CUT_OFF)
    axes.imshow(
        features,
        extent=_extent(excerpt, Geometry(), features.shape),
        **{"vmin": low, "vmax": high, "cmap": "magma", **PLAIN, **colours},
    )
    _label(axes, excerpt, Geometry(), len(features))
    axes.set_ylabel("Hz")
    what = "log-mel" if excerpt.frontend.log else "mel power"
    axes.set_title(f"input: {what}, normalised ({excerpt.frontend.normalization})", fontsize=9)


def _extent(excerpt: Excerpt, geometry: Geometry, shape: Sequence[int]) -> tuple[float, ...]:
    """Edges of a picture: seconds of the file across, rows of the map upwards."""
    edges = geometry.frames.position([-0.5, shape[1] - 0.5])
    left, right = seconds_of_frame(excerpt.frontend, edges, excerpt.start_s)
    return (float(left), float(right), -0.5, shape[0] - 0.5)


def _label(axes: Any, excerpt: Excerpt, geometry: Geometry, n_rows: int) -> None:
    """Round frequencies at the rows that stand for them."""
    ticks = ticks_hz(excerpt.frontend, geometry.mels, n_rows)
    names = [f"{hz / 1000:g}k" if hz >= 1000 else f"{hz}" for hz in ticks]
    axes.set_yticks(list(ticks.values()), names)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("s", fontsize=8)

"""A level as a bar with its peak, as long as a terminal is wide."""

from rich.segment import Segment

from edge_asc.demo.hearing.levels import Meter
from edge_asc.demo.outputs.terminal import style as look
from edge_asc.demo.outputs.terminal.style import Glyphs, Line, bar

METER_FLOOR_DBFS = -60.0


def meter_row(meter: Meter, width: int, glyphs: Glyphs) -> Line:
    """The level, and its peak or that it is clipping."""
    meter_width = min(look.MAX_BAR, max(0, width - 26))
    length = bar(_on_meter(meter.level_dbfs), meter_width, glyphs).ljust(meter_width)
    peak_text = ""
    if meter_width and meter.peak_dbfs > METER_FLOOR_DBFS:
        peak = round(_on_meter(meter.peak_dbfs) * (meter_width - 1))
        length = length[:peak] + glyphs.peak + length[peak + 1 :]
        peak_text = f"  peak {meter.peak_dbfs:.0f}"
    return [
        Segment("level ", look.DIM),
        Segment(length, look.BAD if meter.clipping else look.GOOD),
        Segment(f" {_decibels(meter.level_dbfs)}"),
        Segment("  CLIPPING", look.BAD) if meter.clipping else Segment(peak_text),
    ]


def _on_meter(level_dbfs: float) -> float:
    """Where on the meter's scale a level is, from 0 to 1."""
    return min(max(1 - level_dbfs / METER_FLOOR_DBFS, 0.0), 1.0)


def _decibels(level_dbfs: float) -> str:
    return f"{level_dbfs:.0f} dBFS" if level_dbfs > METER_FLOOR_DBFS else "silence"

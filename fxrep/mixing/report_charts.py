"""The drawings of a report: small SVGs without anything from outside, coloured by the style sheet of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 8, 20
_ROW = 22
CURVE_STYLES = 4
"""How many curves in one drawing look different from each other."""

Row = tuple[str, "list[tuple[str, float, float]]", str]
Curve = tuple["Sequence[float] | Array", "Sequence[float] | Array", str]
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Axis:
    """What lies between the two ends of a drawing.

    Attributes:
        low: value at the left or at the bottom.
        high: value at the right or at the top.
        ticks: where a line and a number stand: (value, text).
        log: whether equal ratios are equally far apart.
    """

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the low end and 1 at the high one; what is beyond lies at the end."""
        value = min(max(value, min(self.low, self.high)), max(self.low, self.high))
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


FREQUENCIES = Axis(20.0, 20000.0, [(100.0, "100 Hz"), (1000.0, "1 kHz"), (10000.0, "10 kHz")], log=True)


def decibel_axis(highest: float, negative_only: bool = False) -> Axis:
    """Return an axis in steps of a multiple of 6 dB that holds a level.

    Args:
        highest: the largest distance from 0 dB.
        negative_only: whether it ends at 0 dB, as gain reduction does.
    """
    reach = 6.0 * max(1, math.ceil(abs(highest) / 6.0 - 1e-6))
    step = 6.0 * max(1, math.ceil(reach / 24.0))
    count = int(reach // step)
    values = [number * step for number in range(-count, 1 if negative_only else count + 1)]
    ticks = [(value, f"{value:+.0f}".replace("+0", "0").replace("-", "−")) for value in values]
    return Axis(-reach, 0.0 if negative_only else reach, ticks)


def time_axis(duration_s: float) -> Axis:
    """Return an axis from the beginning to the end of a song, with at most six times on it."""
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
    step = next((one for one in steps if duration_s / one <= 5), duration_s / 4)
    ticks = [(number * step, clock(number * step)) for number in range(int(duration_s / step) + 1)]
    return Axis(0.0, max(duration_s, 1e-3), ticks)


def clock(seconds: float) -> str:
    """Return a time as a person writes it: ``1:05``, below a minute ``5 s``."""
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def curve_chart(curves: Sequence[Curve], across: Axis, up: Axis, label: str, fill: bool = False) -> str:
    """Draw curves.

    Args:
        curves: x, ascending, y, and what it says in words; NaN interrupts a curve.
        across: axis of x.
        up: axis of y.
        label: what the drawing shows, for people who hear the page.
        fill: whether the area between a curve and 0 is filled.

    Returns:
        an ``svg`` element.
    """
    height = 130
    body = _grid(across, up, height)
    zero = _y(up, 0.0, height)
    for number, (x, y, words) in enumerate(curves):
        body += f"<g><title>{escape(words)}</title>"
        for run in _runs(x, y):
            points = [(_x(across, one), _y(up, other, height)) for one, other in run]
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
            if fill:
                ends = [f"{points[0][0]:.1f},{zero:.1f}", f"{points[-1][0]:.1f},{zero:.1f}"]
                body += f'<polygon class="area" points="{ends[0]} {path} {ends[1]}"/>'
            body += f'<polyline class="curve curve-{number % CURVE_STYLES}" points="{path}"/>'
        body += "</g>"
    return _svg(body, height, label)


def row_chart(rows: Sequence[Row], across: Axis, label: str) -> str:
    """Draw a row for each track, with marks on one common axis.

    Args:
        rows: the name; marks as (style class, from, to), equal ends giving a dot; and what the row says in words.
        across: the axis.
        label: what the drawing shows.

    Returns:
        an ``svg`` element.
    """
    left, width = 150, 640
    height = len(rows) * _ROW + _TOP + _BOTTOM
    inner = width - left - 16
    body = ""
    for value, text in across.ticks:
        place = left + inner * across.place(value)
        body += f'<line class="grid" x1="{place:.1f}" y1="{_TOP}" x2="{place:.1f}" y2="{height - _BOTTOM}"/>'
        body += f'<text x="{place:.1f}" y="{height - 6}" text-anchor="middle">{escape(text)}</text>'
    for number, (name, marks, words) in enumerate(rows):
        middle = _TOP + _ROW * (number + 0.5)
        body += f"<g><title>{escape(f'{name}: {words}')}</title>"
        body += f'<text x="{left - 10}" y="{middle + 4:.1f}" text-anchor="end">{escape(shorten(name, 20))}</text>'
        for kind, start, end in marks:
            first, last = (left + inner * across.place(value) for value in (start, end))
            if start == end:
                body += f'<circle class="{kind}" cx="{first:.1f}" cy="{middle:.1f}" r="4.5"/>'
            else:
                body += f'<line class="{kind}" x1="{first:.1f}" y1="{middle:.1f}" x2="{last:.1f}" y2="{middle:.1f}"/>'
        body += "</g>"
    return _svg(body, height, label, width)


def shorten(name: str, length: int) -> str:
    """Return a name that fits, its middle left out where it is too long."""
    if len(name) <= length:
        return name
    head = (length - 1 + 1) // 2
    return f"{name[:head]}…{name[len(name) - (length - 1 - head) :]}"


def _runs(x: Sequence[float] | Array, y: Sequence[float] | Array) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for one, other in zip(x, y, strict=True):
        if math.isfinite(other):
            runs[-1].append((float(one), float(other)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _grid(across: Axis, up: Axis, height: int) -> str:
    body = ""
    for value, text in across.ticks:
        place = _x(across, value)
        body += f'<line class="grid" x1="{place:.1f}" y1="{_TOP}" x2="{place:.1f}" y2="{height - _BOTTOM}"/>'
        body += f'<text x="{place:.1f}" y="{height - 6}" text-anchor="middle">{escape(text)}</text>'
    for value, text in up.ticks:
        place = _y(up, value, height)
        kind = "zero" if value == 0 else "grid"
        body += f'<line class="{kind}" x1="{_LEFT}" y1="{place:.1f}" x2="{WIDTH - _RIGHT}" y2="{place:.1f}"/>'
        body += f'<text x="{_LEFT - 6}" y="{place + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    return body


def _x(axis: Axis, value: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * axis.place(value)


def _y(axis: Axis, value: float, height: int) -> float:
    return height - _BOTTOM - (height - _TOP - _BOTTOM) * axis.place(value)


def _svg(body: str, height: int, label: str, width: int = WIDTH) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(label, quote=True)}">{body}</svg>'
    )

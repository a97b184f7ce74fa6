"""Which drawings a report has, and what is said below them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

import numpy as np

from fxrep.effects.console import ConsoleSettings
from fxrep.effects.console.places import name_place
from fxrep.effects.console.strip import Strip, StripValues
from fxrep.mixing.report import MixReport
from fxrep.mixing.report_charts import (
    CURVE_STYLES,
    FREQUENCIES,
    Axis,
    Curve,
    Row,
    clock,
    curve_chart,
    decibel_axis,
    row_chart,
    time_axis,
)
from fxrep.mixing.report_curves import equalizer_curve
from fxrep.mixing.report_strips import FRAMES_PER_S, Array, StripReading
from fxrep.mixing.session import MixSession
from fxrep.mixing.setting_groups import processor_group

# More points than the page has pixels for say nothing.
_MOST_POINTS = 300
# A smaller change of level nobody hears.
_HEARD_DB = 0.1
_POSITIONS = Axis(-1.0, 1.0, [(-1.0, "left"), (-0.5, ""), (0.0, "middle"), (0.5, ""), (1.0, "right")])


def draw_levels(values: dict[str, Any]) -> str:
    """Draw how loud each track is before the console and behind its strip."""
    rows: list[Row] = []
    known: list[float] = []
    for name, track in values["tracks"].items():
        before, after = track.get("before_lufs"), track["after_lufs"]
        marks = [("from", before, before)] if before is not None else []
        if before is not None and after is not None:
            marks = [("way", before, after), *marks]
        marks += [("to", after, after)] if after is not None else []
        known += [one for one in (before, after) if one is not None]
        rows.append((name, [mark for mark in marks if mark[0] != "way" or mark[1] != mark[2]], _levels(track)))
    if not known:
        return "<p>No track sounds.</p>"
    low, high = 6.0 * math.floor(min(known) / 6.0 - 0.2), 6.0 * math.ceil(max(known) / 6.0 + 0.2)
    step = 6.0 * max(1, math.ceil((high - low) / 48.0))
    ticks = [(low + number * step, f"{low + number * step:.0f}") for number in range(int((high - low) // step) + 1)]
    axis = Axis(low, high, [(value, text.replace("-", "−")) for value, text in ticks])
    chart = row_chart(rows, axis, "Loudness of each track before and after, in LUFS")
    return f'<figure class="wide">{chart}<figcaption>LUFS</figcaption></figure>'


def _levels(track: dict[str, Any]) -> str:
    words = []
    for key, when in (("before_lufs", "before"), ("after_lufs", "after")):
        if key in track:
            words.append("under −70 LUFS" if track[key] is None else f"{track[key]:.1f} LUFS")
            words[-1] += f" {when}"
    return ", ".join(words).replace("-", "−")


def draw_panorama(values: dict[str, Any]) -> str:
    """Draw where each track lies between the speakers, and how wide it is."""
    rows: list[Row] = []
    for name, track in values["tracks"].items():
        place, width = track["position"], track["width"]
        if place is None:
            rows.append((name, [], "silent"))
            continue
        marks = [("spread", place - width / 2.0, place + width / 2.0)] if width > 0.005 else []
        words = f"position {place:+.2f}, width {width:.2f}".replace("-", "−")
        rows.append((name, [*marks, ("to", place, place)], words))
    chart = row_chart(rows, _POSITIONS, "Position and width of each track between left and right")
    return f'<figure class="wide">{chart}</figure>'


def draw_equalizers(session: MixSession) -> str:
    """Draw the curve of the equalisers of each place, one for each section, where there is one."""
    figures = []
    still = []
    for name, strip, stages in _places(session):
        curves: list[Curve] = []
        words = []
        for start, values in stages:
            found = equalizer_curve(strip, values, session.sample_rate)
            when = f"from {clock(start)}: " if len(stages) > 1 else ""
            if found is None:
                continue
            words.append(when + (describe_bands(strip, values) or f"less than {_HEARD_DB:g} dB everywhere"))
            curves.append((*found, f"{name}: {words[-1]}"))
        if not curves:
            still.append(name)
            continue
        highest = max(float(np.abs(levels[hz > 0]).clip(0.0, 24.0).max()) for hz, levels, _ in _arrays(curves))
        chart = curve_chart(curves, FREQUENCIES, decibel_axis(highest), f"Equaliser of {name}, in dB over frequency")
        figures.append(_figure(name, chart, words))
    return _gallery(figures, still, "No equaliser in use on")


def draw_reductions(session: MixSession, report: MixReport) -> str:
    """Draw the gain of every dynamics processor that is in use over time."""
    figures = []
    still = []
    across = time_axis(session.tracks.duration_s)
    settings = session.settings
    readings: list[tuple[str, StripReading | None]] = [
        *((name_place(settings, "track", name), reading) for name, reading in report.strips.items()),
        *((name_place(settings, "group", name), report.groups.get(name)) for name in settings.console.groups),
        ("master", report.master),
    ]
    for name, reading in readings:
        found = {} if reading is None else {k: v for k, v in reading.reduction_db.items() if _does_something(v)}
        if not found:
            still.append(name)
        for label, gain_db in found.items():
            lowest, highest, mean = float(np.nanmin(gain_db)), float(np.nanmax(gain_db)), float(np.nanmean(gain_db))
            times, drawn = _thinned(gain_db)
            up = decibel_axis(lowest, negative_only=True) if highest < 0.5 else decibel_axis(max(-lowest, highest))
            words = f"{label}: {mean:.1f} dB on average, at most {lowest:.1f} dB".replace("-", "−")
            chart = curve_chart(
                [(times, drawn, words)], across, up, f"Gain reduction of {name}, in dB over time", fill=True
            )
            figures.append(_figure(name, chart, [words]))
    return _gallery(figures, still, "No dynamics processor changes a level of")


def describe_bands(strip: Strip, values: StripValues) -> str:
    """Return the bands of the equalisers of a strip that do something, in words."""
    words = []
    for label, processor in strip.processors.items():
        if processor_group(processor) != "eq":
            continue
        given = values.get(label, {})
        for name, value in given.items():
            place = given.get(f"{name.removesuffix('_gain_db')}_hz" if name != "gain_db" else "frequency_hz")
            if name.endswith("gain_db") and value is not None and abs(value) >= _HEARD_DB:
                at = "" if place is None else f" at {_hertz(place)}"
                words.append(f"{value:+.1f} dB{at}")
            elif name.endswith("pass_hz") and value is not None:
                words.append(f"{name.removesuffix('_hz').replace('_', '-')} {_hertz(value)}")
    return ", ".join(words).replace("-", "−").replace("high−pass", "high-pass").replace("low−pass", "low-pass")


def _places(session: MixSession) -> Iterator[tuple[str, Strip, list[tuple[float, StripValues]]]]:
    """Tracks, then groups, then the master: the name, the strip, and its values with the time from which they hold."""
    console = session.settings.console
    stages: list[tuple[float, ConsoleSettings]] = [(0.0, session.settings)]
    stages += [(one.start_s, one.settings) for one in session.sections]
    for name in session.tracks.names:
        place = name_place(session.settings, "track", name)
        yield place, console.track, [(start, one.tracks[name]) for start, one in stages]
    for name, strip in console.groups.items():
        place = name_place(session.settings, "group", name)
        yield place, strip, [(start, one.groups[name]) for start, one in stages]
    yield "master", console.master, [(start, one.master) for start, one in stages]


def _arrays(curves: list[Curve]) -> list[tuple[Array, Array, str]]:
    return [(np.asarray(x), np.asarray(y), words) for x, y, words in curves]


def _does_something(gain_db: Array) -> bool:
    return bool(np.isfinite(gain_db).any()) and float(np.nanmax(np.abs(gain_db))) >= _HEARD_DB


def _thinned(gain_db: Array) -> tuple[Array, Array]:
    """Return times in seconds and the deepest gain of each stretch, as many as can be drawn."""
    size = -(-len(gain_db) // _MOST_POINTS)
    padded = np.pad(gain_db, (0, -len(gain_db) % size), constant_values=np.nan).reshape(-1, size)
    lowest = np.where(np.isfinite(padded), padded, np.inf).min(1)
    times = (np.arange(len(padded)) * size + 0.5) / FRAMES_PER_S
    return times, np.where(np.isfinite(lowest), lowest, np.nan)


def _hertz(value: float) -> str:
    return f"{value / 1000:.3g} kHz" if value >= 1000 else f"{value:.3g} Hz"


def _figure(name: str, chart: str, words: list[str]) -> str:
    """Put a drawing between its name and what each of its curves says, marked with the colour of the curve."""
    lines = [escape(one) for one in words]
    if len(words) > 1:
        lines = [f'<span class="key key-{number % CURVE_STYLES}">{line}</span>' for number, line in enumerate(lines)]
    return f"<figure><strong>{escape(name)}</strong>{chart}<figcaption>{'<br>'.join(lines)}</figcaption></figure>"


def _gallery(figures: list[str], still: list[str], nothing: str) -> str:
    text = f"<p>{nothing} {escape(', '.join(still))}.</p>" if still else ""
    return (f'<div class="grid-of-charts">{"".join(figures)}</div>' if figures else "") + text

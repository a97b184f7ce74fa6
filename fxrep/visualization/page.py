"""The map as one page that needs nothing else: style, program, points and sound are inside it."""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from fxrep.progress import track_progress
from fxrep.visualization.clips import encode_clips
from fxrep.visualization.colors import Colors
from fxrep.visualization.drawn_points import DrawnPoints
from fxrep.visualization.labels import short_labels

# In the order in which the page runs them.
SCRIPTS = ("data.js", "view.js", "names.js", "player.js", "panels.js", "main.js")
MOST_POINTS = 20_000
"""Of a larger map so many are shown, drawn evenly: a page holds them all in memory."""
MOST_CLIPS = 300
_SEED = 0


def write_page(
    points: DrawnPoints, path: Path, title: str, clip_s: float | None, most_clips: int = MOST_CLIPS
) -> tuple[int, list[tuple[str, str]]]:
    """Write the page.

    Args:
        points: what it shows, at most `MOST_POINTS` of them.
        path: HTML file to write.
        title: its heading.
        clip_s: length of the clips in seconds; None for a page without sound.
        most_clips: at most so many clips, of points drawn evenly.

    Returns:
        how many clips are in it, and (path, reason) of the recordings that could not be read.
    """
    shown = points.take(draw_evenly(len(points), MOST_POINTS))
    clips: dict[int, str] = {}
    failures: list[tuple[str, str]] = []
    if clip_s is not None:
        rows = draw_evenly(len(shown), most_clips).tolist()
        parts = [(shown.paths[row], float(shown.start_s[row]), float(shown.duration_s[row])) for row in rows]
        encoded, failures = encode_clips(list(track_progress(parts, "clips")), clip_s)
        clips = {row: clip for row, clip in zip(rows, encoded, strict=True) if clip}
    path.write_text(fill_template(title, page_data(shown, clips, len(points))), encoding="utf-8")
    return len(clips), failures


def draw_evenly(count: int, most: int) -> np.ndarray:
    """At most so many of `count` numbers, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(_SEED).choice(count, most, replace=False))


def page_data(points: DrawnPoints, clips: dict[int, str], total: int) -> dict[str, Any]:
    """What the page's program reads: columns with one entry a point; metadata once a file."""
    files = list(dict.fromkeys(points.paths))
    number = {path: place for place, path in enumerate(files)}
    details = dict(zip(points.paths, points.metadata, strict=True))
    near, similarity = points.neighbours
    real = [row[row >= 0].tolist() for row in near]
    return {
        "level": points.level,
        "fingerprint": points.fingerprint[:16],
        "total": total,
        "files": files,
        "details": [_plain(details[path]) for path in files],
        "labels": short_labels(points.paths, points.start_s, points.level),
        "file": [number[path] for path in points.paths],
        "start": [round(start, 3) for start in points.start_s.tolist()],
        "x": [round(x, 4) for x in points.positions[:, 0].tolist()],
        "y": [round(y, 4) for y in points.positions[:, 1].tolist()],
        "cluster": points.cluster.tolist(),
        "clusters": [cluster.to_dict() for cluster in points.clusters],
        "colorings": [_coloring(colors) for colors in points.colorings()],
        "near": real,
        "similarity": [
            [round(value, 3) for value in row[: len(kept)].tolist()] for row, kept in zip(similarity, real, strict=True)
        ],
        "clips": {str(row): clip for row, clip in clips.items()},
    }


def _coloring(colors: Colors) -> dict[str, Any]:
    grouped = colors.kind == "groups"
    values = colors.values.astype(int).tolist() if grouped else [_number(value) for value in colors.values.tolist()]
    return {
        "title": colors.title,
        "kind": colors.kind,
        "values": values,
        "groups": list(colors.groups),
        "ticks": [[_number(value), text] for value, text in colors.ticks],
        "light": colors.palette(),
        "dark": colors.palette(dark=True),
    }


def _number(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None


def _plain(values: Any) -> dict[str, Any]:
    """Metadata without numbers that JSON does not know."""
    return {
        key: str(value) if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in values.items()
    }


def fill_template(title: str, data: dict[str, Any]) -> str:
    """The template with everything in place."""
    folder = resources.files("fxrep.visualization") / "template"
    read = {name: (folder / name).read_text(encoding="utf-8") for name in ("map.html", "map.css", *SCRIPTS)}
    # Inside a script element only "<" could end it or open a comment.
    values = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    parts = {
        "title": html.escape(title),
        "style": read["map.css"],
        "program": "\n".join(read[name] for name in SCRIPTS),
        "data": values,
    }
    # One pass, so that a placeholder inside a title or a path stays what it is.
    return re.sub(r"\{\{(title|style|program|data)\}\}", lambda match: parts[match[1]], read["map.html"])

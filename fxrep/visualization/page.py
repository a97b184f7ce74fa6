"""The map as one page that needs nothing else: style, program, points and sound are inside it."""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

from fxrep.progress import track_progress
from fxrep.visualization.clips import encode_clips
from fxrep.visualization.labels import short_labels
from fxrep.visualization.map_points import MapPoints

# In the order in which the page runs them.
SCRIPTS = ("view.js", "player.js", "panels.js", "main.js")


def write_page(points: MapPoints, path: Path, title: str, clip_s: float | None) -> tuple[int, list[tuple[str, str]]]:
    """Write the page.

    Args:
        points: what it shows.
        path: HTML file to write.
        title: its heading.
        clip_s: length of the clips in seconds; None for a page without sound.

    Returns:
        how many clips are in it, and (path, reason) of the recordings that could not be read.
    """
    clips: list[str] = []
    failures: list[tuple[str, str]] = []
    if clip_s is not None:
        table = points.table
        parts = list(zip(table.paths, table.start_s.tolist(), table.duration_s.tolist(), strict=True))
        clips, failures = encode_clips(list(track_progress(parts, "clips")), clip_s)
    text = fill_template(title, page_data(points, clips))
    path.write_text(text, encoding="utf-8")
    return sum(bool(clip) for clip in clips), failures


def page_data(points: MapPoints, clips: list[str]) -> dict[str, Any]:
    """What the page's program reads."""
    table, groups = points.table, points.groups
    metadata = table.metadata or [{}] * len(table)
    return {
        "level": table.level,
        "fingerprint": table.fingerprint[:16],
        "groupTitle": groups.title,
        "groups": [
            {"name": name, "light": light, "dark": dark}
            for name, light, dark in zip(groups.names, groups.colours(), groups.colours(dark=True), strict=True)
        ],
        "points": [
            {
                "label": label,
                "path": table.paths[row],
                "start": round(float(table.start_s[row]), 3),
                "x": round(float(points.positions[row, 0]), 4),
                "y": round(float(points.positions[row, 1]), 4),
                "group": int(groups.members[row]),
                "metadata": metadata[row],
                "near": points.neighbours[row].tolist(),
                "similarity": [round(float(value), 3) for value in points.similarities[row]],
            }
            for row, label in enumerate(short_labels(table))
        ],
        "clips": clips,
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

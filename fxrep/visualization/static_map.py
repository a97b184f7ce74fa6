"""The map as a picture for papers and notes."""

from __future__ import annotations

from pathlib import Path

from fxrep.errors import require
from fxrep.visualization.labels import short_labels
from fxrep.visualization.map_points import MapPoints

MOST_LABELS = 40
_INK, _QUIET, _GRID = "#1c1c1c", "#6b6b6b", "#e6e6e6"


def write_picture(points: MapPoints, path: Path, title: str) -> None:
    """Draw the points with matplotlib; the same points give the same bytes.

    Args:
        points: what to draw; up to 40 are labelled.
        path: PNG file to write.
        title: stands above the map.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require("matplotlib", "viz")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 7.2), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    size = max(6.0, min(60.0, 6000.0 / len(points.table)))
    for number, (name, colour) in enumerate(zip(points.groups.names, points.groups.colours(), strict=True)):
        members = points.groups.members == number
        x, y = points.positions[members].T
        axes.scatter(x, y, s=size, c=colour, alpha=0.85, linewidths=0.4, edgecolors="white", label=name)
    if len(points.table) <= MOST_LABELS:
        for (x, y), label in zip(points.positions, short_labels(points.table), strict=True):
            axes.annotate(label, (x, y), xytext=(5, 4), textcoords="offset points", fontsize=7, color=_QUIET)
    axes.set_title(title, loc="left", fontsize=12, color=_INK)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(_GRID)
    if len(points.groups.names) > 1:
        legend = figure.legend(
            title=points.groups.title, loc="outside right upper", frameon=False, fontsize=9, markerscale=1.5
        )
        legend.get_title().set_fontsize(9)
    figure.savefig(path, format="png", metadata={"Software": None})

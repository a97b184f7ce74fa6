"""The map as a picture for papers and notes."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fxrep.errors import require
from fxrep.visualization.drawn_points import DrawnPoints
from fxrep.visualization.label_layout import lay_out, rectangles
from fxrep.visualization.labels import short_labels

MOST_LABELS = 60
"""More names are not read."""
LABELLED = 2000
"""Points of larger maps have no names."""
_LONGEST, _WIDEST, _LONGEST_TITLE = 26, 24, 60
"""Letters of a point's name, of a line of a cluster's, of the title."""
_SIZE_IN, _DPI = (11.5, 7.5), 150
_MAP = (0.015, 0.02, 0.735, 0.915)
"""Left, bottom, width and height of the map, as shares of the picture."""


class _Theme(NamedTuple):
    paper: str
    ink: str
    quiet: str
    line: str


_LIGHT = _Theme("#ffffff", "#1c1c1c", "#5f5f5f", "#dcdcd8")
_DARK = _Theme("#16181b", "#ececec", "#a6a9ad", "#383c42")


def write_picture(points: DrawnPoints, path: Path, title: str, *, dark: bool = False) -> None:
    """Draw the points with matplotlib; the same points give the same bytes. No two texts overlap.

    Args:
        points: what to draw. Clusters are named on the map, and as many points as there is room for.
        path: PNG file to write.
        title: stands above the map.
        dark: light on dark.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require("matplotlib", "viz")
    with warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box.
        warnings.simplefilter("ignore")
        draw_figure(points, title, dark=dark).savefig(path, format="png", metadata={"Software": None})


def draw_figure(points: DrawnPoints, title: str, *, dark: bool = False) -> Any:
    """The figure that `write_picture` writes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    theme = _DARK if dark else _LIGHT
    figure = Figure(figsize=_SIZE_IN, dpi=_DPI, facecolor=theme.paper)
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.add_axes(_MAP, facecolor=theme.paper, xticks=[], yticks=[])
    axes.spines[:].set_color(theme.line)
    radius_px = _scatter(axes, points, theme, dark)
    _write_title(figure, points, title, theme)
    if points.colors.kind == "groups":
        _group_legend(figure, points, theme, dark)
    else:
        _number_legend(figure, points, theme, dark)
    _write_labels(figure, axes, renderer, points, dark, radius_px)
    return figure


def _write_title(figure: Any, points: DrawnPoints, title: str, theme: _Theme) -> None:
    shown = title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"
    kind = "songs" if points.level == "song" else "windows"
    style = {"va": "center", "parse_math": False}
    figure.text(_MAP[0], 0.962, shown, fontsize=14, color=theme.ink, **style)
    figure.text(_MAP[0] + _MAP[2], 0.962, f"{len(points)} {kind}", fontsize=9, color=theme.quiet, ha="right", **style)


def _scatter(axes: Any, points: DrawnPoints, theme: _Theme, dark: bool) -> float:
    """Draw the points; returns their radius in pixels."""
    # One unit is as long across as it is up, and the map fills its frame.
    low, high = points.positions.min(axis=0), points.positions.max(axis=0)
    aspect = _MAP[2] * _SIZE_IN[0] / (_MAP[3] * _SIZE_IN[1])
    half = max((high - low)[1] / 2, (high - low)[0] / 2 / aspect, 1e-3) * 1.1
    middle = (low + high) / 2
    axes.set_xlim(middle[0] - half * aspect, middle[0] + half * aspect)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    size = float(np.clip(9000.0 / len(points), 5.0, 60.0))
    style = {"s": size, "linewidths": 0.4 if size > 8 else 0.0, "edgecolors": theme.paper}
    colors = points.colors
    if colors.kind == "numbers":
        missing = np.isnan(colors.values)
        axes.scatter(*points.positions[missing].T, c=theme.line, **style)
        scale = _scale(points, dark)
        axes.scatter(*points.positions[~missing].T, c=scale.to_rgba(colors.values[~missing]), **style)
    else:
        palette = np.array(colors.palette(dark))
        # In the order of the points, so that no group lies over the others.
        axes.scatter(*points.positions.T, c=palette[colors.values.astype(int)], **style)
    return float(np.sqrt(size / np.pi) * _DPI / 72)


def _scale(points: DrawnPoints, dark: bool) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    ticks = points.colors.ticks
    low, high = (ticks[0][0], ticks[-1][0]) if ticks else (0.0, 1.0)
    ramp = LinearSegmentedColormap.from_list("ramp", points.colors.palette(dark))
    return ScalarMappable(Normalize(low, high if high > low else low + 1), ramp)


def _group_legend(figure: Any, points: DrawnPoints, theme: _Theme, dark: bool) -> None:
    colors = points.colors
    if len(colors.groups) < 2:
        return
    details = {cluster.name: cluster.text for cluster in points.clusters} if colors.title == "cluster" else {}
    sizes = np.bincount(colors.values.astype(int), minlength=len(colors.groups))
    x, y = _MAP[0] + _MAP[2] + 0.018, _MAP[1] + _MAP[3]
    figure.text(x, y, f"Colour: {colors.title}", fontsize=9, color=theme.quiet, va="top", parse_math=False)
    y -= 0.042
    for name, colour, size in zip(colors.groups, colors.palette(dark), sizes.tolist(), strict=True):
        head = textwrap.wrap(f"{name} ({size})", 32)[:2]
        detail = textwrap.wrap(details.get(name, name), 38)[:4] if details.get(name, name) != name else []
        figure.text(x, y, "\u25cf", fontsize=11, color=colour, va="top")
        figure.text(x + 0.02, y, "\n".join(head), fontsize=9, color=theme.ink, va="top", parse_math=False)
        y -= 0.0255 * len(head)
        figure.text(x + 0.02, y, "\n".join(detail), fontsize=7.5, color=theme.quiet, va="top", parse_math=False)
        y -= 0.0195 * len(detail) + 0.012


def _number_legend(figure: Any, points: DrawnPoints, theme: _Theme, dark: bool) -> None:
    colors = points.colors
    bar = figure.add_axes((_MAP[0] + _MAP[2] + 0.02, 0.5, 0.02, 0.38))
    colorbar = figure.colorbar(_scale(points, dark), cax=bar)
    colorbar.outline.set_edgecolor(theme.line)
    colorbar.set_ticks([value for value, _ in colors.ticks], labels=[text for _, text in colors.ticks])
    colorbar.minorticks_off()
    bar.tick_params(colors=theme.ink, labelsize=9)
    figure.text(bar.get_position().x0, 0.9, f"Colour: {colors.title}", fontsize=9, color=theme.quiet, parse_math=False)
    if np.isnan(colors.values).any():
        text = f"{int(np.isnan(colors.values).sum())} points have none"
        figure.text(bar.get_position().x0, 0.465, text, fontsize=8, color=theme.quiet, va="top")


def _write_labels(figure: Any, axes: Any, renderer: Any, points: DrawnPoints, dark: bool, radius_px: float) -> None:
    """Names of clusters first, then of the loneliest points where there is room."""
    theme = _DARK if dark else _LIGHT
    frame = axes.get_window_extent(renderer)
    bounds = (frame.x0 + 6, frame.y0 + 6, frame.x1 - 6, frame.y1 - 6)
    spots = axes.transData.transform(points.positions)
    names = ["\n".join(textwrap.wrap(cluster.name, _WIDEST)) for cluster in points.clusters]
    centres = [_heart(spots[points.cluster == cluster.id]) for cluster in points.clusters]
    writer = _Writer(figure, renderer, bounds, theme.paper)
    # In the clusters' colours, so that a name that had to stand aside is not taken for a neighbour's.
    own = points.colors.title == "cluster" and points.colors.kind == "groups"
    palette = points.colors.palette(dark)
    styles = [_Style(9.5, "bold", palette[cluster.id] if own else theme.ink, 3.0) for cluster in points.clusters]
    boxes = writer.write(names, centres, styles, (0, 12, 30, 60, 100, 150), spared=spots)
    if len(points) > LABELLED:
        return
    dots = np.concatenate([spots - radius_px, spots + radius_px], axis=1)
    labels = short_labels(points.paths, points.start_s, points.level)
    order = _loneliest(spots)[:MOST_LABELS]
    texts = [labels[row] if len(labels[row]) <= _LONGEST else labels[row][: _LONGEST - 1] + "…" for row in order]
    styles = [_Style(6.5, "normal", theme.quiet, 1.5)] * len(texts)
    gaps = (radius_px + 1, radius_px + 8)
    writer.write(texts, [spots[row] for row in order], styles, gaps, taken=np.concatenate([boxes, dots]))


class _Style(NamedTuple):
    size: float
    weight: str
    colour: str
    halo: float


class _Writer(NamedTuple):
    """Writes texts where there is room."""

    figure: Any
    renderer: Any
    bounds: tuple[float, float, float, float]
    paper: str

    def write(
        self, texts: list[str], anchors: list[np.ndarray], styles: list[_Style], gaps: tuple[float, ...], **avoided: Any
    ) -> np.ndarray:
        """Returns the rectangles of the texts that were written, in pixels; `avoided` as in `lay_out`."""
        from matplotlib.patheffects import withStroke

        if not texts:
            return np.empty((0, 4))
        width, height = self.figure.bbox.width, self.figure.bbox.height
        written, sizes = [], []
        for text, style in zip(texts, styles, strict=True):
            written.append(
                self.figure.text(
                    0,
                    0,
                    text,
                    fontsize=style.size,
                    fontweight=style.weight,
                    color=style.colour,
                    linespacing=1.1,
                    parse_math=False,
                    path_effects=[withStroke(linewidth=style.halo, foreground=self.paper)],
                )
            )
            box = written[-1].get_window_extent(self.renderer)
            sizes.append((box.width + 4, box.height + 4))
        corners = lay_out(np.array(anchors), np.array(sizes), self.bounds, gaps=gaps, **avoided)
        for text, corner in zip(written, corners, strict=True):
            if np.isnan(corner).any():
                text.remove()
            else:
                # The extent of a text at the origin begins below its base line.
                below = text.get_window_extent(self.renderer)
                text.set_position(((corner[0] + 2 - below.x0) / width, (corner[1] + 2 - below.y0) / height))
        return rectangles(corners, np.array(sizes))


def _heart(spots: np.ndarray) -> np.ndarray:
    """The point of a cluster that is nearest to the median of all."""
    middle = np.median(spots, axis=0)
    return np.asarray(spots[np.square(spots - middle).sum(axis=1).argmin()]) if len(spots) else np.zeros(2)


def _loneliest(spots: np.ndarray) -> list[int]:
    from scipy.spatial import cKDTree

    if len(spots) < 2:
        return list(range(len(spots)))
    gaps = cKDTree(spots).query(spots, k=2)[0][:, 1]
    return [int(row) for row in np.argsort(-gaps, kind="stable")]

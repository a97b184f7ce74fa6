"""A map as the page draws it: points in columns, what they can be coloured by, and clusters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fxrep.visualization import Cluster, Colors, LibraryMap
from fxrep.visualization.library_map import CLUSTER, FEATURES

MOST_POINTS = 200_000


def map_answer(found: LibraryMap, color: str) -> dict[str, Any]:
    """Plain values, ready for JSON.

    Args:
        found: the map.
        color: what to colour by.

    Raises:
        ArgumentError: there is nothing of that name to colour by.
    """
    colors = found.colors(color)
    shown = np.unique(np.linspace(0, len(found) - 1, min(len(found), MOST_POINTS)).astype(np.int64))
    return {
        "level": found.level,
        "total": len(found),
        "points": {**_columns(found, shown), "value": _values(colors, shown)},
        "color": {"key": color, **_legend(colors)},
        "colors": [{"key": key, "title": key.replace("_", " ")} for key in _choices(found)],
        "unmeasured": len(found.unmeasured()),
        "clusters": [_cluster(one) for one in found.clusters],
    }


def _columns(found: LibraryMap, shown: np.ndarray) -> dict[str, list[Any]]:
    points = found.points
    return {
        "song_id": points.song_id[shown].tolist(),
        "start_s": np.round(points.start_s[shown], 3).tolist(),
        "x": np.round(points.positions[shown, 0], 4).tolist(),
        "y": np.round(points.positions[shown, 1], 4).tolist(),
        "cluster": points.cluster[shown].tolist(),
    }


def _values(colors: Colors, shown: np.ndarray) -> list[float | int | None]:
    values = colors.values[shown].tolist()
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values]


def _legend(colors: Colors) -> dict[str, Any]:
    return {
        "title": colors.title,
        "kind": colors.kind,
        "groups": list(colors.groups),
        "ticks": [[value, text] for value, text in colors.ticks],
        "light": colors.palette(dark=False),
        "dark": colors.palette(dark=True),
    }


def _choices(found: LibraryMap) -> list[str]:
    return list(dict.fromkeys([CLUSTER, *found.keys, *FEATURES]))


def _cluster(one: Cluster) -> dict[str, Any]:
    features = [feature.to_dict() for feature in one.features]
    return {"id": one.id, "name": one.name, "size": one.size, "features": features}

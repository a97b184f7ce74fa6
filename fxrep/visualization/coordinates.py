"""The map as a table: coordinates that other programs can draw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fxrep.visualization.drawn_points import DrawnPoints
from fxrep.visualization.library_map import FEATURES


def write_coordinates(points: DrawnPoints, path: Path) -> None:
    """Write every point as Parquet, the encoder, the level and what `group` and `value` are in its metadata.

    Columns: song_id (null without an index), path, start_s, duration_s, x, y, cluster (-1 for none), cluster_name,
    group or value of what the map is coloured by, the audio features (null where not measured), metadata as JSON.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [cluster.name for cluster in points.clusters]
    colors, count = points.colors, len(points)
    grouped = colors.kind == "groups"
    group = [colors.groups[int(member)] for member in colors.values] if grouped else [None] * count
    value = np.full(count, np.nan) if grouped else colors.values
    columns = {
        "song_id": pa.array([None] * count if points.song_id is None else points.song_id, pa.int64()),
        "path": pa.array(points.paths, pa.string()),
        "start_s": pa.array(points.start_s),
        "duration_s": pa.array(points.duration_s),
        "x": pa.array(points.positions[:, 0]),
        "y": pa.array(points.positions[:, 1]),
        "cluster": pa.array(points.cluster, pa.int32()),
        "cluster_name": pa.array([names[label] if label >= 0 else None for label in points.cluster], pa.string()),
        "group": pa.array(group, pa.string()),
        "value": pa.array(value, pa.float64(), from_pandas=True),
    }
    for column, name in enumerate(FEATURES):
        columns[name] = pa.array(points.features[:, column], pa.float32(), from_pandas=True)
    texts = [json.dumps(values, ensure_ascii=False, sort_keys=True) for values in points.metadata]
    columns["metadata"] = pa.array(texts, pa.string())
    tags = {"fxrep.fingerprint": points.fingerprint, "fxrep.level": points.level, "fxrep.group": colors.title}
    pq.write_table(pa.table(columns).replace_schema_metadata(tags), path)

"""The map as a table: coordinates that other programs can draw."""

from __future__ import annotations

from pathlib import Path

from fxrep.visualization.map_points import MapPoints


def write_coordinates(points: MapPoints, path: Path) -> None:
    """Write path, start_s, duration_s, x, y and group of every point as Parquet, the encoder in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = points.table
    columns = {
        "path": pa.array(table.paths, pa.string()),
        "start_s": pa.array(table.start_s),
        "duration_s": pa.array(table.duration_s),
        "x": pa.array(points.positions[:, 0]),
        "y": pa.array(points.positions[:, 1]),
        "group": pa.array([points.groups.names[member] for member in points.groups.members], pa.string()),
    }
    tags = {"fxrep.fingerprint": table.fingerprint, "fxrep.level": table.level, "fxrep.group": points.groups.title}
    pq.write_table(pa.table(columns).replace_schema_metadata(tags), path)

"""The manifest: one Parquet row for every audio file of a dataset, with what was measured on it."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from fxrep.data.multitrack import Song, Track
from fxrep.errors import DataError
from fxrep.files import atomic_file

KINDS = ("stem", "mix")
_FORMAT = "fxrep manifest"
_VERSION = 1


@dataclass(frozen=True)
class ManifestRow:
    """One audio file.

    Attributes:
        path: relative to the manifest's root, with forward slashes.
        kind: ``"stem"`` (a track) or ``"mix"`` (a finished mix).
        dataset: name of the adapter that found it.
        song: unique within the dataset; rows of one song share it, and its split.
        artist: empty where it is not known.
        licence: of the audio; empty where it is not known.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        track: unique within the song; ``"mix"`` for a mix.
        instrument: one of `fxrep.data.INSTRUMENTS`.
        duration_s: decoded length.
        sample_rate: of the file, Hz.
        channels: 1 or 2.
        loudness_lufs: integrated loudness (BS.1770-4), -70 at the least.
        silence_ratio: share of 100 ms blocks with an RMS below -60 dBFS, 0 to 1.
        content_hash: SHA-256 of the file's bytes in hexadecimal, as `sha256sum` prints it.
        size_bytes: of the file; 0 where it was not recorded.
    """

    path: str
    kind: str
    dataset: str
    song: str
    artist: str
    licence: str
    split: str
    track: str
    instrument: str
    duration_s: float
    sample_rate: int
    channels: int
    loudness_lufs: float
    silence_ratio: float
    content_hash: str
    size_bytes: int = 0


@dataclass(frozen=True)
class Manifest:
    """The rows of a dataset and the folder their paths start from."""

    rows: list[ManifestRow] = field(default_factory=list)
    root: Path = Path()

    def __len__(self) -> int:
        return len(self.rows)

    def path_of(self, row: ManifestRow) -> Path:
        """Where the audio of `row` lies on this machine."""
        return self.root / row.path

    def filter(
        self,
        *,
        split: str | None = None,
        instrument: str | None = None,
        kind: str | None = None,
        dataset: str | None = None,
    ) -> Manifest:
        """The rows for which every given field has the given value, under the same root."""
        wanted = {"split": split, "instrument": instrument, "kind": kind, "dataset": dataset}
        conditions = [(name, value) for name, value in wanted.items() if value is not None]
        return replace(self, rows=[r for r in self.rows if all(getattr(r, n) == v for n, v in conditions)])

    def songs(self) -> list[Song]:
        """The rows as songs, in the order of the rows. A song's first `"mix"` row is its mix."""
        grouped: dict[tuple[str, str], list[ManifestRow]] = defaultdict(list)
        for row in self.rows:
            grouped[row.dataset, row.song].append(row)
        return [self._song(rows) for rows in grouped.values()]

    def provenance(self) -> dict[str, Any]:
        """Whose audio this is: songs, hours of tracks, data sets, and the artists under each licence."""
        return joint_provenance([self])

    def _song(self, rows: list[ManifestRow]) -> Song:
        first = rows[0]
        mixes = [self.path_of(row) for row in rows if row.kind == "mix"]
        return Song(
            name=first.song,
            tracks=tuple(Track(r.track, r.instrument, self.path_of(r)) for r in rows if r.kind == "stem"),
            mix=mixes[0] if mixes else None,
            artist=first.artist or None,
            licence=first.licence or None,
            split=first.split,
        )


def joint_provenance(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """`Manifest.provenance` of several together; songs are told apart by their folder too."""
    by_licence: dict[str, set[str]] = defaultdict(set)
    rows = [row for manifest in manifests for row in manifest.rows]
    for row in rows:
        by_licence[row.licence or "unknown licence"].add(row.artist or f"authors of {row.song.split('/')[0]}")
    return {
        "songs": len({(m.root.resolve(), row.dataset, row.song) for m in manifests for row in m.rows}),
        "hours": round(sum(row.duration_s for row in rows) / 3600.0, 2),
        "datasets": sorted({row.dataset for row in rows}),
        "artists": {licence: sorted(artists) for licence, artists in sorted(by_licence.items())},
    }


def write_manifest(path: str | os.PathLike[str], manifest: Manifest) -> None:
    """Write a manifest as Parquet, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    import pyarrow as pa
    from pyarrow import parquet

    target = Path(path)
    root = manifest.root.resolve()
    about = {
        "format": _FORMAT,
        "version": _VERSION,
        "root": str(root),
        "root_from_manifest": Path(os.path.relpath(root, target.resolve().parent)).as_posix(),
    }
    table = pa.Table.from_pylist([asdict(row) for row in manifest.rows], schema=_arrow_schema())
    with atomic_file(target) as temporary:
        parquet.write_table(table.replace_schema_metadata({"fxrep": json.dumps(about)}), temporary)


def read_manifest(path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None) -> Manifest:
    """Read a manifest that `fxrep data scan` wrote.

    Args:
        path: the Parquet file.
        root: the folder the paths start from. By default the one that was scanned; if that is no longer there,
            the folder in the same place relative to the manifest, so that a dataset and its manifest move together.

    Raises:
        DataError: the file is missing, is not Parquet, or is not a manifest of a version this library reads.
    """
    from pyarrow import ArrowException, parquet

    source = Path(path)
    if not source.is_file():
        raise DataError(f"there is no manifest at {source}: make one with fxrep data scan")
    try:
        table = parquet.read_table(source)
    except (ArrowException, OSError) as error:
        raise DataError(f"{source} cannot be read as Parquet ({error}): make it again with fxrep data scan") from error
    about = _about(table.schema.metadata or {}, source)
    missing = [name for name in _arrow_schema().names if name not in table.column_names and name != "size_bytes"]
    if missing:
        raise DataError(f"{source} has no column {missing[0]}: make it again with fxrep data scan")
    return Manifest(_rows(table.to_pylist(), source), Path(root) if root else _root(about, source))


def check_audio_is_there(manifest: Manifest, name: str | os.PathLike[str]) -> None:
    """Refuse a manifest whose audio has moved as a whole; a look at ten files, whatever the size.

    Args:
        manifest: as read.
        name: how the message calls it, normally its path.

    Raises:
        DataError: none of the files that were looked for is there.
    """
    rows = manifest.rows[:: max(1, len(manifest) // 10)]
    if not rows or any(manifest.path_of(row).is_file() for row in rows):
        return
    what = "holds none of its files" if manifest.root.is_dir() else "is not there"
    raise DataError(
        f"{name}: the folder it was made of, {manifest.root}, {what}: move it back, or scan the new folder with "
        "fxrep data scan; fxrep data check --root NEW_FOLDER tells whether all of it is in one, and "
        "normalize, shard and hold-out take --root, too"
    )


def _about(metadata: dict[bytes, bytes], source: Path) -> dict[str, Any]:
    try:
        about = json.loads(metadata.get(b"fxrep", b"{}"))
    except ValueError:
        about = {}
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise DataError(f"{source} is Parquet but not a manifest: make one with fxrep data scan")
    if about.get("version") != _VERSION:
        raise DataError(
            f"{source} is a manifest of version {about.get('version')}, this library reads {_VERSION}: scan again"
        )
    return about


def _rows(records: Iterable[dict[str, Any]], source: Path) -> list[ManifestRow]:
    known = {item.name for item in fields(ManifestRow)}
    rows = [ManifestRow(**{name: value for name, value in record.items() if name in known}) for record in records]
    for row in rows:
        if not row.path or row.kind not in KINDS:
            raise DataError(f"{source} has a row with path {row.path!r} and kind {row.kind!r}: scan again")
    return rows


def _root(about: dict[str, Any], source: Path) -> Path:
    scanned = Path(about.get("root") or ".")
    beside = Path(os.path.normpath(source.resolve().parent / (about.get("root_from_manifest") or ".")))
    return beside if beside.is_dir() and not scanned.is_dir() else scanned


def _arrow_schema() -> Any:
    import pyarrow as pa

    types = {"str": pa.string(), "float": pa.float64(), "int": pa.int64()}
    return pa.schema([(item.name, types[str(item.type)]) for item in fields(ManifestRow)])

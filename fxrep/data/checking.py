"""Whether the files of a manifest are still there and still the same."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fxrep.audio import audio_info
from fxrep.data.manifest import Manifest, ManifestRow
from fxrep.data.measuring import content_hash
from fxrep.errors import ArgumentError, FxrepError
from fxrep.progress import track_progress

_DURATION_TOLERANCE_S = 0.1


@dataclass(frozen=True)
class CheckReport:
    """What a check found; each entry is a path and what is wrong with it.

    Attributes:
        checked: how many rows were looked at.
        missing: files that are not there.
        changed: files whose size, content or length is not that of the manifest.
        unreadable: files that cannot be opened as audio.
    """

    checked: int
    missing: list[tuple[str, str]] = field(default_factory=list)
    changed: list[tuple[str, str]] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)

    @property
    def problems(self) -> list[tuple[str, str]]:
        """All entries."""
        return [*self.missing, *self.changed, *self.unreadable]


def check_manifest(manifest: Manifest, *, quick: bool = False, workers: int | None = None) -> CheckReport:
    """Compare a manifest with the disk.

    Args:
        manifest: what was scanned.
        quick: compare sizes and headers only; otherwise the whole content is read and compared by its hash.
        workers: files read at once; as many as processors when not given.
    """
    threads = workers if workers is not None else os.cpu_count() or 1
    if threads < 1:
        raise ArgumentError(f"workers must be at least 1, got {threads}")
    report = CheckReport(checked=len(manifest))
    lists = {"missing": report.missing, "changed": report.changed, "unreadable": report.unreadable}
    with ThreadPoolExecutor(threads) as pool:
        verdicts = pool.map(partial(_verdict, manifest, quick), manifest.rows)
        for verdict in track_progress(verdicts, "check", total=len(manifest)):
            if verdict:
                problem, path, reason = verdict
                lists[problem].append((path, reason))
    return report


def _verdict(manifest: Manifest, quick: bool, row: ManifestRow) -> tuple[str, str, str] | None:
    path = manifest.path_of(row)
    try:
        if not path.is_file():
            return "missing", str(path), "is not there"
        problem = _difference(path, quick, row)
        return ("changed", str(path), problem) if problem else None
    except (FxrepError, OSError) as error:
        reason = str(error).removeprefix(str(path)).lstrip(": ")
        return "unreadable", str(path), reason


def _difference(path: Path, quick: bool, row: ManifestRow) -> str | None:
    """What is not as it was, or None. The header is opened first: a file that is no longer audio says so."""
    info = audio_info(path)
    size = path.stat().st_size
    if row.size_bytes and size != row.size_bytes:
        return f"has {size} bytes, the manifest says {row.size_bytes}"
    if abs(info.duration_s - row.duration_s) > _DURATION_TOLERANCE_S:
        return f"lasts {info.duration_s:.2f} s, the manifest says {row.duration_s:.2f} s"
    if not quick and content_hash(path) != row.content_hash:
        return "has another content than when it was scanned"
    return None

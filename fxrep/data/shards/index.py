"""The index of a set of shards: what each holds, how large it is, and the checksum it must have."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fxrep.data.shards.addresses import read_address
from fxrep.errors import DataError
from fxrep.files import atomic_file

INDEX_NAME = "index.json"
_FORMAT = "fxrep shards"
_VERSION = 1


@dataclass(frozen=True)
class Holding:
    """What a shard holds of one instrument: passages, their seconds, and the longest of them."""

    samples: int
    seconds: float
    longest_s: float


@dataclass(frozen=True)
class ShardEntry:
    """One shard.

    Attributes:
        name: of the file, beside the index.
        split: one of `fxrep.data.SPLITS`.
        bytes: size of the file.
        sha256: of the file, as `sha256sum` prints it.
        recipe: hash of everything that decided on its content, by which a repeated writing knows it again.
        instruments: what it holds, by instrument.
        failures: (path, reason) of what should be in it and is not.
    """

    name: str
    split: str
    bytes: int
    sha256: str
    recipe: str
    instruments: dict[str, Holding]
    failures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def samples(self) -> int:
        """Passages in the shard."""
        return sum(holding.samples for holding in self.instruments.values())

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> ShardEntry:
        """From what `asdict` and JSON made of one."""
        held = {name: Holding(**holding) for name, holding in plain["instruments"].items()}
        failures = [(str(path), str(reason)) for path, reason in plain["failures"]]
        return cls(**{**plain, "instruments": held, "failures": failures})


@dataclass(frozen=True)
class ShardIndex:
    """The shards of a data set.

    Attributes:
        entries: in the order of their names within each split.
        provenance: whose audio it is, by split; see `Manifest.provenance`.
        settings: how the shards were written.
        address: of the folder, a path or a URL.
    """

    entries: list[ShardEntry]
    provenance: dict[str, dict[str, Any]]
    settings: dict[str, Any]
    address: str = ""

    def of_split(self, split: str | None) -> list[ShardEntry]:
        """The shards of a split that hold something; all of them for None."""
        return [entry for entry in self.entries if split in (None, entry.split) and entry.samples]

    def address_of(self, entry: ShardEntry) -> str:
        """Where the shard lies."""
        return f"{self.address}/{entry.name}"


def write_shard_index(folder: Path, index: ShardIndex) -> Path:
    """Write the index, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    content = {
        "format": _FORMAT,
        "version": _VERSION,
        "settings": index.settings,
        "provenance": index.provenance,
        "shards": [asdict(entry) for entry in index.entries],
    }
    document = {**content, "content_hash": _content_hash(content)}
    with atomic_file(folder / INDEX_NAME) as draft:
        draft.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder / INDEX_NAME


def read_shard_index(address: str | os.PathLike[str]) -> ShardIndex:
    """Read the index of a set of shards.

    Args:
        address: the folder of the shards or the index in it: a path or any URL that fsspec opens, such as
            ``s3://bucket/shards`` or ``simplecache::https://host/shards``.

    Raises:
        DataError: there is none, or it is damaged or of another version.
        MissingExtraError: the URL needs a package that is not installed.
    """
    folder = os.fspath(address).rstrip("/").removesuffix(f"/{INDEX_NAME}")
    name = f"{folder}/{INDEX_NAME}"
    try:
        document = json.loads(read_address(name))
        content = {key: value for key, value in document.items() if key != "content_hash"}
        whole = document["content_hash"] == _content_hash(content) and document["format"] == _FORMAT
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise DataError(f"{name} is damaged or no index of shards: write it again with fxrep data shard")
    if document["version"] != _VERSION:
        raise DataError(
            f"{name} is of version {document['version']}, this library reads {_VERSION}: write the shards again"
        )
    entries = [ShardEntry.from_plain(entry) for entry in document["shards"]]
    return ShardIndex(entries, document["provenance"], document["settings"], folder)


def joint_holdings(entries: Sequence[ShardEntry]) -> dict[str, Holding]:
    """What several shards hold together, by instrument, sorted."""
    names = sorted({name for entry in entries for name in entry.instruments})
    joined = {}
    for name in names:
        held = [entry.instruments[name] for entry in entries if name in entry.instruments]
        joined[name] = Holding(
            sum(part.samples for part in held), sum(part.seconds for part in held), max(part.longest_s for part in held)
        )
    return joined


def _content_hash(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

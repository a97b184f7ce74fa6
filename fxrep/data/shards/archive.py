"""Tar archives in the form of WebDataset, the same bytes for the same members."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from fxrep.errors import DataError


class Sample(NamedTuple):
    """What belongs together: a name without a dot, and the bytes of each member by its suffix."""

    key: str
    members: Mapping[str, bytes | memoryview]


def write_archive(path: Path, samples: Iterable[Sample]) -> None:
    """Write samples in order; no times, owners or modes of this machine come with them.

    Raises:
        OSError: the file cannot be written.
    """
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for sample in samples:
            for suffix, data in sample.members.items():
                member = tarfile.TarInfo(f"{sample.key}.{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


def read_archive(data: bytes, name: str) -> Iterator[Sample]:
    """The samples of an archive that is in memory; their members are views into it.

    Args:
        data: the whole archive.
        name: what an error calls it.

    Raises:
        DataError: it is no archive, or is cut short.
    """
    view = memoryview(data)
    key = ""
    members: dict[str, bytes | memoryview] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                base, _, suffix = member.name.partition(".")
                if base != key and members:
                    yield Sample(key, members)
                    members = {}
                key = base
                members[suffix] = view[member.offset_data : member.offset_data + member.size]
    except tarfile.TarError as error:
        raise DataError(f"{name} is no tar archive ({error}): write the shards again with fxrep data shard") from error
    if members:
        yield Sample(key, members)

"""What is served, where, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fxrep.errors import ArgumentError

SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class WebLimits:
    """What one visitor, or all of them together, can make the server do.

    Attributes:
        upload_bytes: size of one uploaded file.
        upload_s: length of one uploaded recording in seconds.
        receive_s: time in which an upload must have arrived.
        receiving: uploads that may arrive at once.
        uploads: recordings that are kept; the one that was not used for longest goes first.
        decode_s: processor seconds, and twice that in real time, to decode one recording.
        decode_bytes: memory of a decoding process beyond what it begins with.
        json_bytes: size of any other request.
        cache_bytes: disk space for uploads, renders and decoded songs together.
        waiting: jobs that may wait in line.
        hits: of searches, that are remembered to be explained.
    """

    upload_bytes: int = 200_000_000
    upload_s: float = 900.0
    receive_s: float = 300.0
    receiving: int = 64
    uploads: int = 200
    decode_s: float = 60.0
    decode_bytes: int = 512 << 20
    json_bytes: int = 1 << 20
    cache_bytes: int = 2_048_000_000
    waiting: int = 256
    hits: int = 20_000


@dataclass(frozen=True)
class WebConfig:
    """All that `fxrep serve` is told.

    Attributes:
        index: folder of the reference index.
        mixes: folders that `fxrep transfer` and `fxrep mix` wrote.
        folders: where songs may lie besides the folder that holds the index and the folders they were added from.
        references: recordings to compare mixes with, where the mix does not name its own.
        model: encoder, where it is not found under the name in the index.
        host: address to listen at.
        port: to listen at; 0 takes a free one.
        token: what a visitor must show; None: nothing, which is for loopback only.
        hosts: names under which the server may be called besides IP addresses and ``localhost``.
        cache: folder for temporary files; None for that of the user.
        limits: see `WebLimits`.

    Raises:
        ArgumentError: the token is too short.
    """

    index: Path
    mixes: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    references: tuple[Path, ...] = ()
    model: str | None = None
    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = None
    hosts: tuple[str, ...] = ()
    cache: Path | None = None
    limits: WebLimits = field(default_factory=WebLimits)

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < SHORTEST_TOKEN or not self.token.isascii()):
            raise ArgumentError(f"the token has {len(self.token)} characters: give {SHORTEST_TOKEN} or more, in ASCII")

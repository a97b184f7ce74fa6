"""Which files a browser can play as they are, told by how they begin and not by their names."""

from __future__ import annotations

_WAV_FORMATS = (b"\x01\x00", b"\x03\x00", b"\xfe\xff")
"""PCM, IEEE float, and the extensible header around them."""


def playable_type(head: bytes) -> str | None:
    """The media type of a file that browsers play; None for all else.

    Args:
        head: its first bytes, 64 or more where it has them.
    """
    if head[:4] == b"fLaC":
        return "audio/flac"
    if head[:4] == b"OggS":
        return "audio/ogg"
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "audio/wav" if head[12:16] == b"fmt " and head[20:22] in _WAV_FORMATS else None
    if head[4:8] == b"ftyp":
        return "audio/mp4"
    if head[:3] == b"ID3" or _is_mpeg_frame(head):
        return "audio/mpeg"
    return None


def _is_mpeg_frame(head: bytes) -> bool:
    """Whether a header of MPEG audio, layer III, stands at the beginning."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, rate = (head[1] >> 3) & 3, (head[1] >> 1) & 3, (head[2] >> 2) & 3
    return version != 1 and layer == 1 and rate != 3 and head[2] >> 4 != 15

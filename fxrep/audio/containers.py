"""What a container tells about its own completeness, before anything is decoded.

Decoders forgive: libsndfile reads a WAV cut in half as a shorter WAV without a word. The sizes that WAV, RF64, AIFF,
OGG, MP4 and most MP3 files carry tell the difference at the cost of a few small reads. FLAC and raw AAC carry none;
there the decoder finds out.
"""

from __future__ import annotations

import logging
import struct
from pathlib import Path
from typing import BinaryIO

from fxrep.audio.mpeg_frames import find_mpeg_fault

logger = logging.getLogger(__name__)

# Some writers count their own header in the size of the samples: fewer bytes than this are not a loss.
_SIZE_SLACK_BYTES = 64
_LARGEST_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
_OGG_END_OF_STREAM = 4
# Zeros in the place of chunks are chunks of no length: millions of them would take minutes to walk over.
_MOST_CHUNKS = 10000
_WITHOUT_END = f"is damaged: it has more than {_MOST_CHUNKS} chunks"


def find_fault(path: Path) -> str | None:
    """Say what is wrong with the container, or None when it seems whole or carries no size.

    Returns:
        A clause that follows the file's name, for example ``"is truncated: …"``.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:] == b"WAVE":
            return _find_chunk_fault(file, size, "<", b"data")
        if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
            return _find_chunk_fault(file, size, ">", b"SSND")
        if head[:4] == b"OggS":
            return _find_ogg_fault(file, size, path)
        if head[4:8] == b"ftyp":
            return _find_mp4_fault(file, size)
        if path.suffix.lower() == ".mp3":
            return find_mpeg_fault(file, size)
    return None


def _find_chunk_fault(file: BinaryIO, size: int, endian: str, samples_chunk: bytes) -> str | None:
    position = 12
    long_size = None
    for _ in range(_MOST_CHUNKS):
        if position + 8 > size:
            break
        file.seek(position)
        name, promised = struct.unpack(f"{endian}4sI", file.read(8))
        if name == b"ds64":
            # RF64 keeps the real size of the samples here, as its second number.
            sizes = file.read(16)
            if len(sizes) < 16:
                break
            long_size = struct.unpack("<QQ", sizes)[1]
        if name == samples_chunk:
            if long_size is not None and promised == 0xFFFFFFFF:
                promised = long_size
            elif _is_unknown_size(promised):
                return None
            return _shortage(promised, size - position - 8)
        position += 8 + promised + promised % 2
    else:
        return _WITHOUT_END
    return "is truncated: it ends before its samples begin"


def _is_unknown_size(promised: int) -> bool:
    # What programs write that stream into a pipe and cannot come back to fill in the size.
    return promised >= 0xFFFFFF00 or 0x7FFFF000 <= promised <= 0x80000000


def find_last_ogg_page(path: Path) -> int | None:
    """Position, in samples, at which the last page of an OGG Vorbis file begins; None when it is the first of sound.

    Every page notes the position at its end.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 3 * _LARGEST_OGG_PAGE_BYTES))
        tail = file.read()
    place = tail.rfind(b"OggS")
    while (place := tail.rfind(b"OggS", 0, max(place, 0))) >= 0:
        (position,) = struct.unpack("<q", tail[place + 6 : place + 14])
        # Minus one marks a page in which no packet ends.
        if position >= 0:
            return int(position) or None
    return None


def _find_ogg_fault(file: BinaryIO, size: int, path: Path) -> str | None:
    file.seek(max(0, size - _LARGEST_OGG_PAGE_BYTES))
    tail = file.read()
    page = tail[tail.rfind(b"OggS") :] if b"OggS" in tail else b""
    header_bytes = 27 + page[26] if len(page) >= 27 else 28
    if len(page) < header_bytes or len(page) < header_bytes + sum(page[27:header_bytes]):
        return "is truncated: its last OGG page is incomplete"
    if not page[5] & _OGG_END_OF_STREAM:
        logger.warning("%s: the last OGG page does not end the stream: the recording may have been cut off", path)
    return None


def _find_mp4_fault(file: BinaryIO, size: int) -> str | None:
    position = 0
    names = set()
    for _ in range(_MOST_CHUNKS):
        if position + 8 > size:
            break
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        elif length == 0:
            length = size - position
        if fault := _shortage(length, size - position):
            return fault
        names.add(name)
        position += max(length, 8)
    return None if b"moov" in names else "is truncated: its index (the moov box) is missing"


def _shortage(promised: int, present: int) -> str | None:
    if promised <= present + _SIZE_SLACK_BYTES:
        return None
    return f"is truncated: its header promises {promised} bytes and {present} are there"

"""Just enough of the MP3 format to see whether a file is one and whether it is complete."""

from __future__ import annotations

from typing import BinaryIO

_SEARCH_BYTES = 1 << 16
# Tags at the end may or may not be counted in the size that the encoder noted.
_SIZE_SLACK_BYTES = 4096

_KBITS_MPEG_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_MPEG_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_MPEG_1 = (44100, 48000, 32000)
_LAYER_3 = 1


def find_mpeg_fault(file: BinaryIO, size: int) -> str | None:
    """Say what is wrong with an MP3 file of `size` bytes, or None.

    The size that encoders note in the first frame (the Xing or Info header) is compared with the file's. Files
    without that note, and Layers I and II, pass.
    """
    start = _skip_id3(file)
    file.seek(start)
    data = file.read(_SEARCH_BYTES)
    offset = _first_frame(data)
    if offset is None:
        return None if size > start and _holds_other_audio(data) else "is not an MP3 file: it holds no MPEG frame"
    frame = data[offset : offset + 256]
    tag = max(frame.find(b"Xing"), frame.find(b"Info"))
    if tag < 0 or len(frame) < tag + 16:
        return None
    flags = int.from_bytes(frame[tag + 4 : tag + 8], "big")
    if not flags & 2:
        return None
    position = tag + 8 + (4 if flags & 1 else 0)
    promised = int.from_bytes(frame[position : position + 4], "big")
    present = size - start - offset
    if promised <= present + _SIZE_SLACK_BYTES:
        return None
    return f"is truncated: its header promises {promised} bytes and {present} are there"


def _skip_id3(file: BinaryIO) -> int:
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    # Seven bits in each byte, so that no tag can look like the start of a frame.
    return 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))


def _first_frame(data: bytes) -> int | None:
    """Offset of the first frame that another frame follows (or that reaches past the data)."""
    offset = data.find(b"\xff")
    while 0 <= offset < len(data) - 4:
        length = _frame_length(data[offset : offset + 4])
        following = data[offset + length : offset + length + 4] if length else b""
        if length and (len(following) < 4 or _frame_length(following)):
            return offset
        offset = data.find(b"\xff", offset + 1)
    return None


def _frame_length(header: bytes) -> int:
    """Bytes in the Layer III frame that begins with these four, or 0."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate, rate = header[2] >> 4, header[2] >> 2 & 3
    if header[0] != 0xFF or header[1] < 0xE0 or version == 1 or layer != _LAYER_3 or rate == 3 or bitrate in (0, 15):
        return 0
    mpeg_1 = version == 3
    kbits = (_KBITS_MPEG_1 if mpeg_1 else _KBITS_MPEG_2)[bitrate]
    hertz = _RATES_MPEG_1[rate] // (1 if mpeg_1 else 2 if version == 2 else 4)
    return (144 if mpeg_1 else 72) * kbits * 1000 // hertz + (header[2] >> 1 & 1)


def _holds_other_audio(data: bytes) -> bool:
    # A wrong suffix, Layer I or II, or a first frame further in: the decoders decide.
    return data[:4] in (b"RIFF", b"fLaC", b"OggS", b"FORM") or data[4:8] == b"ftyp" or data[:2] in _SYNC_WORDS


_SYNC_WORDS = tuple(bytes((0xFF, second)) for second in range(0xE0, 0x100))

"""Damage to sound files, drawn from a seed: what broken disks, broken programs and people with bad intentions make."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np

from .originals import Original, seal_ogg_page

Mutation = Callable[[bytearray, np.random.Generator, Sequence[Original]], bytearray]
_HEADER = 256
# Where counters overflow, signs flip and programs ask for all the memory there is.
_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    255,
    256,
    1000,
    65535,
    65536,
    1 << 20,
    0x7FFFF000,
    0x7FFFFFFF,
    1 << 31,
    0xFFFFFFF0,
    0xFFFFFFFF,
)
_MAGIC = (
    *(b"RIFF\xff\xff\xff\xffWAVEfmt ", b"RF64\xff\xff\xff\xffWAVEds64", b"RIFX", b"riff", b".snd", b"caff"),
    *(b"FORM\x00\x00\xff\xffAIFF", b"FORM\x00\x00\xff\xffAIFC", b"fLaC\x00\x00\x00\x22", b"OggS\x00\x02", b"MThd"),
    *(b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead", b"ID3\x04\x00\x00", b"\xff\xfb\x90\x00", b"\xff\xf1\x50\x80"),
    *(b"\x00\x00\x00\x18ftypM4A ", b"\x1a\x45\xdf\xa3", b"FLV\x01", b"#EXTM3U\n", b"v=0\no=- 0 0 IN IP4 127.0.0.1\n"),
    b"ffconcat version 1.0\nfile original.wav\n",
)
SUFFIXES = ("wav", "aiff", "flac", "ogg", "opus", "mp3", "m4a", "aac")


def mutated(originals: Sequence[Original], seed: int, number: int) -> tuple[str, str, bytes]:
    """File `number` of a seed: what was done to it, its suffix and its bytes."""
    rng = np.random.default_rng([seed, number])
    if rng.random() < 0.06:
        name, suffix, data = _random_file(rng)
        return name, suffix, data
    original = originals[int(rng.integers(len(originals)))]
    data, names = bytearray(original.data), []
    for _ in range(int(rng.integers(1, 4))):
        mutation = _MUTATIONS[int(rng.integers(len(_MUTATIONS)))]
        data = mutation(data, rng, originals)
        names.append(mutation.__name__.strip("_").replace("_", " "))
    if b"OggS" in data[:4] and rng.random() < 0.8:
        _seal_all(data)
        names.append("checksums made right")
    suffix = original.suffix if rng.random() < 0.9 else SUFFIXES[int(rng.integers(len(SUFFIXES)))]
    return f"{original.name}: {', '.join(names)}", suffix, bytes(data)


def _random_file(rng: np.random.Generator) -> tuple[str, str, bytes]:
    suffix = SUFFIXES[int(rng.integers(len(SUFFIXES)))]
    body = rng.bytes(int(rng.integers(0, 6000)))
    if rng.random() < 0.2:
        body = bytes(len(body))
    magic = _MAGIC[int(rng.integers(len(_MAGIC)))] if rng.random() < 0.7 else b""
    return f"random bytes after {magic[:12]!r}", suffix, magic + body


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """Anywhere, half of the time in the header."""
    reach = min(len(data), _HEADER) if rng.random() < 0.5 else len(data)
    return int(rng.integers(max(1, reach)))


def _span(data: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    start = _place(data, rng)
    return start, min(len(data), start + int(2 ** rng.uniform(0, 12)))


def _flip_bits(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    for _n in range(int(rng.integers(1, 9)) if data else 0):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _write_random_bytes(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    start, end = _span(data, rng)
    data[start:end] = rng.bytes(end - start)
    return data


def _write_one_byte_over(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    start, end = _span(data, rng)
    data[start:end] = bytes([(0, 0, 255, 0x80)[int(rng.integers(4))]]) * (end - start)
    return data


def _cut_the_end_off(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    return data[: _place(data, rng)]


def _take_a_part_out(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    start, end = _span(data, rng)
    del data[start:end]
    return data


def _repeat_a_part(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    start, end = _span(data, rng)
    return data[:end] + data[start:end] * int(rng.integers(1, 20)) + data[end:]


def _insert_bytes(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    place = _place(data, rng)
    return data[:place] + rng.bytes(int(2 ** rng.uniform(0, 11))) + data[place:]


def _splice_with_another(data: bytearray, rng: np.random.Generator, originals: Sequence[Original]) -> bytearray:
    other = originals[int(rng.integers(len(originals)))].data
    return data[: _place(data, rng)] + other[_place(bytearray(other), rng) :]


def _write_a_number(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    """A size, a count or a rate becomes another: small, huge or next to an overflow."""
    value = _NUMBERS[int(rng.integers(len(_NUMBERS)))] if rng.random() < 0.7 else int(rng.integers(1 << 32))
    kind = str(rng.choice(["<I", ">I", "<H", ">H", "<Q", ">Q"]))
    size = struct.calcsize(kind)
    if len(data) >= size:
        place = min(_place(data, rng) // 2 * 2, len(data) - size)
        data[place : place + size] = struct.pack(
            kind, value << (32 if size == 8 and rng.random() < 0.5 else 0) & (1 << 8 * size) - 1
        )
    return data


# What describes the sound, by what stands before it: offset behind the name, and format of each field.
_FIELDS = (
    (b"fmt ", ((4, "<I"), (8, "<H"), (10, "<H"), (12, "<I"), (16, "<I"), (20, "<H"), (22, "<H"))),
    (b"data", ((4, "<I"),)),
    (b"fact", ((8, "<I"),)),
    (b"ds64", ((8, "<Q"), (16, "<Q"), (24, "<Q"))),
    (b"COMM", ((4, ">I"), (8, ">H"), (10, ">I"), (14, ">H"), (16, ">H"), (18, ">Q"))),
    (b"SSND", ((4, ">I"), (8, ">I"), (12, ">I"))),
    (b"fLaC", ((8, ">H"), (10, ">H"), (18, ">Q"), (18, ">I"))),
    (b"OpusHead", ((9, "B"), (10, "<H"), (12, "<I"), (16, "<H"), (18, "B"))),
    (b"\x01vorbis", ((7, "<I"), (11, "B"), (12, "<I"), (28, "B"))),
    (b"OggS", ((5, "B"), (6, "<Q"), (18, "<I"), (26, "B"))),
    (b"Xing", ((4, ">I"), (8, ">I"), (12, ">I"))),
    (b"Info", ((4, ">I"), (8, ">I"), (12, ">I"))),
    (b"ID3", ((5, "B"), (6, ">I"))),
    (b"mdhd", ((16, ">I"), (20, ">I"))),
    (b"mp4a", ((20, ">H"), (28, ">I"))),
    (b"stts", ((8, ">I"), (12, ">I"), (16, ">I"))),
    (b"stsz", ((8, ">I"), (12, ">I"))),
    (b"stsc", ((8, ">I"), (12, ">I"), (16, ">I"))),
)  # fmt: skip
_RATES_AND_COUNTS = (
    *_NUMBERS,
    3,
    4,
    5,
    6,
    8,
    12,
    16,
    24,
    32,
    64,
    1024,
    11025,
    44100,
    48000,
    96000,
    192000,
    768000,
    10**9,
)


def _change_what_describes_the_sound(data: bytearray, rng: np.random.Generator, _: Sequence[Original]) -> bytearray:
    """Channels, rate, depth, length or the like become an odd number."""
    there = [(name, fields) for name, fields in _FIELDS if name in data]
    if not there:
        return _flip_bits(data, rng, _)
    name, fields = there[int(rng.integers(len(there)))]
    found = _all_places(data, name)
    offset, kind = fields[int(rng.integers(len(fields)))]
    place, size = found[int(rng.integers(len(found)))] + offset, struct.calcsize(kind)
    if place + size <= len(data):
        value = (
            _RATES_AND_COUNTS[int(rng.integers(len(_RATES_AND_COUNTS)))]
            if rng.random() < 0.8
            else int(rng.integers(1 << 62))
        )
        data[place : place + size] = struct.pack(kind, value & (1 << 8 * size) - 1)
    return data


def _all_places(data: bytearray, name: bytes) -> list[int]:
    found, place = [], data.find(name)
    while place >= 0:
        found.append(place)
        place = data.find(name, place + 1)
    return found


def _seal_all(data: bytearray) -> None:
    for place in _all_places(data, b"OggS"):
        seal_ogg_page(data, place)


_MUTATIONS: tuple[Mutation, ...] = (
    _flip_bits,
    _write_random_bytes,
    _write_one_byte_over,
    _cut_the_end_off,
    _take_a_part_out,
    _repeat_a_part,
    _insert_bytes,
    _splice_with_another,
    _write_a_number,
    _change_what_describes_the_sound,
    _change_what_describes_the_sound,
)

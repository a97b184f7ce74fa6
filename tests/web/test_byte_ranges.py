"""Which bytes a Range header asks for, against the rules of RFC 9110 written the slow way."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxrep.web.byte_ranges import UnsatisfiableRangeError, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-9", (0, 10)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-5000", (90, 100)),
        ("bytes=-7", (93, 100)),
        ("bytes=-5000", (0, 100)),
        ("Bytes = 2-3 ", (2, 4)),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=--1", None),
        ("bytes=1--1", None),
        ("bytes=+1-2", None),
        ("bytes=0x1-2", None),
        ("bytes=1.0-2", None),
        ("bytes=\u0661-\u0662", None),
        ("bytes=1e1-2", None),
        ("lines=0-1", None),
        ("0-1", None),
        ("bytes=0-1;", None),
        ("bytes=" + "9" * 4000 + "-", None),
    ],
)
def test_headers_mean_what_the_standard_says(header: str | None, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=9999999999999999999-"])
def test_what_lies_outside_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError, match=r"bytes \*/100"):
        parse_range(header, 100)


def test_an_empty_file_has_no_range() -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range("bytes=0-", 0)


@given(st.text(max_size=40) | st.from_regex(r"bytes=[0-9, -]{0,12}", fullmatch=True), st.integers(0, 200))
def test_any_text_gives_a_part_of_the_file_or_all_of_it(header: str, size: int) -> None:
    try:
        found = parse_range(header, size)
    except UnsatisfiableRangeError:
        found = (0, 0)
    if found not in (None, (0, 0)):
        start, stop = found
        assert 0 <= start < stop <= size
    plain = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", header)
    if plain:
        wanted = set(range(int(plain[1]), int(plain[2]) + 1 if plain[2] else size)) & set(range(size))
        backwards = bool(plain[2]) and int(plain[1]) > int(plain[2])
        assert found == (None if backwards else (min(wanted), max(wanted) + 1) if wanted else (0, 0))

"""The Range header of HTTP (RFC 9110, section 14): which bytes of a file are wanted."""

from __future__ import annotations

import re

_ONE = re.compile(r"[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*")


class UnsatisfiableRangeError(Exception):
    """The range is well formed and lies outside the file."""


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last that a header asks for.

    Args:
        header: value of ``Range``; None where there is none.
        size: bytes of the file.

    Returns:
        ``(start, stop)`` with 0 <= start < stop <= size. None: all of it, because there is no header, or one that RFC
        9110 says must or may be ignored: malformed, of another unit, or of several ranges.

    Raises:
        UnsatisfiableRangeError: nothing of the file lies in the range.
    """
    unit, equals, value = (header or "").partition("=")
    found = _ONE.fullmatch(value)
    if not equals or unit.strip().lower() != "bytes" or found is None:
        return None
    first, last = found.groups()
    if first and last and int(first) > int(last):
        return None
    if not first and not last:
        return None
    if first:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    else:
        start, stop = max(0, size - int(last)), size
    if start >= stop:
        raise UnsatisfiableRangeError(f"bytes */{size}")
    return start, stop

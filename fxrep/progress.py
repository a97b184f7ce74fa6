"""Progress of long work, on standard error, silent where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def track_progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` with a progress bar on standard error (none when it is not a terminal)."""
    from tqdm import tqdm

    bar = tqdm(items, desc=description, total=total, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)
    return iter(bar)

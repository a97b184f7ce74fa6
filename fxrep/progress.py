"""Progress of long work, on standard error, silent where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")


def track_progress(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` with a progress bar on standard error (none when it is not a terminal)."""
    return iter(progress_bar(items, description, total))


def progress_bar(items: Iterable[T] | None, description: str, total: int | None = None) -> tqdm[T]:
    """Return the bar itself, to show figures on it with `set_postfix`; without items `update` moves it."""
    from tqdm import tqdm

    return tqdm(items, desc=description, total=total, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)

"""A hint, once, where an index no longer lies beside its songs."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

logger = logging.getLogger(__name__)


class PathCheck:
    """Looks whether files that an index names are there; says once where they are not.

    Args:
        folder: the index.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said = False

    def check(self, paths: Iterable[Path]) -> None:
        """Log a warning if one of `paths` does not exist, unless that was done before."""
        if self._said:
            return
        named = list(paths)
        missing = [path for path in named if not path.exists()]
        if missing:
            self._said = True
            logger.warning(
                "%d of %d files that %s names are not there, %s for example: songs beside an index are found by their "
                "place relative to it, so move both together, or build it again where the songs are now",
                len(missing),
                len(named),
                self._folder,
                missing[0],
            )

"""Rows of numbers in a temporary file: what a song makes of itself on the way through a network, out of memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fxrep.files import output_error

CHUNK = 4096
"""Rows that are worked on at once."""


class RowFile:
    """Float32 rows of one width in a file without a name, which goes with the object.

    Args:
        width: numbers in a row.
        folder: on whose disk.
        rows: of zeros to begin with.
    """

    def __init__(self, width: int, folder: Path, rows: int = 0) -> None:
        self.width, self.rows, self.folder = width, rows, folder
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self.file.truncate(rows * width * 4)

    def __len__(self) -> int:
        return self.rows

    def append(self, rows: Tensor) -> None:
        """Add rows (n, width) at the end.

        Raises:
            OutputError: the disk is full.
        """
        self.write(self.rows, rows)

    def write(self, start: int, rows: Tensor) -> None:
        """Replace rows, or add some, from a position on.

        Raises:
            OutputError: the disk is full.
        """
        try:
            self.file.seek(start * self.width * 4)
            self.file.write(rows.detach().contiguous().float().numpy().tobytes())
        except OSError as error:
            raise output_error(self.folder, error) from error
        self.rows = max(self.rows, start + len(rows))

    def read(self, start: int, stop: int) -> Tensor:
        """Rows (stop - start, width); before the first and behind the last there are zeros."""
        found = torch.zeros(stop - start, self.width)
        first, last = max(0, start), min(stop, self.rows)
        if last > first:
            self.file.seek(first * self.width * 4)
            content = np.frombuffer(self.file.read((last - first) * self.width * 4), np.float32)
            found[first - start : last - start] = torch.from_numpy(content.reshape(-1, self.width).copy())
        return found

    def chunks(self, context: int = 0, size: int = CHUNK) -> Iterator[Tensor]:
        """Rows in order, `size` at a time, with so many before and behind them."""
        for start in range(0, self.rows, size):
            yield self.read(start - context, min(start + size, self.rows) + context)

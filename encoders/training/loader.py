"""A stream of training batches that can be taken up again at any batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from torch.utils.data import DataLoader, Dataset, Sampler

from fxrep.errors import DataError


class PositionSampler(Sampler[list[int]]):
    """Indices of the batches that are left of an epoch, for one process.

    Batch k of the epoch is items k·B·W to (k + 1)·B·W of the data set, B items for each of W processes in turn, so
    the joined batch is the same for every B·W. Order is the data set's: it draws its items at random itself.
    """

    def __init__(self, length: int, batch_size: int, rank: int = 0, processes: int = 1) -> None:
        self.batch_size, self.rank, self.processes = batch_size, rank, processes
        self.batches = length // (batch_size * processes)
        self.first = 0
        if self.batches == 0:
            raise DataError(
                f"an epoch of {length} pairs is shorter than one batch of {batch_size} x {processes}: "
                "raise length or lower batch_size"
            )

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        for batch in range(self.first, self.batches):
            start = (batch * self.processes + self.rank) * self.batch_size
            yield list(range(start, start + self.batch_size))


class ResumableLoader(DataLoader[dict[str, Any]]):
    """A loader whose every batch carries its ``"position"`` in the run, and that goes on after any of them.

    Position p is batch ``p % len(self)`` of epoch ``p // len(self)``. Lightning saves `state_dict` in its checkpoints
    and gives it back before the first batch. Workers are started anew each epoch: the data set they copy must know it.

    Args:
        dataset: map-style, items depend only on (epoch, index); `set_epoch(epoch)` is called where it exists.
        sampler: which indices, for this process.
        num_workers: processes that read ahead.
    """

    def __init__(self, dataset: Dataset[dict[str, Any]], sampler: PositionSampler, num_workers: int = 0) -> None:
        super().__init__(dataset, batch_sampler=sampler, num_workers=num_workers)
        self.position = 0

    def __iter__(self) -> Any:
        """Batches from the present position to the end of its epoch."""
        sampler = cast(PositionSampler, self.batch_sampler)
        epoch, sampler.first = divmod(self.position, sampler.batches)
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)
        for batch in super().__iter__():
            self.position += 1
            yield {**batch, "position": self.position - 1}

    def state_dict(self) -> dict[str, Any]:
        """How many batches were handed out."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the batches that `state` counts."""
        self.position = int(state["position"])

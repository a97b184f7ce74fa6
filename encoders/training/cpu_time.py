"""Training for so much CPU time, so that systems of any size can be compared at the same expense."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from encoders.training.resumption import LAST_NAME, LastCheckpoint
from fxrep.errors import ArgumentError

WARM_UP = 0.05
"""Share of the time until the learning rate is at its peak."""


class CpuTime(Callback):
    """Ends a training when its CPU time is spent, with ``last.ckpt`` saved; the learning rate follows the time.

    Counted are the seconds of this process from the start of the fit: what a training prepares before its first step,
    reading, and steps; loaders in other processes are not, so use ``num_workers: 0``. Where all of it went into the
    preparation, one step is still made. The learning rate rises over the first twentieth and falls as half a cosine, in
    the place of the steps that a configuration counts.

    Args:
        minutes: CPU minutes of this process.

    Raises:
        ArgumentError: no time.
    """

    def __init__(self, minutes: float) -> None:
        super().__init__()
        if not 0.0 < minutes < math.inf:
            raise ArgumentError(f"minutes is {minutes}: give the CPU minutes of the training, more than 0")
        self.budget_s = 60.0 * minutes
        self._start = 0.0
        self._peaks: list[float] | None = None

    @property
    def spent(self) -> float:
        """Share of the time that is over, from 0."""
        return (time.process_time() - self._start) / self.budget_s

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin to count."""
        self._start, self._peaks = time.process_time(), None

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Set the learning rate for the time."""
        groups = [group for optimizer in trainer.optimizers for group in optimizer.param_groups]
        if self._peaks is None:
            # Schedules keep the rate that they start from.
            self._peaks = [group.get("initial_lr", group["lr"]) for group in groups]
        factor = learning_rate_factor(self.spent)
        for group, peak in zip(groups, self._peaks, strict=True):
            group["lr"] = peak * factor

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop where the time is over."""
        if self.spent >= 1.0:
            trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the weights: the run may have ended between two saves."""
        saved = [callback.path for callback in trainer.checkpoint_callbacks if isinstance(callback, LastCheckpoint)]
        folder = Path(trainer.log_dir or trainer.default_root_dir) / "checkpoints"
        trainer.save_checkpoint(str(saved[0] if saved and saved[0] is not None else folder / LAST_NAME))


def learning_rate_factor(spent: float) -> float:
    """Factor on the peak: a rise over the first twentieth of the time, then half a cosine down to 0, never quite 0."""
    falling = 0.5 + 0.5 * math.cos(math.pi * min(spent, 1.0))
    return min(spent / WARM_UP + 1e-3, falling + 1e-3)

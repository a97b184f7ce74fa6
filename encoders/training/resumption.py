"""Stopping and going on: a run that is killed, interrupted or out of time loses little and resumes exactly."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from fxrep.errors import ArgumentError, CheckpointError, FxrepError
from fxrep.files import atomic_file

LAST_NAME = "last.ckpt"


class TrainingStoppedError(FxrepError):
    """The user or the system asked a run to stop; its state is saved."""

    exit_code = 130


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints under another name first: a kill while writing leaves the one before whole."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Save `checkpoint` at `path`, whole or not at all."""
        with atomic_file(path) as draft:
            super().save_checkpoint(checkpoint, draft, storage_options)


class LastCheckpoint(Checkpoint):
    """Keeps ``checkpoints/last.ckpt`` of the run's folder up to date, and saves it when the run is told to stop.

    It is written between two steps, where the state is whole: every `every_n_steps`, at the end of each epoch, and
    after the step in which SIGINT (Ctrl-C) or SIGTERM arrived; then the run ends. A second signal ends it at once.

    Args:
        every_n_steps: optimiser steps between two saves.
    """

    def __init__(self, every_n_steps: int = 500) -> None:
        super().__init__()
        if every_n_steps < 1:
            raise ArgumentError(f"checkpoint_every is {every_n_steps}: give 1 or more steps between two saves")
        self.every_n_steps = every_n_steps
        self.path: Path | None = None
        self._signal: int | None = None
        self._stopping = False
        self._previous: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the folder and listen for signals."""
        folder = trainer.strategy.broadcast(trainer.log_dir or trainer.default_root_dir)
        self.path = Path(folder) / "checkpoints" / LAST_NAME
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
            for number in self._previous:
                signal.signal(number, self._note_signal)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is time to, and where a signal came."""
        accumulating = trainer.fit_loop._should_accumulate()
        stop = trainer.strategy.reduce_boolean_decision(self._signal is not None, all=False)
        epoch_ends = trainer.is_last_batch
        run_ends = trainer.global_step >= trainer.max_steps > 0
        due = trainer.global_step % self.every_n_steps == 0 and not accumulating
        if due or stop or epoch_ends or run_ends:
            trainer.save_checkpoint(str(self.path))
        self._stopping = stop

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Leave before the step after the signal: the loggers have the step before it by now."""
        self._leave(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave before validation where the signal came in the step before it."""
        self._leave(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave at the end of an epoch without validation."""
        self._leave(trainer)

    def _leave(self, trainer: Trainer) -> None:
        if self._stopping:
            name = signal.Signals(self._signal).name if self._signal is not None else "another process"
            raise TrainingStoppedError(
                f"stopped by {name} after step {trainer.global_step}; saved {self.path}: go on with --resume last"
            )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the signals back."""
        self._restore_signals()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the signals back."""
        self._restore_signals()

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        self._restore_signals()

    def _restore_signals(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._previous = {}


def find_last_checkpoint(run_folder: Path) -> Path:
    """The newest ``last.ckpt`` under a run's folder.

    Raises:
        CheckpointError: there is none.
    """
    found = sorted(run_folder.glob(f"**/{LAST_NAME}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise CheckpointError(f"{run_folder} holds no {LAST_NAME}: nothing to resume; start without --resume")
    return found[-1]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Open a Lightning checkpoint without unpickling anything but tensors and plain values.

    Raises:
        CheckpointError: the file is missing, damaged, or holds other objects.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}: give a .ckpt file that fxrep train wrote")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch.load raises errors of zipfile, pickle and its own for one cause: this is no such file. Their advice, to
        # allow unpickling, is not passed on.
        raise CheckpointError(
            f"{path} is not a readable checkpoint: it is damaged, or holds more than tensors and plain values; "
            "give one that fxrep train wrote"
        ) from error
    if not isinstance(content, dict) or "state_dict" not in content:
        raise CheckpointError(f"{path} is not a Lightning checkpoint: it has no state_dict")
    return content

"""Logs of a run: a CSV table and TensorBoard, in the folder of its checkpoints; a resumed run goes on in it."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger


class ContinuedCSVLogger(CSVLogger):
    """A CSV log that keeps the rows before `first_step` when its folder holds a log already.

    Args:
        root: the run's folder.
        version: number of the folder ``version_N`` in it; None for a new one.
        first_step: optimiser step that the run goes on from; rows from there on will be written again.
    """

    def __init__(self, root: str, version: int | None, first_step: int) -> None:
        super().__init__(root, name="", version=version)
        self.first_step = first_step

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The writer; made when first used."""
        if self._experiment is None:
            path = Path(self.log_dir) / "metrics.csv"
            rows, names = self._earlier(path)
            with warnings.catch_warnings():
                # The base class warns that it deletes the table, which is written again just below.
                warnings.filterwarnings("ignore", message="Experiment logs directory")
                writer = super().experiment
            if rows:
                writer.metrics_keys = names
                with path.open("w", newline="", encoding="utf-8") as file:
                    table = csv.DictWriter(file, fieldnames=names)
                    table.writeheader()
                    table.writerows(rows)
        return self._experiment

    def _earlier(self, path: Path) -> tuple[list[dict[str, str]], list[str]]:
        if not path.is_file():
            return [], []
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            rows = [row for row in table if row.get("step", "").isdigit() and int(row["step"]) < self.first_step]
            return rows, list(table.fieldnames or [])


def run_loggers(root: str, resumed: str | None, first_step: int) -> list[Logger]:
    """CSV and TensorBoard loggers in ``root/version_N``.

    Args:
        root: the run's folder.
        resumed: the checkpoint that is gone on from; where it lies under `root`, its version's folder is used again.
        first_step: optimiser step of that checkpoint.
    """
    version = _version_of(resumed, Path(root))
    table = ContinuedCSVLogger(root, version, first_step)
    purge = first_step if version is not None else None
    return [table, TensorBoardLogger(root, name="", version=f"version_{table.version}", purge_step=purge)]


def _version_of(checkpoint: str | None, root: Path) -> int | None:
    if checkpoint is None:
        return None
    path = Path(checkpoint).resolve()
    named = re.fullmatch(r"version_(\d+)", path.parent.parent.name)
    return int(named[1]) if named and path.parent.parent.parent == root.resolve() else None

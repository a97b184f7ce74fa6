"""A training that ends when its CPU time is spent."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from encoders.training.cpu_time import CpuTime, learning_rate_factor
from encoders.training.resumption import read_checkpoint
from encoders.training.seeded_training import SeededTraining
from fxrep.errors import ArgumentError

PEAK = 0.5


class Slow(SeededTraining):
    """One weight, ten milliseconds a step; notes the learning rate of each step."""

    def __init__(self) -> None:
        super().__init__(PEAK, 0.0, (0.9, 0.999), 5, 0)
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.rates: list[float] = []

    def constructor_trees(self) -> dict[str, Any]:
        return {}

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        end = time.process_time() + 0.01
        while time.process_time() < end:
            pass
        return (self.weight * batch).square().sum()

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        self.rates.append(optimizer.optimizer.param_groups[0]["lr"])
        LightningModule.optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure)


def fit(folder: Path, minutes: float) -> Slow:
    module = Slow()
    trainer = Trainer(
        max_steps=10**6,
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        callbacks=[CpuTime(minutes)],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(torch.ones(10**4, 1), batch_size=1))
    return module


def test_it_ends_when_its_time_is_spent(tmp_path: Path) -> None:
    start = time.process_time()
    module = fit(tmp_path, 0.5 / 60.0)
    assert 0.5 <= time.process_time() - start < 5.0
    assert 2 <= len(module.rates) <= 50
    assert read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == len(module.rates)
    # Up within the first twentieth, then down, by the time and not by the steps of a run without end.
    assert max(module.rates) <= PEAK * 1.001 and module.rates[-1] < 0.1 * PEAK
    top = module.rates.index(max(module.rates))
    assert all(later < earlier for earlier, later in zip(module.rates[top:], module.rates[top + 1 :], strict=False))


def test_one_step_is_made_where_preparing_took_all_of_the_time(tmp_path: Path) -> None:
    assert len(fit(tmp_path, 1e-9).rates) == 1


def test_the_rate_rises_and_falls() -> None:
    assert learning_rate_factor(0.0) == pytest.approx(1e-3)
    assert learning_rate_factor(0.5) == pytest.approx(0.501)
    assert learning_rate_factor(2.0) == pytest.approx(1e-3)
    assert learning_rate_factor(0.05) == pytest.approx(0.9948, abs=1e-3)


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("inf"), float("nan")])
def test_no_time_is_refused(minutes: float) -> None:
    with pytest.raises(ArgumentError, match="CPU minutes"):
        CpuTime(minutes)

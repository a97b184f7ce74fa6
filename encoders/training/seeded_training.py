"""What every training of the project has in common: chance, the optimiser, and what a checkpoint holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from encoders.training.schedule import warm_up_cosine
from fxrep.errors import FxrepError

_STREAMS = {"train": 0, "validation": 1, "test": 2}


class SeededTraining(LightningModule):
    """Base of the trainings, which say what a step does and what a release needs of them.

    Everything random in a step comes from (seed, position in the run, rank), so that a resumed run is the run that
    was interrupted.

    Args:
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all that is drawn; the command line sets it to ``seed_everything``.
    """

    def __init__(
        self, learning_rate: float, weight_decay: float, betas: Sequence[float], warmup_steps: int, seed: int
    ) -> None:
        super().__init__()
        self.learning_rate, self.weight_decay, self.betas = learning_rate, weight_decay, tuple(betas)
        self.warmup_steps, self.seed = warmup_steps, seed
        self.measured: dict[str, float] = {}

    @property
    def objective_name(self) -> str:
        """What is minimised, for the model card."""
        return type(self).__name__

    def constructor_trees(self) -> dict[str, Any]:
        """Constructor trees of what is trained, by what it is: ``{"encoder": …}``."""
        raise NotImplementedError(f"{type(self).__name__} does not define constructor_trees()")

    def configure_optimizers(self) -> Any:
        """AdamW under warm-up and cosine, stepped with the optimiser."""
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            betas=(self.betas[0], self.betas[1]),
        )
        total = self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: warm_up_cosine(step, self.warmup_steps, total)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what a release needs, as plain values: constructor trees, and how it was trained."""
        data: Any = getattr(self.trainer, "datamodule", None)
        described = data.description() if hasattr(data, "description") else {}
        checkpoint["fxrep"] = {
            **self.constructor_trees(),
            "training": {
                "steps": self.global_step,
                "seed": self.seed,
                "objective": self.objective_name,
                "learning_rate": self.learning_rate,
                "processes": self.trainer.world_size,
                "precision": str(self.trainer.precision),
                **described,
            },
            "metrics": dict(self.measured),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the last figures."""
        self.measured = dict(checkpoint.get("fxrep", {}).get("metrics", {}))

    def _generator(self, stream: str, position: int) -> torch.Generator:
        rank = self.trainer.global_rank if stream == "train" else 0
        # SeedSequence mixes the numbers, so that neighbouring steps do not get neighbouring generators.
        mixed = np.random.SeedSequence([self.seed, _STREAMS[stream], position, rank])
        return torch.Generator().manual_seed(int(mixed.generate_state(1, np.uint64)[0]))

    def _training_generator(self, batch: dict[str, Any]) -> torch.Generator:
        generator = self._generator("train", batch["position"])
        # Dropout and the like draw from the global generator: it too must not depend on what ran before.
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return generator

    def _check_finite(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise FxrepError(
                f"the loss is {loss.item()} at step {self.global_step}: training diverged, lower the learning rate"
            )

    def _keep_measured(self) -> None:
        """Keep the figures of the validation for the model card."""
        if not self.trainer.sanity_checking:
            logged = self.trainer.callback_metrics
            self.measured = {name: float(value) for name, value in logged.items() if name.startswith("validation/")} | {
                "step": float(self.global_step)
            }

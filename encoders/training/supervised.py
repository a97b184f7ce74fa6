"""What the trainings have in common that teach an encoder by answers, not by pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from encoders.base import EffectEncoder
from encoders.training.schedule import warm_up_cosine
from fxrep.errors import ArgumentError, FxrepError

_STREAMS = {"train": 0, "validation": 1, "test": 2}


class SupervisedTraining(LightningModule):
    """Base: seeds, the optimiser and what a checkpoint holds; a subclass says what is asked and how it is scored.

    A subclass implements `answers`. Everything random in a step comes from (seed, position in the run, rank), so that a
    resumed run is the run that was interrupted. The loss and every score are logged as ``train/…``, ``validation/…``
    and ``test/…``; ``loss_ratio`` is the loss over that of guessing, which is 1.

    Args:
        encoder: what to train.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all effects; the command line sets it to ``seed_everything``.
    """

    def __init__(
        self,
        encoder: EffectEncoder,
        learning_rate: float = 1e-4,
        weight_decay: float = 1e-4,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 2000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.learning_rate, self.weight_decay, self.betas = learning_rate, weight_decay, tuple(betas)
        self.warmup_steps, self.seed = warmup_steps, seed
        self.measured: dict[str, float] = {}

    def answers(self, batch: dict[str, Any], generator: torch.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Loss and loss of guessing, scalars, and scores by name, of one batch."""
        raise NotImplementedError(f"{type(self).__name__} does not define answers(batch, generator)")

    def setup(self, stage: str) -> None:
        """Refuse data at another rate than the encoder's: it would be misread, not resampled."""
        self.check_data(getattr(self.trainer, "datamodule", None))

    def check_data(self, data: Any) -> None:
        """Refuse a data module at another rate.

        Raises:
            ArgumentError: with both rates.
        """
        rate = getattr(data, "sample_rate", self.encoder.sample_rate)
        if rate != self.encoder.sample_rate:
            raise ArgumentError(
                f"the data is at {rate} Hz and the encoder at {self.encoder.sample_rate} Hz: set both sample_rate alike"
            )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch."""
        generator = self._generator("train", batch["position"])
        # Dropout and the like draw from the global generator: it too must not depend on what ran before.
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        loss = self._step("train", batch, generator)
        if not torch.isfinite(loss):
            raise FxrepError(
                f"the loss is {loss.item()} at step {self.global_step}: training diverged, lower the learning rate"
            )
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log loss and scores of one validation batch."""
        self._step("validation", batch, self._generator("validation", batch_idx))

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test items, logged as ``test/…``."""
        self._step("test", batch, self._generator("test", batch_idx))

    def on_validation_epoch_end(self) -> None:
        """Keep the figures for the model card."""
        if not self.trainer.sanity_checking:
            logged = self.trainer.callback_metrics
            self.measured = {name: float(value) for name, value in logged.items() if name.startswith("validation/")} | {
                "step": float(self.global_step)
            }

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
        """Add what a release needs, as plain values: the encoder's constructor tree and how it was trained."""
        data: Any = getattr(self.trainer, "datamodule", None)
        described = data.description() if hasattr(data, "description") else {}
        checkpoint["fxrep"] = {
            "encoder": self.encoder.config(),
            "training": {
                "steps": self.global_step,
                "seed": self.seed,
                "objective": type(self).__name__,
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

    def _step(self, stage: str, batch: dict[str, Any], generator: torch.Generator) -> Tensor:
        loss, guessing, scores = self.answers(batch, generator)
        values = {"loss": loss.detach(), "loss_ratio": loss.detach() / guessing, **scores}
        items = len(batch["a"])
        self.log_dict({f"{stage}/{name}": value for name, value in values.items()}, batch_size=items)
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=items)
        return loss

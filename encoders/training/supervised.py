"""What the trainings have in common that teach an encoder by answers, not by pairs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from encoders.training.encoder_training import EncoderTraining


class SupervisedTraining(EncoderTraining):
    """Base: a subclass implements `answers`, which says what is asked and how it is scored.

    The loss and every score are logged as ``train/…``, ``validation/…`` and ``test/…``; ``loss_ratio`` is the loss over
    that of guessing, which is 1.
    """

    def answers(self, batch: dict[str, Any], generator: torch.Generator) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Loss and loss of guessing, scalars, and scores by name, of one batch."""
        raise NotImplementedError(f"{type(self).__name__} does not define answers(batch, generator)")

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch."""
        loss = self._step("train", batch, self._training_generator(batch))
        self._check_finite(loss)
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log loss and scores of one validation batch."""
        self._step("validation", batch, self._generator("validation", batch_idx))

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test items, logged as ``test/…``."""
        self._step("test", batch, self._generator("test", batch_idx))

    def on_validation_epoch_end(self) -> None:
        """Keep the figures for the model card."""
        self._keep_measured()

    def _step(self, stage: str, batch: dict[str, Any], generator: torch.Generator) -> Tensor:
        loss, guessing, scores = self.answers(batch, generator)
        values = {"loss": loss.detach(), "loss_ratio": loss.detach() / guessing, **scores}
        items = len(batch["a"])
        self.log_dict({f"{stage}/{name}": value for name, value in values.items()}, batch_size=items)
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=items)
        return loss

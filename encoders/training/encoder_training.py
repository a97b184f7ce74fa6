"""What every training of an encoder has in common: the encoder, and data at its rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from encoders.base import EffectEncoder
from encoders.training.seeded_training import SeededTraining
from fxrep.errors import ArgumentError


class EncoderTraining(SeededTraining):
    """Base of the trainings of encoders, which say what a step does.

    Args:
        encoder: what to train.
        learning_rate, weight_decay, betas, warmup_steps, seed: as for `SeededTraining`.
    """

    def __init__(
        self,
        encoder: EffectEncoder,
        learning_rate: float,
        weight_decay: float,
        betas: Sequence[float],
        warmup_steps: int,
        seed: int,
    ) -> None:
        super().__init__(learning_rate, weight_decay, betas, warmup_steps, seed)
        self.encoder = encoder

    def constructor_trees(self) -> dict[str, Any]:
        """The encoder's constructor tree."""
        return {"encoder": self.encoder.config()}

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

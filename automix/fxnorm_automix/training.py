"""The training of FxNorm-automix: give normalised stems back the effects of the mix that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from automix.fxnorm_automix.losses import Form, FxNormLoss
from automix.fxnorm_automix.mixer import FxNormAutomix
from encoders.training.seeded_training import SeededTraining
from fxrep.audio import SILENCE_LUFS, integrated_loudness
from fxrep.errors import ArgumentError


class FxNormTraining(SeededTraining):
    """Train the network on mixes whose stems were normalised (Martinez-Ramirez et al. 2022).

    Logged for training: the loss. For validation: the loss; that with the mix at the loudness of the target,
    ``matched_loss``; that of the tracks at equal loudness, brought to the loudness of the target too,
    ``equal_loudness_loss``; and the share of the latter that the former is, ``loss_ratio``: 1 is as far off as a mix at
    equal loudness.

    Args:
        mixer: what to train; it takes up the averages of the data.
        form: ``a`` or ``b``, see `FxNormLoss`.
        guard_s: seconds at either end of a passage that do not count.
        floor_db: of magnitudes; None: as published.
        matched: train with the mix at the loudness of the target, so that no step goes into the level of the whole,
            which mixes are not compared by; False: at the level that the network gives it, as published.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all that is drawn; the command line sets it to ``seed_everything``.

    Raises:
        ArgumentError: no such loss.
    """

    def __init__(
        self,
        mixer: FxNormAutomix,
        form: Form = "b",
        guard_s: float = 0.7,
        floor_db: float | None = -100.0,
        matched: bool = False,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-7,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 1000,
        seed: int = 0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, betas, warmup_steps, seed)
        self.mixer = mixer
        self.loss = FxNormLoss(form, mixer.sample_rate, guard_s, floor_db)
        self.matched = matched

    @property
    def objective_name(self) -> str:
        """What is minimised, for the model card."""
        return f"loss {self.loss.form} of FxNorm-automix: spectra of sum and difference, A-weighted"

    def constructor_trees(self) -> dict[str, Any]:
        """The constructor tree of the mixer, averages included."""
        return {"fxnorm_automix": self.mixer.config()}

    def setup(self, stage: str) -> None:
        """Refuse data that the network does not fit, and take up its averages."""
        self.check_data(getattr(self.trainer, "datamodule", None))

    def check_data(self, data: Any) -> None:
        """Refuse a data module at another rate, too short, or normalised to other averages.

        Raises:
            ArgumentError: what does not fit, with both values.
            DataError: there are no averages beside the normalised tracks.
        """
        drawing = {"sample_rate": self.mixer.sample_rate} | getattr(data, "drawing", {})
        if drawing["sample_rate"] != self.mixer.sample_rate:
            raise ArgumentError(
                f"the data has sample_rate {drawing['sample_rate']} and the network {self.mixer.sample_rate}: set both "
                "alike"
            )
        shortest_s = self.loss.shortest / self.mixer.sample_rate
        if drawing.get("segment_s", shortest_s) < shortest_s:
            raise ArgumentError(
                f"segment_s={drawing['segment_s']:g}: the loss needs at least {shortest_s:.2f} s with this guard_s"
            )
        normalizer = getattr(data, "normalizer", None)
        if normalizer is None:
            return
        known = self.mixer.normalizer
        if known is not None and known.fingerprint != normalizer.fingerprint:
            raise ArgumentError("the data was normalised to other averages than the statistics of the mixer hold")
        self.mixer.normalize_to(normalizer)

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch."""
        self._training_generator(batch)
        mix = self.mixer(batch["stems"]).float()
        with torch.autocast(self.device.type, enabled=False):
            loss: Tensor = self.loss(self._compared(mix, batch["target"]), batch["target"])
        self._check_finite(loss)
        self.log("train/loss", loss.detach(), batch_size=len(mix))
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=len(mix))
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log the losses of one batch."""
        self._held_out("validation", batch)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test songs, logged as ``test/…``."""
        self._held_out("test", batch)

    def on_validation_epoch_end(self) -> None:
        """Log the share of the loss at equal loudness, and keep the figures for the model card."""
        self._log_ratio("validation")
        self._keep_measured()

    def on_test_epoch_end(self) -> None:
        """Log the share of the loss at equal loudness."""
        self._log_ratio("test")

    def _held_out(self, stage: str, batch: dict[str, Any]) -> None:
        mix, target = self.mixer(batch["stems"]).float(), batch["target"]
        with torch.autocast(self.device.type, enabled=False):
            losses = {
                "loss": self.loss(self._compared(mix, target), target),
                "matched_loss": self.loss(self._matched(mix, target), target),
                "equal_loudness_loss": self.loss(self._matched(batch["equal_loudness"], target), target),
            }
        self.log_dict({f"{stage}/{name}": value for name, value in losses.items()}, batch_size=len(mix))

    def _compared(self, mix: Tensor, target: Tensor) -> Tensor:
        return self._matched(mix, target) if self.matched else mix

    def _matched(self, mix: Tensor, target: Tensor) -> Tensor:
        """A mix (B, 2, T) at the loudness of the target (B, 2, T)."""
        found, wanted = (integrated_loudness(one, self.mixer.sample_rate) for one in (mix, target))
        known = (found > SILENCE_LUFS) & (wanted > SILENCE_LUFS)
        gain_db = torch.where(known, wanted - found, torch.zeros_like(found))
        return mix * (10.0 ** (gain_db / 20.0))[:, None, None].to(mix)

    def _log_ratio(self, stage: str) -> None:
        logged = self.trainer.callback_metrics
        if f"{stage}/matched_loss" in logged:
            self.log(f"{stage}/loss_ratio", logged[f"{stage}/matched_loss"] / logged[f"{stage}/equal_loudness_loss"])

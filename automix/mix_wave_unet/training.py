"""The training of Mix-Wave-U-Net: the dry tracks of a song learn its mix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from automix.mix_wave_unet.mixer import MixWaveUNet
from encoders.training.seeded_training import SeededTraining
from encoders.training.song_data import SongDataModule
from fxrep.audio import normalize_loudness
from fxrep.data.manifest import read_manifest
from fxrep.errors import ArgumentError
from fxrep.losses import StftLoss, WeightedSum
from fxrep.mixing.recordings import REFERENCE_LUFS


class MixWaveUNetTraining(SeededTraining):
    """Train a Mix-Wave-U-Net on the songs' own mixes.

    Tracks come at the level of the model and go to the slot of their instrument, as the manifest names it. Mixes are
    compared at -16 LUFS, so that their level does not count.

    Logged for training and validation: the loss and its terms; in validation also the same loss of the tracks at equal
    loudness, ``equal_loudness_loss``, and the loss against that, ``loss_ratio``: 1 is as far off as equal loudness.

    Args:
        model: what to train.
        l1_weight: of the mean absolute difference of samples, published for drums.
        stft_weight: of the multi-resolution STFT loss of both channels.
        sum_difference_weight: of the same of sum and difference of the channels.
        stft_form: of both, see `StftLoss`.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all that is drawn; the command line sets it to ``seed_everything``.

    Raises:
        ArgumentError: a weight is negative, or all are 0.
    """

    def __init__(
        self,
        model: MixWaveUNet,
        l1_weight: float = 1.0,
        stft_weight: float = 0.0,
        sum_difference_weight: float = 0.0,
        stft_form: str = "log_linear",
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 100,
        seed: int = 0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, betas, warmup_steps, seed)
        self.model = model
        # The form comes from a configuration: StftLoss says which there are.
        both, sides = StftLoss(stft_form), StftLoss(stft_form, sum_and_difference=True)  # type: ignore[arg-type]
        self.loss = WeightedSum(
            {
                "l1": (l1_weight, nn.L1Loss()),
                "stft": (stft_weight, both),
                "sum_difference": (sum_difference_weight, sides),
            }
        )
        if not sum(self.loss.weights.values()) > 0.0:
            raise ArgumentError("l1_weight, stft_weight and sum_difference_weight are 0: nothing would be learnt")
        self.slot_of_stem: Tensor | None = None

    @property
    def objective_name(self) -> str:
        """What is minimised, for the model card."""
        return ", ".join(f"{weight:g} x {name}" for name, weight in self.loss.weights.items() if weight > 0.0)

    def constructor_trees(self) -> dict[str, Any]:
        """The model's constructor tree."""
        return {"mix_wave_unet": self.model.config()}

    def setup(self, stage: str) -> None:
        """Refuse data that the model does not fit, and learn which stem goes into which slot."""
        data = getattr(self.trainer, "datamodule", None)
        self.check_data(data)
        if data is not None:
            self.use_manifests(data.manifests)

    def check_data(self, data: Any) -> None:
        """Refuse a data module of another kind, or at another rate or level.

        Raises:
            ArgumentError: what does not fit, with both values.
        """
        if data is not None and not isinstance(data, SongDataModule):
            raise ArgumentError(f"the data is a {type(data).__name__}: this training needs a SongDataModule")
        drawing: dict[str, Any] = getattr(data, "drawing", {})
        wanted = {
            "sample_rate": self.model.sample_rate,
            "track_lufs": self.model.track_lufs,
            "reference": "own_mix",
        }
        for name, own in wanted.items():
            if (given := drawing.get(name, own)) != own:
                raise ArgumentError(f"the data has {name} {given} and the model {own}: set both alike")

    def use_manifests(self, manifests: Sequence[str]) -> None:
        """Learn which stem of the manifests, which are numbered in order, goes into which slot.

        Raises:
            ArgumentError: an instrument has no slot, with the slots that there are.
        """
        rows = [row for path in manifests for row in read_manifest(path).rows]
        self.model.slots.assign({f"{row.song}/{row.track}": row.instrument for row in rows if row.kind == "stem"})
        self.slot_of_stem = torch.tensor([self.model.slots.place(row.instrument) or 0 for row in rows])

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch."""
        self._training_generator(batch)
        terms = self.loss.terms(self._at_level(self.mix(batch)), self._at_level(batch["target"]))
        loss = torch.stack(list(terms.values())).sum()
        self._check_finite(loss)
        self._log("train", {name: term.detach() for name, term in terms.items()} | {"loss": loss.detach()}, batch)
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=len(batch["tracks"]))
        return loss

    def mix(self, batch: dict[str, Any]) -> Tensor:
        """The model's mix of a batch, (B, 2, T), at the level that it has."""
        tracks, mask = batch["tracks"], batch["mask"]
        assert self.slot_of_stem is not None
        places = self.slot_of_stem.to(tracks.device)[batch["stem"].clamp_min(0)]
        chosen = torch.nn.functional.one_hot(places, len(self.model.slots)).to(tracks) * mask[..., None]
        mixed: Tensor = self.model(torch.einsum("bmct,bms->bsct", tracks, chosen))
        return mixed.float()

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log the loss of one batch, and that of its tracks at equal loudness."""
        self._held_out("validation", batch)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test songs, logged as ``test/…``."""
        self._held_out("test", batch)

    def on_validation_epoch_end(self) -> None:
        """Log the loss of the whole set against that of equal loudness, and keep the figures for the model card."""
        self._log_ratio("validation")
        self._keep_measured()

    def on_test_epoch_end(self) -> None:
        """Log the loss of the whole set against that of equal loudness."""
        self._log_ratio("test")

    def _held_out(self, stage: str, batch: dict[str, Any]) -> None:
        target = self._at_level(batch["target"])
        terms = self.loss.terms(self._at_level(self.mix(batch)), target)
        # Masked tracks are silent: the sum of all is that of the others.
        plain = self.loss(self._at_level(batch["tracks"].sum(1)), target)
        losses = {"loss": torch.stack(list(terms.values())).sum(), "equal_loudness_loss": plain}
        self._log(stage, terms | losses, batch)

    def _at_level(self, mix: Tensor) -> Tensor:
        return normalize_loudness(mix.float(), self.model.sample_rate, REFERENCE_LUFS)

    def _log_ratio(self, stage: str) -> None:
        logged = self.trainer.callback_metrics
        if f"{stage}/loss" in logged:
            self.log(f"{stage}/loss_ratio", logged[f"{stage}/loss"] / logged[f"{stage}/equal_loudness_loss"])

    def _log(self, stage: str, values: dict[str, Tensor], batch: dict[str, Any]) -> None:
        self.log_dict({f"{stage}/{name}": value for name, value in values.items()}, batch_size=len(batch["tracks"]))

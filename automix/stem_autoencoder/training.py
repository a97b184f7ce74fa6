"""The training of stem autoencoders: layer by layer, then frames of dry stems to frames of processed ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from automix.stem_autoencoder.autoencoder import StemAutoencoder
from automix.stem_autoencoder.frames import BINS, frame_spectra
from automix.stem_autoencoder.pairs import StemPairDataModule
from automix.stem_autoencoder.processing import TYPICAL, group_settings, process_stems
from encoders.training.seeded_training import SeededTraining
from fxrep.errors import ArgumentError


class StemAutoencoderTraining(SeededTraining):
    """Train a stem autoencoder by mean absolute error, as published (Martínez-Ramírez and Reiss 2017).

    First the hidden layers are trained one after the other (greedy layer-wise pre-training, Y. Bengio et al., 2007):
    each learns, with a layer of its own behind it that is thrown away later, to give back what it hears, of which a
    share is dropped. Then the whole learns to make frames of processed stems out of frames of dry ones.

    Where the data has processed stems, these are the targets. Else they are generated: each dry stem is processed by
    settings that its group has throughout.

    Logged: the loss, and ``stage``, the hidden layer that is trained, or their number for the whole; in validation the
    loss of the whole, that of the frames as they are, ``unprocessed_loss``, and the share of it that is left,
    ``loss_ratio``: 1 is as far off as doing nothing.

    Args:
        model: what to train.
        pretraining_steps: optimiser steps for each hidden layer.
        processing: ``typical`` (`processing.PROCESSING`), or the name of a chain, of which one drawing is made for each
            group.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all that is drawn; the command line sets it to ``seed_everything``.

    Raises:
        ArgumentError: there is no such chain, or steps below 0.
    """

    def __init__(
        self,
        model: StemAutoencoder,
        pretraining_steps: int = 1000,
        processing: str = TYPICAL,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 100,
        seed: int = 0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, betas, warmup_steps, seed)
        if pretraining_steps < 0:
            raise ArgumentError(f"pretraining_steps is {pretraining_steps}: expected 0 or more")
        self.model, self.pretraining_steps, self.processing = model, pretraining_steps, processing
        self.settings = group_settings(model.groups.names, processing, seed)
        widths = [BINS] + [layer.out_features for layer in _linear(model.network(0).hidden)]
        self.decoders = nn.ModuleList(
            nn.ModuleList(nn.Linear(after, before) for before, after in pairwise(widths)) for _ in model.groups.names
        )

    @property
    def objective_name(self) -> str:
        """What is minimised, for the model card."""
        return (
            f"mean absolute error of magnitudes to the power of {self.model.compression:g}, after "
            f"{self.pretraining_steps} steps for each hidden layer; processing where none is on file: {self.processing}"
        )

    def constructor_trees(self) -> dict[str, Any]:
        """The model's constructor tree."""
        return {"stem_autoencoder": self.model.config()}

    def setup(self, stage: str) -> None:
        """Refuse data that the model does not fit."""
        self.check_data(getattr(self.trainer, "datamodule", None))

    def check_data(self, data: Any) -> None:
        """Refuse a data module of another kind, at another rate or level, or with other groups.

        Raises:
            ArgumentError: what does not fit, with both values.
        """
        if data is not None and not isinstance(data, StemPairDataModule):
            raise ArgumentError(f"the data is a {type(data).__name__}: this training needs a StemPairDataModule")
        drawing: dict[str, Any] = getattr(data, "drawing", {})
        wanted = {
            "sample_rate": self.model.sample_rate,
            "track_lufs": self.model.track_lufs,
            "groups": list(self.model.config()["init_args"]["groups"]),
        }
        for name, own in wanted.items():
            if (given := drawing.get(name, own)) != own:
                raise ArgumentError(f"the data has {name} {given} and the model {own}: set both alike")

    @property
    def stage(self) -> int:
        """The hidden layer that is trained, from 0, or their number for the whole."""
        layers = len(self.model.network(0).hidden)
        return min(layers, self.global_step // self.pretraining_steps) if self.pretraining_steps else layers

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch."""
        self._training_generator(batch)
        dry, processed = self.frames(batch)
        stage = self.stage
        whole = stage == len(self.model.network(0).hidden)
        losses = [
            self._mapping(dry, processed, number, group) if whole else self._layer(dry[number], group, stage)
            for number, group in enumerate(batch["group"].tolist())
        ]
        loss = torch.stack(losses).mean()
        self._check_finite(loss)
        self.log_dict({"train/loss": loss.detach(), "train/stage": float(stage)}, batch_size=len(losses))
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=len(losses))
        return loss

    @torch.no_grad()
    def frames(self, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Compressed magnitudes of the dry and of the processed stems, (B, F, 1025) each."""
        dry, processed = batch["dry"], batch["processed"]
        missing = (~batch["paired"]).nonzero().flatten().tolist()
        if missing:
            settings = [self.settings[int(batch["group"][number])] for number in missing]
            processed = processed.clone()
            processed[missing] = process_stems(dry[missing], self.model.sample_rate, settings).to(processed)
        found = frame_spectra(torch.stack([dry, processed]).float()).abs().pow(self.model.compression)
        return found[0], found[1]

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log the loss of one batch, and that of its stems left as they are."""
        self._held_out("validation", batch)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test songs, logged as ``test/…``."""
        self._held_out("test", batch)

    def on_validation_epoch_end(self) -> None:
        """Log the share that is left of the whole set's loss, and keep the figures for the model card."""
        self._log_ratio("validation")
        self._keep_measured()

    def on_test_epoch_end(self) -> None:
        """Log the share that is left of the whole set's loss."""
        self._log_ratio("test")

    def _mapping(self, dry: Tensor, processed: Tensor, number: int, group: int) -> Tensor:
        return F.l1_loss(self.model(dry[number], group), processed[number])

    def _layer(self, frames: Tensor, group: int, layer: int) -> Tensor:
        """How well a hidden layer gives back what it hears."""
        network, decoders = self.model.network(group), self.decoders[group]
        assert isinstance(decoders, nn.ModuleList)
        with torch.no_grad():
            heard = network.encode(frames, layer)
        hidden = torch.relu(network.hidden[layer](network.dropout(heard)))
        return F.l1_loss(decoders[layer](hidden), heard)

    def _held_out(self, stage: str, batch: dict[str, Any]) -> None:
        dry, processed = self.frames(batch)
        groups = batch["group"].tolist()
        losses = [self._mapping(dry, processed, number, group) for number, group in enumerate(groups)]
        found = {"loss": torch.stack(losses).mean(), "unprocessed_loss": F.l1_loss(dry, processed)}
        self.log_dict({f"{stage}/{name}": value for name, value in found.items()}, batch_size=len(groups))

    def _log_ratio(self, stage: str) -> None:
        logged = self.trainer.callback_metrics
        if f"{stage}/loss" in logged:
            self.log(f"{stage}/loss_ratio", logged[f"{stage}/loss"] / logged[f"{stage}/unprocessed_loss"])


def _linear(layers: nn.ModuleList) -> list[nn.Linear]:
    return [layer for layer in layers if isinstance(layer, nn.Linear)]

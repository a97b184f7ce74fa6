"""The training of the MixFXcloner: one stem learns the processing of another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from encoders.training.seeded_training import SeededTraining
from fxrep.audio import normalize_loudness, resample
from fxrep.data.pairs import PairRenderer
from fxrep.errors import ArgumentError
from fxrep.losses import EmbeddingLoss
from fxrep.mixing.recordings import REFERENCE_LUFS
from style_transfer.mixfx_cloner.cloner import MixFXCloner
from style_transfer.mixfx_cloner.losses import RMS_WEIGHT, cloner_loss


class ClonerTraining(SeededTraining):
    """Train a cloner (Koo et al. 2023, section 3.2).

    A batch brings normalised stems A1 and B1 of one instrument. One chain of effects is drawn for both: A2 is A1 with
    it, B2 is B1 with it. The network hears A1 and the embedding of B2, and is to give A2.

    Logged for training and validation: the loss and its terms; in validation also the same loss of A1 left as it is,
    ``unprocessed_loss``, and the share of it that is left, ``loss_ratio``: 1 is as far off as doing nothing.

    Args:
        cloner: what to train; its encoder stays as it is.
        renderer: draws and renders the effects; None for the chain ``koo without gain``. What it cuts off stays off.
        crop_s: seconds of A that go through the network, at a random place; the reference is heard whole. None: all.
        spectral_weight, mid_side_weight, rms_weight: of the losses, see `cloner_loss`.
        embedding_weight: of the distance between the embeddings of output and reference.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all that is drawn; the command line sets it to ``seed_everything``.

    Raises:
        ArgumentError: a weight or a length is out of range.
    """

    def __init__(
        self,
        cloner: MixFXCloner,
        renderer: PairRenderer | None = None,
        crop_s: float | None = None,
        spectral_weight: float = 1.0,
        mid_side_weight: float = 1.0,
        rms_weight: float = RMS_WEIGHT,
        embedding_weight: float = 0.0,
        learning_rate: float = 2e-4,
        weight_decay: float = 0.0,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 1000,
        seed: int = 0,
    ) -> None:
        super().__init__(learning_rate, weight_decay, betas, warmup_steps, seed)
        if not embedding_weight >= 0.0 or (crop_s is not None and not crop_s > 0.0):
            raise ArgumentError(f"embedding_weight={embedding_weight}, crop_s={crop_s}: expected 0 or more, above 0")
        self.cloner, self.crop_s = cloner, crop_s
        self.renderer = renderer or PairRenderer("koo without gain", hard_negatives=False, shortest=1.0)
        if self.renderer.hard_negatives or self.renderer.shortest != 1.0:
            raise ArgumentError("the renderer needs hard_negatives false and shortest 1: A2 belongs to A1 in time")
        self.loss = cloner_loss(spectral_weight, mid_side_weight, rms_weight)
        self.embedding_weight = embedding_weight
        # In a list, so that its encoder is no part of the checkpoint.
        self.embedding = [EmbeddingLoss(cloner.encoder, cloner.sample_rate)] if embedding_weight > 0.0 else []

    @property
    def objective_name(self) -> str:
        """What is minimised, for the model card."""
        weights = self.loss.weights | {"embedding": self.embedding_weight}
        return ", ".join(f"{weight:g} x {name}" for name, weight in weights.items() if weight > 0.0)

    def constructor_trees(self) -> dict[str, Any]:
        """The cloner's constructor tree."""
        return {"cloner": self.cloner.config()}

    def setup(self, stage: str) -> None:
        """Refuse data that the cloner does not fit."""
        self.check_data(getattr(self.trainer, "datamodule", None))

    def check_data(self, data: Any) -> None:
        """Refuse a data module at another rate or level, or too short.

        Raises:
            ArgumentError: what does not fit, with both values.
        """
        drawing = {"sample_rate": self.cloner.sample_rate} | getattr(data, "drawing", {})
        wanted = {"sample_rate": self.cloner.sample_rate, "loudness_lufs": self.cloner.input_lufs}
        for name, own in wanted.items():
            if (given := drawing.get(name, own)) != own:
                raise ArgumentError(f"the data has {name} {given} and the cloner {own:g}: set both alike")
        segment_s = drawing.get("segment_s", float("inf"))
        heard_s = segment_s if self.crop_s is None or not self.embedding_weight else self.crop_s
        shortest_s = self.cloner.encoder.minimum_s
        if min(segment_s, heard_s) < shortest_s or (self.crop_s or 0.0) > segment_s:
            raise ArgumentError(
                f"segment_s={segment_s:g}, crop_s={self.crop_s}: expected a crop within the segment, and "
                f"{shortest_s:g} s or more for the encoder"
            )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch."""
        stem, target, embedding = self._examples(batch, self._training_generator(batch))
        terms = self._terms(self.cloner(stem, embedding), target, embedding)
        loss = torch.stack(list(terms.values())).sum()
        self._check_finite(loss)
        self._log("train", {name: term.detach() for name, term in terms.items()} | {"loss": loss.detach()}, batch)
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=len(batch["a"]))
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log the loss of one batch, and that of its stems left as they are; the same effects every time."""
        self._held_out("validation", batch, batch_idx)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test songs, logged as ``test/…``."""
        self._held_out("test", batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the share that is left of the whole set's loss, and keep the figures for the model card."""
        self._log_ratio("validation")
        self._keep_measured()

    def on_test_epoch_end(self) -> None:
        """Log the share that is left of the whole set's loss."""
        self._log_ratio("test")

    def _held_out(self, stage: str, batch: dict[str, Any], batch_idx: int) -> None:
        terms, unprocessed = self._compare(batch, self._generator(stage, batch_idx))
        losses = {"loss": torch.stack(list(terms.values())).sum(), "unprocessed_loss": unprocessed}
        self._log(stage, terms | losses, batch)

    def _log_ratio(self, stage: str) -> None:
        logged = self.trainer.callback_metrics
        if f"{stage}/loss" in logged:
            self.log(f"{stage}/loss_ratio", logged[f"{stage}/loss"] / logged[f"{stage}/unprocessed_loss"])

    def _compare(self, batch: dict[str, Any], generator: torch.Generator) -> tuple[dict[str, Tensor], Tensor]:
        """The weighted terms of the loss, and the whole loss of the stems as they are."""
        stem, target, embedding = self._examples(batch, generator)
        terms = self._terms(self.cloner(stem, embedding), target, embedding)
        with torch.no_grad():
            unprocessed = self._terms(stem, target, embedding)
        return terms, torch.stack(list(unprocessed.values())).sum()

    def _examples(self, batch: dict[str, Any], generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Stems, the same with effects, and the embeddings of references that have those effects."""
        rate = self.cloner.sample_rate
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            rendered = self.renderer(batch, rate, generator)
            reference = normalize_loudness(rendered.b, rate, REFERENCE_LUFS)
            embedding = self.cloner.encoder(resample(reference, rate, self.cloner.encoder.sample_rate))
        stem, target = self._cropped([batch["a"], rendered.a], generator)
        return stem, target, embedding

    def _terms(self, output: Tensor, target: Tensor, embedding: Tensor) -> dict[str, Tensor]:
        """The weighted terms of the loss of an output."""
        with torch.autocast(self.device.type, enabled=False):
            output = output.float()
            terms: dict[str, Tensor] = self.loss.terms(output, target)
            for measure in self.embedding:
                judge = measure.to(output.device)
                found = judge.embed(normalize_loudness(output, self.cloner.sample_rate, REFERENCE_LUFS))
                terms["embedding"] = self.embedding_weight * judge.between(found, embedding)
        return terms

    def _cropped(self, stems: list[Tensor], generator: torch.Generator) -> list[Tensor]:
        if self.crop_s is None:
            return stems
        samples = round(self.crop_s * self.cloner.sample_rate)
        start = int(torch.randint(stems[0].shape[-1] - samples + 1, (), generator=generator))
        return [stem[..., start : start + samples] for stem in stems]

    def _log(self, stage: str, values: dict[str, Tensor], batch: dict[str, Any]) -> None:
        self.log_dict({f"{stage}/{name}": value for name, value in values.items()}, batch_size=len(batch["a"]))

"""The training of an effect encoder: pairs are rendered, embedded, joined over processes and pulled together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.base import EffectEncoder
from encoders.objectives import ContrastiveObjective, NTXentObjective, chance_loss
from encoders.projection import ProjectionHead
from encoders.training.distributed import gather_with_gradient
from encoders.training.encoder_training import EncoderTraining
from encoders.training.gradient_cache import FeatureExtraction
from encoders.training.monitors import alignment, retrieval_at_1, spread, uniformity
from encoders.training.settings_readout import SettingsReadout
from fxrep.data.pairs import PairRenderer, RenderedPairs
from fxrep.errors import ArgumentError


class ContrastiveTraining(EncoderTraining):
    """Trains `encoder` so that two contents under one effect chain embed alike.

    Everything random in a step comes from (seed, position in the run, rank), so that a resumed run is the run that
    was interrupted. Loss, alignment, uniformity and spread are logged in every step; on the validation pairs also
    retrieval@1, and the same on the test pairs as ``test/…``. ``loss_ratio`` is the loss over `chance_loss`: it starts
    at 1 and stays there in a run that does not learn. The loss itself grows with the logarithm of the joined batch.

    Args:
        encoder: what to train.
        renderer: how effects are put on the pairs.
        objective: the loss; None for NT-Xent at temperature 0.1.
        projection_dim: size of the head between features and loss; None for no head.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all effect chains; the command line sets it to ``seed_everything``.
        readout_weight: weight of the auxiliary `SettingsReadout` in the loss; 0 for none.
        embedding_chunk: rows that are embedded at a time, for batches larger than memory; see `FeatureExtraction`.
        compile_backend: `torch.compile` the encoder with this backend, such as ``inductor``.
    """

    def __init__(
        self,
        encoder: EffectEncoder,
        renderer: PairRenderer,
        objective: ContrastiveObjective | None = None,
        projection_dim: int | None = 128,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.0,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 2000,
        seed: int = 0,
        readout_weight: float = 0.0,
        embedding_chunk: int | None = None,
        compile_backend: str | None = None,
    ) -> None:
        super().__init__(encoder, learning_rate, weight_decay, betas, warmup_steps, seed)
        if not readout_weight >= 0.0:
            raise ArgumentError(f"readout_weight is {readout_weight}: it must be 0 or more")
        self.features = FeatureExtraction(encoder, embedding_chunk, compile_backend)
        self.renderer = renderer
        self.objective = NTXentObjective() if objective is None else objective
        self.projection = None if projection_dim is None else ProjectionHead(encoder.dim, encoder.dim, projection_dim)
        self.readout_weight = readout_weight
        self.readout = SettingsReadout(renderer.chain, encoder.dim) if readout_weight else None
        self._held_out: list[tuple[Tensor, Tensor]] = []

    @property
    def objective_name(self) -> str:
        """The objective, for the model card."""
        return type(self.objective).__name__

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch joined over all processes."""
        generator = self._training_generator(batch)
        embedded = self._embed_pairs(batch, generator)
        loss, pairs = self._joined_loss(embedded)
        if pairs < 2:
            raise ArgumentError("a batch of one pair holds nothing to tell it from: give a batch_size of 2 or more")
        self._check_finite(loss)
        self._log("train", loss, pairs, embedded)
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log the loss of one batch and keep its embeddings for the whole set's retrieval."""
        self._held_out_step("validation", batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Measure the whole validation set and keep the figures for the model card."""
        self._measure_held_out("validation")
        self._keep_measured()

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test pairs, logged as ``test/…``."""
        self._held_out_step("test", batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        """Measure the whole test set."""
        self._measure_held_out("test")

    def _held_out_step(self, split: str, batch: dict[str, Any], batch_idx: int) -> None:
        embedded = self._embed_pairs(batch, self._generator(split, batch_idx))
        loss = self.objective(embedded["a"], embedded["b"])
        self._log(split, loss, len(embedded["a"]), embedded)
        self._held_out.append((embedded["embedding_a"].cpu(), embedded["embedding_b"].cpu()))

    def _measure_held_out(self, split: str) -> None:
        """Log the retrieval over all pairs of "validation" or "test"."""
        a, b = (torch.cat(parts) for parts in zip(*self._held_out, strict=True))
        self._held_out = []
        self.log_dict({f"{split}/retrieval@1": retrieval_at_1(a, b), f"{split}/chance": 1.0 / len(a)})

    def _embed_pairs(self, batch: dict[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """Projections ``a`` and ``b``, and the embeddings before the head, of a batch rendered here."""
        return self._embed(self._render(batch, generator))

    def _render(self, batch: dict[str, Any], generator: torch.Generator) -> RenderedPairs:
        with torch.autocast(self.device.type, enabled=False):
            rendered: RenderedPairs = self.renderer(batch, self.encoder.sample_rate, generator)
        return rendered

    def _embed(self, rendered: RenderedPairs) -> dict[str, Tensor]:
        features = {"a": self.features(rendered.a).float(), "b": self.features(rendered.b).float()}
        embedded = {f"embedding_{side}": F.normalize(value, dim=-1) for side, value in features.items()}
        for side, value in features.items():
            embedded[side] = embedded[f"embedding_{side}"] if self.projection is None else self.projection(value)
        if self.readout is not None:
            both = [embedded["embedding_a"], embedded["embedding_b"]]
            rate = self.encoder.sample_rate
            embedded["readout"] = self.readout(torch.cat(both), rendered.settings + rendered.settings, rate)
        return embedded

    def _joined_loss(self, embedded: dict[str, Tensor]) -> tuple[Tensor, int]:
        """What is minimised, on the pairs of every process, and how many they are."""
        loss, pairs = self._loss(embedded["a"], embedded["b"])
        # Each process reads out its own pairs: averaging gradients over processes averages this loss too.
        return (loss + self.readout_weight * embedded["readout"], pairs) if "readout" in embedded else (loss, pairs)

    def _loss(self, a: Tensor, b: Tensor) -> tuple[Tensor, int]:
        """The objective on the pairs of every process, and how many they are."""
        joined = gather_with_gradient(torch.stack([a, b]))
        all_a, all_b = joined.transpose(0, 1).flatten(1, 2)
        return self.objective(all_a, all_b), len(all_a)

    def _log(self, stage: str, loss: Tensor, pairs: int, embedded: dict[str, Tensor]) -> None:
        a, b = embedded["embedding_a"].detach(), embedded["embedding_b"].detach()
        both = torch.cat([a, b])
        values = {
            "loss": loss.detach(),
            # A last validation batch may hold one pair alone; its loss is that of chance, which is 0.
            "loss_ratio": loss.detach() / chance_loss(pairs) if pairs > 1 else torch.ones_like(loss),
            "alignment": alignment(a, b),
            "uniformity": uniformity(both),
            "spread": spread(both),
        }
        values |= {name: value.detach() for name, value in embedded.items() if value.ndim == 0}
        self.log_dict({f"{stage}/{name}": value for name, value in values.items()}, batch_size=len(a))
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=len(a))

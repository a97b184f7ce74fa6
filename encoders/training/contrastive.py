"""The training of an effect encoder: pairs are rendered, embedded, joined over processes and pulled together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from torch import Tensor

from encoders.base import EffectEncoder
from encoders.objectives import ContrastiveObjective, NTXentObjective, chance_loss
from encoders.projection import ProjectionHead
from encoders.training.distributed import gather_with_gradient
from encoders.training.gradient_cache import FeatureExtraction
from encoders.training.monitors import alignment, retrieval_at_1, spread, uniformity
from encoders.training.schedule import warm_up_cosine
from encoders.training.settings_readout import SettingsReadout
from fxrep.data.pairs import PairRenderer, RenderedPairs
from fxrep.errors import ArgumentError, FxrepError

_STREAMS = {"train": 0, "validation": 1, "test": 2}


class ContrastiveTraining(LightningModule):
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
        super().__init__()
        if not readout_weight >= 0.0:
            raise ArgumentError(f"readout_weight is {readout_weight}: it must be 0 or more")
        self.encoder = encoder
        self.features = FeatureExtraction(encoder, embedding_chunk, compile_backend)
        self.renderer = renderer
        self.objective = NTXentObjective() if objective is None else objective
        self.projection = None if projection_dim is None else ProjectionHead(encoder.dim, encoder.dim, projection_dim)
        self.learning_rate, self.weight_decay, self.betas = learning_rate, weight_decay, tuple(betas)
        self.warmup_steps, self.seed = warmup_steps, seed
        self.readout_weight = readout_weight
        self.readout = SettingsReadout(renderer.chain, encoder.dim) if readout_weight else None
        self.measured: dict[str, float] = {}
        self._held_out: list[tuple[Tensor, Tensor]] = []

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
        """Loss, a scalar, of one batch joined over all processes."""
        generator = self._generator("train", batch["position"])
        # Dropout and the like draw from the global generator: it too must not depend on what ran before.
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        embedded = self._embed_pairs(batch, generator)
        loss, pairs = self._joined_loss(embedded)
        if pairs < 2:
            raise ArgumentError("a batch of one pair holds nothing to tell it from: give a batch_size of 2 or more")
        if not torch.isfinite(loss):
            raise FxrepError(
                f"the loss is {loss.item()} at step {self.global_step}: training diverged, lower the learning rate"
            )
        self._log("train", loss, pairs, embedded)
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Log the loss of one batch and keep its embeddings for the whole set's retrieval."""
        self._held_out_step("validation", batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Measure the whole validation set and keep the figures for the model card."""
        self._measure_held_out("validation")
        if not self.trainer.sanity_checking:
            logged = self.trainer.callback_metrics
            self.measured = {name: float(value) for name, value in logged.items() if name.startswith("validation/")} | {
                "step": float(self.global_step)
            }

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test pairs, logged as ``test/…``."""
        self._held_out_step("test", batch, batch_idx)

    def on_test_epoch_end(self) -> None:
        """Measure the whole test set."""
        self._measure_held_out("test")

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
                "objective": type(self.objective).__name__,
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
        if "readout" in embedded:
            values["readout"] = embedded["readout"].detach()
        self.log_dict({f"{stage}/{name}": value for name, value in values.items()}, batch_size=len(a))
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=len(a))

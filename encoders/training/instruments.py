"""The training of Fx-Encoder++ on both levels: whole mixtures, and single instruments inside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.extractor import Extractor
from encoders.fx_encoder_plus_plus import FxEncoderPlusPlus
from encoders.objectives import ContrastiveObjective
from encoders.queries import ContentQueries, QueryEncoder
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.monitors import retrieval_at_1
from fxrep.data.mixtures import MixtureRenderer, RenderedMixtures
from fxrep.errors import ArgumentError


class InstrumentTraining(ContrastiveTraining):
    """Adds to the objective on mixtures one on the instrument that a query asks for (Yeh et al. 2025).

    From mixture a and a query the extractor makes the embedding of one stem as it stands in mixture b. The query is
    that stem of side a without effects, or in a share of the items the instrument's learned name, so a name can be
    asked for afterwards. The content of side b is heard by neither: only its effects can match. So is it drawn in the
    paper; the published program asks with the stem that it looks for, effects and all. Most of the query is dropped in
    training, as published, so that it says what plays and little more.

    Measured on the validation and test items besides the mixtures' retrieval: retrieval of the stem by the mixture's
    plain embedding (``stem_by_mixture@1``), with a clip (``stem_by_clip@1``) and with the name (``stem_by_name@1``).

    Args:
        encoder: with queries.
        renderer: how stems are rendered and mixed.
        objective: the loss of both levels; None for NT-Xent at temperature 0.1.
        instrument_from: optimiser steps on mixtures alone.
        instrument_weight: share of the instrument objective in the loss after them.
        lowest_query_dropout: the share of a query that is dropped is drawn for each item, from this one
        highest_query_dropout: to this one.
        named_share: share of the queries that are names, where the instrument has one.
        content: release folder of the content encoder, whose weights then stay as they are; None: it learns with the
            rest.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all effect chains; the command line sets it to ``seed_everything``.
        embedding_chunk: rows that are embedded at a time, for batches larger than memory; see `FeatureExtraction`.
        compile_backend: `torch.compile` the encoder with this backend, such as ``inductor``.

    Raises:
        ArgumentError: the encoder has no queries, or a share is out of range.
        CheckpointError: the content encoder's release cannot be used.
    """

    encoder: FxEncoderPlusPlus
    renderer: MixtureRenderer

    def __init__(
        self,
        encoder: FxEncoderPlusPlus,
        renderer: MixtureRenderer,
        objective: ContrastiveObjective | None = None,
        instrument_from: int = 10000,
        instrument_weight: float = 0.4,
        lowest_query_dropout: float = 0.75,
        highest_query_dropout: float = 0.95,
        named_share: float = 0.5,
        content: str | None = None,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.0,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 2000,
        seed: int = 0,
        embedding_chunk: int | None = None,
        compile_backend: str | None = None,
    ) -> None:
        super().__init__(
            encoder,
            renderer,
            objective,
            None,
            learning_rate,
            weight_decay,
            betas,
            warmup_steps,
            seed,
            embedding_chunk=embedding_chunk,
            compile_backend=compile_backend,
        )
        if encoder.queries is None or encoder.extractor is None:
            raise ArgumentError("this encoder has no queries: give it some, such as encoders.queries.ContentQueries")
        if not (0.0 <= lowest_query_dropout <= highest_query_dropout < 1.0):
            raise ArgumentError(
                f"query dropout from {lowest_query_dropout} to {highest_query_dropout}: expected a range in [0, 1)"
            )
        if not (0.0 <= instrument_weight <= 1.0 and 0.0 <= named_share <= 1.0 and instrument_from >= 0):
            raise ArgumentError(
                f"instrument_weight={instrument_weight}, named_share={named_share}, instrument_from={instrument_from}: "
                "expected shares from 0 to 1 and a number of steps"
            )
        if content is not None:
            if not isinstance(encoder.queries, ContentQueries):
                raise ArgumentError(f"content is for ContentQueries, this encoder has {type(encoder.queries).__name__}")
            encoder.queries.load_content(content)
        self.instrument_from, self.instrument_weight = instrument_from, instrument_weight
        self.query_dropout = (lowest_query_dropout, highest_query_dropout)
        self.named_share = named_share
        self._asked: list[dict[str, Tensor]] = []

    @property
    def queries(self) -> QueryEncoder:
        """What reads the queries."""
        assert self.encoder.queries is not None
        return self.encoder.queries

    @property
    def extractor(self) -> Extractor:
        """What joins a mixture's embedding with a query."""
        assert self.encoder.extractor is not None
        return self.encoder.extractor

    def _measure_held_out(self, split: str) -> None:
        """Measure the retrieval of stems too."""
        targets = torch.cat([part["target"] for part in self._asked])
        for way in ("mixture", "clip", "name"):
            if all(way in part for part in self._asked):
                asked = torch.cat([part[way] for part in self._asked])
                self.log(f"{split}/stem_by_{way}@1", retrieval_at_1(asked, targets))
        self._asked = []
        super()._measure_held_out(split)

    def _embed_pairs(self, batch: dict[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """Also ``extracted`` and ``target``, once the instrument objective counts."""
        rendered = cast(RenderedMixtures, self._render(batch, generator))
        embedded = self._embed(rendered)
        name = self.queries.named(_target_name(batch)) if self._hears_instruments() else None
        if not self.training:
            self._asked.append(self._ask(rendered, embedded["a"], name))
        elif self._hears_instruments():
            queries = self._draw_queries(rendered, name, generator)
            embedded["extracted"] = self.extractor(embedded["a"], queries)
            embedded["target"] = self.features(rendered.target)
        return embedded

    def _hears_instruments(self) -> bool:
        """In training only after the steps on mixtures alone; always in validation."""
        late = self.global_step >= self.instrument_from and self.instrument_weight > 0.0
        return late or not self.training

    def _ask(self, rendered: RenderedMixtures, mixture: Tensor, name: Tensor | None) -> dict[str, Tensor]:
        """Embeddings (B, D) of the stems, and what every way of asking for them finds in mixtures a."""
        asked = {"mixture": mixture, "clip": self.extractor(mixture, self._clip_queries(rendered))}
        if name is not None:
            asked["name"] = self.extractor(mixture, name.expand(len(mixture), -1))
        asked["target"] = self.encoder.features(rendered.target)
        return {way: F.normalize(found.float(), dim=-1).cpu() for way, found in asked.items()}

    def _joined_loss(self, embedded: dict[str, Tensor]) -> tuple[Tensor, int]:
        mixture_loss, pairs = super()._joined_loss(embedded)
        if "extracted" not in embedded:
            # Processes that train together wait for the gradient of every weight, so the idle ones get one of 0.
            idle = [*self.extractor.parameters(), *self.queries.parameters()]
            return mixture_loss + sum(0.0 * weight.sum() for weight in idle if weight.requires_grad), pairs
        instrument_loss, _ = self._loss(embedded["extracted"], embedded["target"])
        self.log_dict({"train/mixture_loss": mixture_loss.detach(), "train/instrument_loss": instrument_loss.detach()})
        return torch.lerp(mixture_loss, instrument_loss, self.instrument_weight), pairs

    def _clip_queries(self, rendered: RenderedMixtures) -> Tensor:
        """Queries (B, Q) from the dry stems of side a, which come twice where every content does."""
        repeats = 2 if self.renderer.hard_negatives else 1
        clips = rendered.query[: len(rendered.query) // repeats]
        return self.queries.encode(clips, self.encoder.sample_rate).float().repeat(repeats, 1)

    def _draw_queries(self, rendered: RenderedMixtures, named: Tensor | None, generator: torch.Generator) -> Tensor:
        queries = self._clip_queries(rendered)
        use_name = torch.rand(len(queries), 1, generator=generator) < self.named_share
        if named is not None:
            queries = torch.where(use_name.to(queries.device), named.to(queries), queries)
        return drop_queries(queries, *self.query_dropout, generator)


def drop_queries(queries: Tensor, lowest: float, highest: float, generator: torch.Generator) -> Tensor:
    """Set values of queries (B, Q) to 0, a share of them drawn per item, and scale the others so that the mean stays.

    Args:
        queries: one a row.
        lowest: smallest share.
        highest: largest share, below 1.
        generator: on the CPU, the only source of chance.
    """
    share = lowest + (highest - lowest) * torch.rand(len(queries), 1, generator=generator)
    kept = torch.rand(queries.shape, generator=generator) >= share
    return queries * (kept / (1.0 - share)).to(queries)


def _target_name(batch: dict[str, Any]) -> str:
    """The instrument that a batch asks for; all of its items have the same set and target."""
    name: str = batch["instruments"][int(batch["target"][0])][0]
    return name

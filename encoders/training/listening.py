"""The training of queries: to hear in a mixture what the encoder hears of the stem alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.checkpoints import load_encoder
from encoders.listening_encoder import ListeningEncoder
from encoders.objectives import ContrastiveObjective, DistillationObjective
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.monitors import retrieval_at_1
from fxrep.data.stem_mixes import RenderedStems, StemMixer
from fxrep.errors import ArgumentError, CheckpointError


class ListeningTraining(ContrastiveTraining):
    """Teaches the listener of a trained encoder, whose own weights stay as they are.

    Every stem of every mixture is asked for, by name or by a clip of the instrument without effects. What the listener
    makes of mixture and query is drawn to the embedding of the stem alone, and away from those of all other stems of
    the batch: of the same mixture, and of the same instrument in other mixtures. Embeddings of stems tell effects and
    hardly content, so no second content is needed. The same clip asks in all mixtures: it cannot tell which is which.

    Logged beside the retrieval of the stem by the query: that by the mixture's plain embedding
    (``validation/by_mixture@1``).

    Args:
        encoder: with queries.
        renderer: how stems are rendered and mixed.
        trained: release of a `SpectralEncoder` whose weights the encoder starts with and keeps.
        objective: the loss; None for `DistillationObjective`.
        named_share: share of the steps that ask by name; the others ask by clip.
        learning_rate: peak learning rate of AdamW.
        weight_decay: of AdamW.
        betas: of AdamW.
        warmup_steps: optimiser steps until the peak learning rate; then half a cosine down to 0.
        seed: of all effect chains; the command line sets it to ``seed_everything``.

    Raises:
        ArgumentError: a share is out of range.
        CheckpointError: the release cannot be used, or is of another size.
    """

    encoder: ListeningEncoder
    renderer: StemMixer

    def __init__(
        self,
        encoder: ListeningEncoder,
        renderer: StemMixer,
        trained: str,
        objective: ContrastiveObjective | None = None,
        named_share: float = 0.5,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        betas: Sequence[float] = (0.9, 0.999),
        warmup_steps: int = 40,
        seed: int = 0,
    ) -> None:
        objective = DistillationObjective() if objective is None else objective
        super().__init__(encoder, renderer, objective, None, learning_rate, weight_decay, betas, warmup_steps, seed)
        if not 0.0 <= named_share <= 1.0:
            raise ArgumentError(f"named_share is {named_share}: expected 0 to 1")
        self.named_share = named_share
        self._plain: list[tuple[Tensor, Tensor]] = []
        take_weights(encoder, trained)

    def train(self, mode: bool = True) -> ListeningTraining:
        """Set the mode; the frozen part stays in evaluation, so that its running statistics stay too."""
        super().train(mode)
        self.encoder.standardize.eval()
        return self

    def _embed_pairs(self, batch: dict[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """What the listener makes of every mixture and query, and the embeddings of the stems."""
        rendered = cast(RenderedStems, self._render(batch, generator))
        stems = rendered.stems_per_mixture
        mixtures = rendered.a[::stems]
        with torch.no_grad():
            targets = self._hear_whole(rendered.b)
            frames = self.encoder.standard_frames(mixtures)
        queries = self._queries(batch, rendered.clips, generator)
        asked = self.encoder.listen(frames.repeat_interleave(stems, dim=0), queries.repeat(len(mixtures), 1))
        if not self.training:
            plain = self._hear_whole(mixtures).repeat_interleave(stems, dim=0)
            self._plain.append((plain.cpu(), targets.cpu()))
        return {"a": asked, "b": targets, "embedding_a": asked, "embedding_b": targets}

    def _hear_whole(self, audio: Tensor) -> Tensor:
        """Embeddings without query of clips of any length, which may be shorter than those that `embed` cuts."""
        return F.normalize(self.encoder.features(audio).float(), dim=-1)

    def _queries(self, batch: dict[str, Any], clips: Tensor, generator: torch.Generator) -> Tensor:
        """One query per instrument, (S, Q)."""
        by_clip = self.encoder.queries.encode(clips, self.encoder.sample_rate).float()
        by_name = float(torch.rand((), generator=generator)) < self.named_share
        if not by_name:
            return by_clip
        names = [self.encoder.queries.named(names[0]) for names in batch["instruments"]]
        known = [by_clip[place] if name is None else name.to(by_clip) for place, name in enumerate(names)]
        return torch.stack(known)

    def _measure_held_out(self, split: str) -> None:
        """Measure also what the plain embeddings of the mixtures find."""
        plain, targets = (torch.cat(parts) for parts in zip(*self._plain, strict=True))
        self._plain = []
        self.log(f"{split}/by_mixture@1", retrieval_at_1(plain, targets))
        super()._measure_held_out(split)

    def _joined_loss(self, embedded: dict[str, Tensor]) -> tuple[Tensor, int]:
        loss, pairs = super()._joined_loss(embedded)
        # Processes that train together wait for the gradient of every weight, so the idle ones get one of 0.
        idle = [weight for weight in self.encoder.queries.parameters() if weight.requires_grad]
        return loss + sum(0.0 * weight.sum() for weight in idle), pairs


def take_weights(encoder: ListeningEncoder, trained: str) -> None:
    """Copy the weights of a released encoder into the part that hears the whole, and freeze that part.

    Raises:
        CheckpointError: the release cannot be opened, or is not the `SpectralEncoder` that the encoder builds on.
    """
    released = load_encoder(trained).state_dict()
    own = encoder.state_dict()
    whole = {name for name in own if not name.startswith(("queries.", "listener."))}
    if released.keys() != whole or any(released[name].shape != own[name].shape for name in whole):
        raise CheckpointError(f"{trained} is not the encoder that this one listens with: give both the same sizes")
    encoder.load_state_dict(own | released)
    for name, weight in encoder.named_parameters():
        if name in whole:
            weight.requires_grad_(False)

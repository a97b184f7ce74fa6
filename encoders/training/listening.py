"""The training of queries: to hear in a mixture what the encoder hears of the stem alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.checkpoints import load_encoder
from encoders.listening_encoder import ListeningEncoder
from encoders.objectives import ContrastiveObjective, DistillationObjective
from encoders.queries import ContentQueries
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.monitors import retrieval_at_1
from fxrep.data.stem_mixes import RenderedStems, StemMixer
from fxrep.errors import ArgumentError, CheckpointError


class _HeardBatch(NamedTuple):
    """Of B mixtures of S stems: frames together (B, F, n), frames and embeddings alone (B S, …), clips (B, S, 2, T).

    And R clips (R, 2, T) with the names of their instruments, to learn names from.
    """

    together: Tensor
    alone: Tensor
    embedding: Tensor
    clips: Tensor
    named: Tensor
    names: list[str]


class ListeningTraining(ContrastiveTraining):
    """Teaches the listener of a trained encoder, whose own weights stay as they are.

    Every stem of every mixture is asked for, by name or by a clip of the instrument without effects. Three things are
    learned at once. The frames that the listener hears are to be those of the stem alone: this says most, and learns
    first. Their embedding is drawn to that of the stem, and away from those of all other stems of the batch: of the
    same mixture, and of the same instrument in other mixtures. And a clip is to say the name of its instrument.
    Embeddings of stems tell effects and hardly content, so no second content is needed. The same clip asks in all
    mixtures: it cannot tell which is which.

    Logged beside the retrieval of the stem by the query: that by the mixture's plain embedding
    (``validation/by_mixture@1``), and ``frames``, ``naming``, the other two losses.

    Args:
        encoder: with queries.
        renderer: how stems are rendered and mixed; a `HeardStemDataModule` renders with it before the first step.
        trained: release of a `SpectralEncoder` whose weights the encoder starts with and keeps.
        objective: the loss; None for `DistillationObjective`.
        named_share: share of the steps that ask by name; the others ask by clip.
        frames_weight: of the mean distance (Huber) between the standardised frames of listener and stem.
        naming_weight: of the cross-entropy of the names that the clips say.
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
        frames_weight: float = 5.0,
        naming_weight: float = 0.5,
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
        for name, weight in {"frames_weight": frames_weight, "naming_weight": naming_weight}.items():
            if not weight >= 0.0:
                raise ArgumentError(f"{name} is {weight}: it must be 0 or more")
        self.named_share, self.frames_weight, self.naming_weight = named_share, frames_weight, naming_weight
        self._plain: list[tuple[Tensor, Tensor]] = []
        self.whole_fingerprint = take_weights(encoder, trained)

    def train(self, mode: bool = True) -> ListeningTraining:
        """Set the mode; the frozen part stays in evaluation, so that its running statistics stay too."""
        super().train(mode)
        self.encoder.standardize.eval()
        return self

    def _embed_pairs(self, batch: dict[str, Any], generator: torch.Generator) -> dict[str, Tensor]:
        """What the listener makes of every mixture and query, the embeddings of the stems, and the other losses."""
        stems = self._hear(batch, generator)
        queries = self._queries(batch, stems.clips, generator)
        together = stems.together.repeat_interleave(len(queries), dim=0)
        queries = queries.repeat(len(stems.together), 1)
        heard = self.encoder.listener(together, queries)
        asked = F.normalize(self.encoder.embed_frames(heard).float(), dim=-1)
        if not self.training:
            plain = F.normalize(self.encoder.embed_frames(together).float(), dim=-1)
            self._plain.append((plain.cpu(), stems.embedding.cpu()))
        frames = F.smooth_l1_loss(heard.float(), stems.alone)
        losses = {"frames": frames, "naming": self._naming(stems.named, stems.names)}
        sides = {"a": asked, "b": stems.embedding}
        return {**sides, **{f"embedding_{side}": value for side, value in sides.items()}, **losses}

    @torch.no_grad()
    def _hear(self, batch: dict[str, Any], generator: torch.Generator) -> _HeardBatch:
        """A batch of `HeardStems`, or one of stems without effects, which are rendered here."""
        if "mixture" in batch:
            return _HeardBatch(
                self.encoder.standard_frames(batch["mixture"]),
                batch["frames"].flatten(0, 1),
                batch["embedding"].flatten(0, 1),
                batch["clips"],
                batch["named"],
                list(batch["name"]),
            )
        rendered = cast(RenderedStems, self._render(batch, generator))
        alone = self.encoder.standard_frames(rendered.b)
        return _HeardBatch(
            self.encoder.standard_frames(rendered.a[:: rendered.stems_per_mixture]),
            alone.float(),
            F.normalize(self.encoder.embed_frames(alone).float(), dim=-1),
            batch["b"],
            batch["b"].flatten(0, 1),
            [names[item] for item in range(len(batch["b"])) for names in batch["instruments"]],
        )

    def _queries(self, batch: dict[str, Any], clips: Tensor, generator: torch.Generator) -> Tensor:
        """One query per instrument, (S, Q): its name, or one of the clips (B, S, 2, T) of it."""
        chosen = clips[int(torch.randint(len(clips), (), generator=generator))]
        by_name = float(torch.rand((), generator=generator)) < self.named_share
        names = [self.encoder.queries.named(names[0]) if by_name else None for names in batch["instruments"]]
        known = [name.float() for name in names if name is not None]
        if len(known) == len(names):
            return torch.stack(known)
        by_clip = self.encoder.queries.encode(chosen, self.encoder.sample_rate).float()
        return torch.stack([by_clip[place] if name is None else name.to(by_clip) for place, name in enumerate(names)])

    def _naming(self, clips: Tensor, names: list[str]) -> Tensor:
        """Cross-entropy of the names of instruments, given clips (R, 2, T); 0 where no name can be learned."""
        queries = self.encoder.queries
        known = getattr(queries, "instruments", [])
        rows = [row for row, name in enumerate(names) if name in known]
        if not isinstance(queries, ContentQueries) or not rows:
            return clips.new_zeros(())
        said = queries.encode(clips[rows], self.encoder.sample_rate).float()
        places = torch.tensor([known.index(names[row]) for row in rows], device=said.device)
        return F.cross_entropy(said @ F.normalize(queries.names.weight.float(), dim=-1).T / _NAMING_TEMPERATURE, places)

    def _measure_held_out(self, split: str) -> None:
        """Measure also what the plain embeddings of the mixtures find."""
        plain, targets = (torch.cat(parts) for parts in zip(*self._plain, strict=True))
        self._plain = []
        self.log(f"{split}/by_mixture@1", retrieval_at_1(plain, targets))
        super()._measure_held_out(split)

    def _joined_loss(self, embedded: dict[str, Tensor]) -> tuple[Tensor, int]:
        loss, pairs = super()._joined_loss(embedded)
        loss = loss + self.frames_weight * embedded["frames"] + self.naming_weight * embedded["naming"]
        # Processes that train together wait for the gradient of every weight, so the idle ones get one of 0.
        idle = [weight for weight in self.encoder.queries.parameters() if weight.requires_grad]
        return loss + sum(0.0 * weight.sum() for weight in idle), pairs


_NAMING_TEMPERATURE = 0.1


def take_weights(encoder: ListeningEncoder, trained: str) -> str:
    """Copy the weights of a released encoder into the part that hears the whole, and freeze that part.

    Returns:
        The fingerprint of the release.

    Raises:
        CheckpointError: the release cannot be opened, or is not the `SpectralEncoder` that the encoder builds on.
    """
    release = load_encoder(trained)
    released = release.state_dict()
    own = encoder.state_dict()
    whole = {name for name in own if not name.startswith(("queries.", "listener."))}
    if released.keys() != whole or any(released[name].shape != own[name].shape for name in whole):
        raise CheckpointError(f"{trained} is not the encoder that this one listens with: give both the same sizes")
    encoder.load_state_dict(own | released)
    for name, weight in encoder.named_parameters():
        if name in whole:
            weight.requires_grad_(False)
    return release.fingerprint

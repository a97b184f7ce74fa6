"""What can be measured: encoders and classic audio features behind one interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.base import EffectEncoder
from encoders.windows import SILENCE_PEAK_DB
from fxrep.metrics import FEATURES, standardize, standardized_similarity


def _as_they_are(embeddings: Tensor) -> Tensor:
    return embeddings


@dataclass(frozen=True)
class System:
    """Something that can be asked how alike two clips were processed.

    Attributes:
        embed: (B, 2, T) audio and its rate in Hz to (B, D).
        similarity: queries (Q, D) and candidates (N, D) to (Q, N), higher is nearer.
        vectors: all embeddings of one measurement (N, D) to vectors (N, D) whose cosines and differences mean
            something; features of different units are standardised there, embeddings of encoders stay as they are.
        inside: mixtures (B, 2, T), their rate, the name of an instrument and a clip (2, T) of it, to (B, D) of what was
            done to that instrument inside them; None for systems that hear only the whole.
    """

    embed: Callable[[Tensor, int], Tensor]
    similarity: Callable[[Tensor, Tensor], Tensor]
    vectors: Callable[[Tensor], Tensor] = _as_they_are
    inside: Callable[[Tensor, int, str, Tensor], Tensor] | None = None


def encoder_system(
    encoder: EffectEncoder, device: str | torch.device | None = None, ask: Literal["name", "clip"] | None = None
) -> System:
    """An encoder as a `System`: unit embeddings, on the CPU, compared by cosine.

    Args:
        encoder: any.
        device: where it is moved to; None leaves it where it is.
        ask: how it is asked for an instrument inside a mixture, by name or by a clip; None if it is not.
    """
    encoder.eval()
    if device is not None:
        encoder.to(device)

    def embed(audio: Tensor, sample_rate: int, query: str | Tensor | None = None) -> Tensor:
        shortest, longest = (round(seconds * sample_rate) for seconds in (encoder.minimum_s, encoder.window_s))
        # A clip of one window is what `embed` would hand on as it is; in one batch, and silence is no error here.
        if sample_rate == encoder.sample_rate and shortest <= audio.shape[-1] <= longest:
            place = next((tensor.device for tensor in encoder.state_dict().values()), audio.device)
            heard = audio.to(place)
            if query is None:
                embeddings: Tensor = encoder(heard)
            else:
                embeddings = encoder.extract(heard, encoder.read_query(query, sample_rate).to(place))
            return embeddings.cpu()
        return _embed_recordings(encoder, audio.cpu(), sample_rate, query)

    def inside(audio: Tensor, sample_rate: int, instrument: str, clip: Tensor) -> Tensor:
        return embed(audio, sample_rate, instrument if ask == "name" else clip.cpu())

    return System(embed, lambda queries, candidates: queries @ candidates.T, inside=inside if ask else None)


def takes_queries(encoder: EffectEncoder) -> bool:
    """Whether an encoder can be asked for an instrument inside a mixture."""
    return getattr(encoder, "queries", None) is not None


def baseline_systems() -> dict[str, System]:
    """The feature sets of `fxrep.metrics.FEATURES`, standardised over what is compared, by cosine."""
    return {name: System(_on_cpu(embed), standardized_similarity, standardize) for name, embed in FEATURES.items()}


def unit_vectors(system: System, embeddings: Tensor) -> Tensor:
    """All embeddings (N, D) of one measurement as vectors of unit length, float64; zero stays zero."""
    return F.normalize(system.vectors(embeddings.double()), dim=-1)


def _on_cpu(embed: Callable[[Tensor, int], Tensor]) -> Callable[[Tensor, int], Tensor]:
    return lambda audio, sample_rate: embed(audio, sample_rate).cpu()


def _embed_recordings(encoder: EffectEncoder, audio: Tensor, sample_rate: int, query: str | Tensor | None) -> Tensor:
    """Clips of other lengths or rates, (B, 2, T) to (B, D). An effect may silence a clip: it is then like nothing."""
    sounding = audio.abs().amax((1, 2)) >= 10.0 ** (SILENCE_PEAK_DB / 20.0)
    embeddings = torch.zeros(len(audio), encoder.dim)
    if bool(sounding.any()):
        embeddings[sounding] = encoder.embed(audio[sounding], sample_rate=sample_rate, query=query)
    return embeddings

"""Classic audio features as fixed-length vectors: the baselines that an embedding has to beat.

All take (B, C, T) audio, C of 1 or 2, and give (B, D); no training, no state.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from scipy.fft import dct
from torch import Tensor

from fxrep.audio import check_audio
from fxrep.errors import ArgumentError
from fxrep.losses.spectra import bark_power, decibels, mid_side, short_time_power

FLOOR = 1e-9


def log_mel_statistics(audio: Tensor, sample_rate: int, n_mels: int = 64) -> Tensor:
    """Mean and standard deviation over time of the log-mel spectrum (dB) of mid and side.

    Returns:
        (B, 4 n_mels).
    """
    levels = _log_mel(_mid_side(audio), sample_rate, n_mels)
    return torch.cat([levels.mean(-1), levels.std(-1, correction=0)], dim=-1).flatten(1)


def mfcc_statistics(audio: Tensor, sample_rate: int, n_coefficients: int = 25, n_mels: int = 128) -> Tensor:
    """Mean and standard deviation over time of the MFCC (DCT-II, orthonormal) of mid and side, as in ST-ITO.

    Returns:
        (B, 4 n_coefficients).
    """
    levels = _log_mel(_mid_side(audio), sample_rate, n_mels)
    transform = torch.from_numpy(dct(torch.eye(n_mels).numpy(), type=2, norm="ortho", axis=0)[:n_coefficients])
    cepstrum = torch.einsum("km,bcmt->bckt", transform.to(levels), levels)
    return torch.cat([cepstrum.mean(-1), cepstrum.std(-1, correction=0)], dim=-1).flatten(1)


def production_features(audio: Tensor, sample_rate: int, n_bands: int = 24) -> Tensor:
    """The audio features of the production-style loss of Diff-MST (Vanka et al. 2024).

    RMS level and crest factor (dB) per channel, stereo width (side over mid power) and imbalance (right minus left over
    their sum), and the mean Bark-spaced spectrum (dB) of mid and side.

    Returns:
        (B, 2 + 2 + 2 + 2 n_bands).
    """
    stereo = _stereo(audio)
    power = stereo.square().mean(-1)
    rms_db = _db(power)
    crest_db = _db(stereo.abs().amax(-1).square()) - rms_db
    both = mid_side(stereo)
    mid, side = both.square().mean(-1).unbind(1)
    width = (side / (mid + FLOOR)).clamp(max=10.0)
    imbalance = (power[:, 1] - power[:, 0]) / (power.sum(1) + FLOOR)
    bark = _db(bark_power(both, sample_rate, n_bands))
    return torch.cat([rms_db, crest_db, torch.stack([width, imbalance], 1), bark.flatten(1)], dim=1)


FEATURES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "log_mel": log_mel_statistics,
    "mfcc": mfcc_statistics,
    "production": production_features,
}


def create_features(name: str) -> Callable[[Tensor, int], Tensor]:
    """A feature set of `FEATURES` by name."""
    if name not in FEATURES:
        raise ArgumentError(f"no feature set is called {name!r}: choose one of {', '.join(sorted(FEATURES))}")
    return FEATURES[name]


def standardized_similarity(queries: Tensor, candidates: Tensor) -> Tensor:
    """Cosine similarity after every feature is brought to zero mean and unit spread over both sets.

    Features of different units are comparable only so; without it one loud feature decides alone.

    Returns:
        (Q, N).
    """
    scaled = torch.nn.functional.normalize(standardize(torch.cat([queries, candidates])), dim=1)
    return scaled[: len(queries)] @ scaled[len(queries) :].T


def standardize(vectors: Tensor) -> Tensor:
    """Bring every column of (N, D) to zero mean and unit spread, in float64; a constant column becomes zero."""
    vectors = vectors.double()
    return (vectors - vectors.mean(0)) / vectors.std(0, correction=0).clamp(min=1e-9)


def _stereo(audio: Tensor) -> Tensor:
    audio = check_audio(audio)
    if audio.ndim != 3:
        raise ArgumentError(f"audio has shape {tuple(audio.shape)}: expected (batch, channels, samples)")
    return audio.expand(-1, 2, -1) if audio.shape[1] == 1 else audio


def _mid_side(audio: Tensor) -> Tensor:
    return mid_side(_stereo(audio))


def _log_mel(audio: Tensor, sample_rate: int, n_mels: int) -> Tensor:
    return _db(
        torch.einsum("bcft,fn->bcnt", short_time_power(audio), _mel_filters(n_mels, 2048, sample_rate).to(audio))
    )


def _db(power: Tensor) -> Tensor:
    return decibels(power.clamp(min=FLOOR))


@lru_cache(maxsize=8)
def _mel_filters(n_bands: int, n_fft: int, sample_rate: int) -> Tensor:
    from torchaudio.functional import melscale_fbanks

    filters: Tensor = melscale_fbanks(n_fft // 2 + 1, 30.0, min(20000.0, sample_rate / 2), n_bands, sample_rate)
    return filters

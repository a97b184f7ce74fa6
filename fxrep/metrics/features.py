"""Classic audio features as fixed-length vectors: the baselines that an embedding has to beat.

All take (B, C, T) audio, C of 1 or 2, and give (B, D); no training, no state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from scipy.fft import dct
from torch import Tensor

from fxrep.audio import check_audio
from fxrep.errors import ArgumentError

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
    mid_side = _mid_side(audio)
    mid, side = mid_side.square().mean(-1).unbind(1)
    width = (side / (mid + FLOOR)).clamp(max=10.0)
    imbalance = (power[:, 1] - power[:, 0]) / (power.sum(1) + FLOOR)
    filters = _bark_filters(n_bands, 2048, sample_rate).to(audio)
    bark = _db(torch.einsum("bcft,fn->bcnt", _power(mid_side), filters).mean(-1))
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
    left, right = _stereo(audio).unbind(1)
    return torch.stack([(left + right) / 2.0, (left - right) / 2.0], dim=1)


def _power(audio: Tensor, n_fft: int = 2048, hop: int = 1024) -> Tensor:
    """(B, C, T) → (B, C, F, frames), scaled so that the bins of a frame sum to its mean square."""
    window = torch.hann_window(n_fft, device=audio.device, dtype=audio.dtype)
    spectrum = torch.stft(audio.flatten(0, 1), n_fft, hop, window=window, pad_mode="constant", return_complex=True)
    power = spectrum.abs().square() * (2.0 / (n_fft * float(window.square().sum())))
    per_channel: Tensor = power.unflatten(0, audio.shape[:2])
    return per_channel


def _log_mel(audio: Tensor, sample_rate: int, n_mels: int) -> Tensor:
    return _db(torch.einsum("bcft,fn->bcnt", _power(audio), _mel_filters(n_mels, 2048, sample_rate).to(audio)))


def _db(power: Tensor) -> Tensor:
    return 10.0 * torch.log10(power.clamp(min=FLOOR))


@lru_cache(maxsize=8)
def _mel_filters(n_bands: int, n_fft: int, sample_rate: int) -> Tensor:
    from torchaudio.functional import melscale_fbanks

    filters: Tensor = melscale_fbanks(n_fft // 2 + 1, 30.0, min(20000.0, sample_rate / 2), n_bands, sample_rate)
    return filters


@lru_cache(maxsize=8)
def _bark_filters(n_bands: int, n_fft: int, sample_rate: int) -> Tensor:
    """Triangles evenly spaced in Bark (Traunmüller 1990) from 20 Hz to 20 kHz, (F, n_bands)."""
    frequencies = torch.arange(n_fft // 2 + 1) * (sample_rate / n_fft)
    bark = 26.81 * frequencies / (1960.0 + frequencies) - 0.53
    top_hz = min(20000.0, sample_rate / 2)
    low, high = (26.81 * f / (1960.0 + f) - 0.53 for f in (20.0, top_hz))
    step = (high - low) / (n_bands + 1)
    centres = low + step * torch.arange(1, n_bands + 1)
    return (1.0 - (bark[:, None] - centres).abs() / max(step, math.ulp(1.0))).clamp(min=0.0)

"""The distance of a mix from the one that is looked for, as published for mixing graphs."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from fxrep.errors import AudioError

SIZES = (512, 1024, 4096)
"""Samples per frame; hops are a quarter of it."""

GRID = max(SIZES) // 4
"""Segments begin at multiples of it: there the frames of a segment are those of the whole, at every size."""

BANDS = 96
HIGHEST_HZ = 15000.0
"""The published audio has a rate of 30 kHz, and so nothing above."""

EPSILON = 1e-4

PIECE = 1 << 17
"""Samples of frames whose spectra are made at once."""


class GraphLoss:
    """Spectral convergence and L1 of logarithms, on mel spectra of left, right, mid and side, A-weighted.

    S. Lee et al., "Searching for music mixing graphs: a pruning approach", DAFx 2024: the mean over the four signals
    and the three resolutions of 512, 1024 and 4096 samples of

    ||X - Y|| / ||Y|| + mean |log(X + 1e-4) - log(Y + 1e-4)|,

    X and Y magnitudes in 96 mel bands. Two things are as the paper writes and not as its code computes: the
    denominator is that of the target (the code swaps the two mixes), and it is never below that of magnitudes of 1e-4,
    so that the side of a mono mix does not outweigh all else.

    The spectra of the target are made once; those of mid and side are the sum and the difference of the others.

    Args:
        target: (2, T) with the seconds before, which are not compared but let effects settle.
        sample_rate: Hz.
        skip: samples at the beginning that are not compared; a multiple of `GRID`.

    Raises:
        AudioError: the target is shorter than one frame behind what is skipped.
    """

    def __init__(self, target: Tensor, sample_rate: int, skip: int) -> None:
        if target.shape[-1] - skip < max(SIZES):
            raise AudioError(
                f"the target has {target.shape[-1] - skip} samples to compare; expected {max(SIZES)} or more"
            )
        self.sample_rate, self.skip = sample_rate, skip
        self.targets = [self.mel(target[None], size)[0] for size in SIZES]

    def __call__(self, mix: Tensor, start: int = 0) -> Tensor:
        """Compare a mix, or a segment of it, with the same part of the target.

        Args:
            mix: (2, T'), the first `skip` samples of which are not compared.
            start: sample of the target at which the segment begins, a multiple of `GRID`.

        Returns:
            A scalar.
        """
        heard = mix[None, :, self.skip :]
        total = mix.new_zeros(())
        for size, whole in zip(SIZES, self.targets, strict=True):
            found = self.mel(heard, size)[0]
            first = (start + self.skip) // (size // 4)
            total = total + _distance(found, whole[..., first : first + found.shape[-1]])
        return total / len(SIZES)

    def mel(self, audio: Tensor, size: int) -> Tensor:
        """Magnitudes (B, 4, bands, frames) of left, right, mid and side of (B, 2, T)."""
        window = torch.hann_window(size, dtype=audio.dtype, device=audio.device)
        weights = mel_weights(size, self.sample_rate).to(audio).T.contiguous()
        frames = audio.unfold(-1, size, size // 4)
        # What one piece holds stays in the caches.
        pieces = frames.split(PIECE // size, dim=2)
        mel: Tensor = torch.cat([_mel_frames(piece * window, weights) for piece in pieces], 2).mT
        return mel


def _mel_frames(frames: Tensor, weights: Tensor) -> Tensor:
    """Magnitudes (B, 4, F, bands) of windowed frames (B, 2, F, size); weights (K, bands)."""
    # What is above the highest band is not looked at.
    left, right = torch.fft.rfft(frames)[..., : len(weights)].unbind(1)
    four = torch.stack((left, right, (left + right) / 2.0, (left - right) / 2.0), 1)
    # The root of 0 has no gradient.
    magnitude = (four.real.square() + four.imag.square() + 1e-12).sqrt()
    mel: Tensor = magnitude @ weights
    return mel


def _distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean over the four signals of (4, bands, frames)."""
    floor = EPSILON * (wanted[0].numel() ** 0.5)
    convergence = (found - wanted).flatten(1).norm(dim=1) / wanted.flatten(1).norm(dim=1).clamp_min(floor)
    logarithmic = F.l1_loss((found + EPSILON).log(), (wanted + EPSILON).log())
    total: Tensor = convergence.mean() + logarithmic
    return total


@lru_cache(maxsize=16)
def mel_weights(size: int, sample_rate: int) -> Tensor:
    """A-weighted triangles evenly spaced in mel, from 20 Hz to 15 kHz or what the rate holds: (96, K), for the lowest K
    bins of a spectrum, above which they are all zero."""
    top_hz = min(HIGHEST_HZ, sample_rate / 2.0)
    frequencies = torch.arange(size // 2 + 1, dtype=torch.float64) * (sample_rate / size)
    mel, (low, high) = _mel_of(frequencies), _mel_of(torch.tensor([20.0, top_hz], dtype=torch.float64))
    step = (high - low) / (BANDS + 1)
    centres = low + step * torch.arange(1, BANDS + 1, dtype=torch.float64)
    # Bands narrower than two bins would fall between them at short frames: none is.
    bin_mel = _mel_of(frequencies + sample_rate / size) - mel
    width = torch.maximum(step, bin_mel[None])
    triangles = (1.0 - (mel[None] - centres[:, None]).abs() / width).clamp_min(0.0)
    weighted: Tensor = triangles * a_weighting(frequencies)
    used = int((weighted > 0.0).any(0).nonzero().max()) + 1
    return weighted[:, :used].float()


def a_weighting(frequencies: Tensor) -> Tensor:
    """Amplitude factors of the A curve (IEC 61672-1), 1 at 1 kHz."""
    squares = frequencies.square()
    curve = 12194.0**2 * squares.square()
    curve = curve / ((squares + 20.6**2) * (squares + 12194.0**2))
    curve = curve / ((squares + 107.7**2) * (squares + 737.9**2)).sqrt()
    levelled: Tensor = curve * 10.0 ** (2.0 / 20.0)
    return levelled


def _mel_of(frequencies: Tensor) -> Tensor:
    return 2595.0 * torch.log10(1.0 + frequencies / 700.0)

"""Overlapping frames: magnitudes to work on, and audio again with the phase that it had."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fxrep.effects.streaming import Stream
from fxrep.errors import AudioError

FRAME, HOP = 2048, 1024
BINS = FRAME // 2 + 1
"""1025."""


def frame_window(like: Tensor) -> Tensor:
    """The root of a Hann window, (2048,): before and after the spectrum, so that frames add up to what they were."""
    window: Tensor = torch.hann_window(FRAME, dtype=like.dtype, device=like.device).sqrt()
    return window


def frame_spectra(audio: Tensor) -> Tensor:
    """Complex spectra of the whole frames of (..., T): (..., F, 1025)."""
    spectra: Tensor = torch.fft.rfft(audio.unfold(-1, FRAME, HOP) * frame_window(audio))
    return spectra


class FrameStream(Stream):
    """Changes the magnitudes of the frames of a signal that comes in blocks; their phase stays.

    Frames of 2048 samples, 1024 apart; before the signal and after it there is silence. What leaves magnitudes as they
    are leaves the signal as it is, but for rounding.

    Args:
        effect: maps magnitudes (N, 1025) to (N, 1025).
    """

    def __init__(self, effect: Callable[[Tensor], Tensor]) -> None:
        self.effect = effect
        self.waiting: Tensor | None = None
        self.overlap = torch.zeros(0)
        self.early = HOP  # Outputs of the first frame that lie before the signal.
        self.taken = self.given = 0

    @torch.no_grad()
    def push(self, block: Tensor) -> Tensor:
        """Take the next block (1, C, T) and return what is ready, (1, C, T').

        Raises:
            AudioError: it is no block of one signal.
        """
        if block.dim() != 3 or len(block) != 1:
            raise AudioError(f"a block of shape {tuple(block.shape)}: expected (1, channels, samples)")
        if self.waiting is None:
            self.waiting = block.new_zeros(block.shape[1], HOP)
            self.overlap = block.new_zeros(block.shape[1], HOP)
        self.taken += block.shape[-1]
        return self._advance(block[0])

    @torch.no_grad()
    def finish(self) -> Tensor | None:
        """Return the samples whose last frame reaches beyond the end."""
        if self.waiting is None:
            return None
        left = self.taken - self.given
        return self._advance(self.waiting.new_zeros(len(self.waiting), 2 * HOP))[..., :left]

    def _advance(self, audio: Tensor) -> Tensor:
        assert self.waiting is not None
        known = torch.cat([self.waiting, audio], -1)
        frames = known.shape[-1] // HOP - 1
        self.waiting = known[:, max(0, frames) * HOP :].clone()
        if frames < 1:
            return known.new_zeros(1, len(known), 0)
        spectra = frame_spectra(known[:, : (frames + 1) * HOP])
        magnitudes = spectra.abs()
        changed = self.effect(magnitudes.flatten(0, 1)).view_as(magnitudes)
        # Where nothing sounds there is no phase: nothing will sound.
        phase = spectra / magnitudes.clamp_min(torch.finfo(magnitudes.dtype).tiny)
        parts = torch.fft.irfft(phase * changed, FRAME) * frame_window(known)
        joined = known.new_zeros(len(known), frames + 1, HOP)
        joined[:, :-1] += parts[..., :HOP]
        joined[:, 1:] += parts[..., HOP:]
        joined[:, 0] += self.overlap
        self.overlap = joined[:, -1].clone()
        ready = joined[:, :-1].flatten(1)[:, self.early :]
        self.early = max(0, self.early - frames * HOP)
        self.given += ready.shape[-1]
        return ready[None]

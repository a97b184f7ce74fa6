"""Convolution of a signal that arrives in blocks."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from fxrep.effects.convolution import Plan, multiply_spectra, plan_convolution, response_spectra
from fxrep.effects.streaming import Stream

# Blocks are gathered to at least this many samples: below, the transforms would be computed over and over.
SMALLEST_GATHERED = 65536


class ConvolutionStream(Stream):
    """Convolve block by block; the transforms of the response are made once.

    Samples are gathered until whole hops of the overlap-save method are there; the rest follows at the end.

    Args:
        response: (B or 1, 2 or 1, K).
        dry: (B or 1, 1, 1): how much of the audio itself is added; None for none.
        mono: (B or 1, 1, K): what mono audio meets; None for the left channel of the response.
    """

    def __init__(
        self, response: torch.Tensor, dry: torch.Tensor | None = None, mono: torch.Tensor | None = None
    ) -> None:
        self.response, self.dry = response.detach(), dry
        self.mono = self.response[:, :1] if mono is None else mono.detach()
        self.plan = plan_convolution(max(SMALLEST_GATHERED, response.shape[-1]), response.shape[-1])
        self.parts: torch.Tensor | None = None
        self.waiting: torch.Tensor | None = None
        self.frames: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Append the block to what waits and return all whole hops."""
        if self.waiting is None or self.parts is None:
            response = (self.mono if block.shape[1] == 1 else self.response).to(block)
            self.parts = response_spectra(response, self.plan)
            self.waiting = block.new_zeros((*block.shape[:2], self.plan.overlap))
        self.waiting = torch.cat((self.waiting, block), -1)
        hops = (self.waiting.shape[-1] - self.plan.overlap) // self.plan.hop
        return self._advance(hops, self.parts) if hops else block[..., :0]

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        """Return the samples that still wait."""
        if self.waiting is None or self.parts is None:
            return None
        rest = self.waiting.shape[-1] - self.plan.overlap
        if not rest:
            return None
        self.waiting = F.pad(self.waiting, (0, self.plan.hop - rest))
        return self._advance(1, self.parts)[..., :rest]

    def _advance(self, hops: int, parts: torch.Tensor) -> torch.Tensor:
        assert self.waiting is not None
        plan: Plan = self.plan
        used = self.waiting[..., : plan.overlap + hops * plan.hop]
        frames = torch.fft.rfft(used.unfold(-1, plan.points, plan.hop))
        past = 0 if self.frames is None else self.frames.shape[-2]
        if self.frames is not None:
            frames = torch.cat((self.frames, frames), -2)
        product = multiply_spectra(frames, parts)[..., past:, :]
        output: torch.Tensor = torch.fft.irfft(product, n=plan.points)[..., plan.overlap :].flatten(-2)
        if self.dry is not None:
            output = output.addcmul_(used[..., plan.overlap :], self.dry.to(output))
        self.frames = frames[..., frames.shape[-2] - min(frames.shape[-2], plan.parts - 1) :, :].clone()
        self.waiting = self.waiting[..., hops * plan.hop :].clone()
        return output

"""Convolution of a signal that arrives in blocks."""

from __future__ import annotations

import torch

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
        # The overlap with what has gone, then all that waits; joined only when a hop is full.
        self.waiting: list[torch.Tensor] = []
        self.frames: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Append the block to what waits and return all whole hops."""
        if self.parts is None:
            response = (self.mono if block.shape[1] == 1 else self.response).to(block)
            self.parts = response_spectra(response, self.plan)
            self.waiting = [block.new_zeros((*block.shape[:2], self.plan.overlap))]
        # A copy, since the caller may use the block's memory again.
        self.waiting.append(block.clone())
        hops = self._count() // self.plan.hop
        return self._advance(hops, self.parts) if hops else block[..., :0]

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        """Return the samples that still wait."""
        rest = self._count()
        if self.parts is None or not rest:
            return None
        self.waiting.append(self.waiting[0].new_zeros((*self.waiting[0].shape[:2], self.plan.hop - rest)))
        return self._advance(1, self.parts)[..., :rest]

    def _count(self) -> int:
        """Return how many samples wait."""
        return max(0, sum(piece.shape[-1] for piece in self.waiting) - self.plan.overlap)

    def _advance(self, hops: int, parts: torch.Tensor) -> torch.Tensor:
        plan: Plan = self.plan
        joined = torch.cat(self.waiting, -1)
        used = joined[..., : plan.overlap + hops * plan.hop]
        frames = torch.fft.rfft(used.unfold(-1, plan.points, plan.hop))
        past = 0 if self.frames is None else self.frames.shape[-2]
        if self.frames is not None:
            frames = torch.cat((self.frames, frames), -2)
        product = multiply_spectra(frames, parts, past)
        output: torch.Tensor = torch.fft.irfft(product, n=plan.points)[..., plan.overlap :].flatten(-2)
        if self.dry is not None:
            output = output.addcmul_(used[..., plan.overlap :], self.dry.to(output))
        self.frames = frames[..., frames.shape[-2] - min(frames.shape[-2], plan.parts - 1) :, :].clone()
        self.waiting = [joined[..., hops * plan.hop :].clone()]
        return output

"""Convolution by FFT, with its exact gradient.

Partitioned overlap-save: the audio is cut into frames of `points` samples that begin `hop` apart, the response into
parts of `hop` samples, and a part that lies p hops deep meets the frame p hops earlier:

    Y[frame] = sum over p of H[p] X[frame - p]

The last `hop` samples of every frame are free of wrap-around. Nothing is approximated. Short transforms stay in the
caches: a response of 65 536 taps costs a third less than with one long transform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

from fxrep.effects.first_gradients import first_gradient_only

# The cost of a transform point rises by a quarter with every doubling beyond this: the work leaves the caches.
CACHED_POINTS = 32768
SLOWER_PER_DOUBLING = 0.25
# One complex multiplication and addition per spectral line, in units of a transform's cost per point and level.
PRODUCT_COST = 4.0
LONGEST_POWER = 24


@dataclass(frozen=True)
class Plan:
    """How a convolution is cut up: `points` = `overlap` + `hop`."""

    points: int
    hop: int
    parts: int

    @property
    def overlap(self) -> int:
        """Return how many samples of a frame repeat the frame before."""
        return self.points - self.hop


def plan_convolution(samples: int, taps: int) -> Plan:
    """Return the cheapest cut for audio and a response of these lengths."""

    def cut(points: int) -> Plan:
        if 2 * (taps - 1) <= points:
            return Plan(points, points - taps + 1, 1)
        return Plan(points, points // 2, -(-taps // (points // 2)))

    def cost(plan: Plan) -> float:
        frames = -(-samples // plan.hop)
        memory = 1.0 + SLOWER_PER_DOUBLING * max(0.0, math.log2(plan.points / CACHED_POINTS))
        transforms = (2 * frames + plan.parts) * math.log2(plan.points)
        return plan.points * memory * (transforms + PRODUCT_COST * frames * plan.parts)

    return min((cut(1 << power) for power in range(3, LONGEST_POWER)), key=cost)


def response_spectra(response: torch.Tensor, plan: Plan) -> torch.Tensor:
    """Return the spectra (…, parts, F) of the parts of responses (…, K)."""
    taps = response.shape[-1]
    length = taps if plan.parts == 1 else plan.hop
    parts = F.pad(response, (0, plan.parts * length - taps)).unflatten(-1, (plan.parts, length))
    spectra: torch.Tensor = torch.fft.rfft(parts, n=plan.points)
    return spectra


def frame_spectra(audio: torch.Tensor, plan: Plan) -> torch.Tensor:
    """Return the spectra (…, frames, F) of the frames of audio (…, T), silence before and after it."""
    samples = audio.shape[-1]
    frames = -(-samples // plan.hop)
    padded = F.pad(audio, (plan.overlap, frames * plan.hop - samples))
    spectra: torch.Tensor = torch.fft.rfft(padded.unfold(-1, plan.points, plan.hop))
    return spectra


def multiply_spectra(frames: torch.Tensor, parts: torch.Tensor, past: int = 0) -> torch.Tensor:
    """Return the spectra (…, frames - past, F) of the convolved frames; the first `past` ones only ring on in them."""
    count = frames.shape[-2]
    product = frames[..., past:, :] * parts[..., :1, :]
    for depth in range(1, min(parts.shape[-2], count)):
        first = max(past, depth)
        earlier = frames[..., first - depth : count - depth, :]
        product[..., first - past :, :].addcmul_(earlier, parts[..., depth : depth + 1, :])
    return product


class _Convolution(torch.autograd.Function):
    """The convolution plus a share of the audio itself; item by item, so that temporaries are used again."""

    @staticmethod
    def forward(
        ctx: Any, audio: torch.Tensor, response: torch.Tensor, dry: torch.Tensor | None, plan: Plan
    ) -> torch.Tensor:
        parts = response_spectra(response, plan)
        output = torch.zeros_like(audio) if dry is None else audio * dry
        keep, spectra = ctx.needs_input_grad[1], []
        for items in _pieces(audio):
            frames = frame_spectra(audio[items], plan)
            convolved = multiply_spectra(frames, _of_items(parts, items))
            # The inverse must be told the length, or odd ones would come back resampled.
            _add_frames(output[items], torch.fft.irfft(convolved, n=plan.points)[..., plan.overlap :])
            if keep:
                spectra.append(frames)
        ctx.plan, ctx.taps = plan, response.shape[-1]
        ctx.save_for_backward(parts, audio if ctx.needs_input_grad[2] else None, dry, *spectra)
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gradient, plan = gradients[0], ctx.plan
        parts, audio, dry, *spectra = ctx.saved_tensors
        to_audio, to_response, to_dry, _ = ctx.needs_input_grad
        audio_slope = None
        if to_audio:
            audio_slope = torch.zeros_like(gradient) if dry is None else gradient * dry
        part_slopes = torch.zeros_like(parts) if to_response else None
        for number, items in enumerate(_pieces(gradient)):
            arriving = _arriving_spectra(gradient[items], plan)
            if audio_slope is not None:
                _add_overlapping(audio_slope[items], _transposed(arriving, _of_items(parts, items)), plan)
            if part_slopes is not None:
                _accumulate(_of_items(part_slopes, items), spectra[number], arriving)
        response_slope = None
        if part_slopes is not None:
            length = ctx.taps if plan.parts == 1 else plan.hop
            response_slope = torch.fft.irfft(part_slopes, n=plan.points)[..., :length].flatten(-2)[..., : ctx.taps]
        dry_slope = (gradient * audio).sum((1, 2), keepdim=True) if to_dry else None
        return audio_slope, response_slope, dry_slope, None


def _pieces(audio: torch.Tensor) -> list[slice]:
    """Return the items handled at once: one on the CPU, all elsewhere."""
    if audio.device.type != "cpu":
        return [slice(None)]
    return [slice(number, number + 1) for number in range(audio.shape[0])]


def _of_items(parts: torch.Tensor, items: slice) -> torch.Tensor:
    return parts if parts.shape[0] == 1 else parts[items]


def _add_frames(output: torch.Tensor, frames: torch.Tensor) -> None:
    hop = frames.shape[-1]
    whole = output.shape[-1] // hop
    output[..., : whole * hop].unflatten(-1, (whole, hop)).add_(frames[..., :whole, :])
    rest = output[..., whole * hop :]
    if rest.shape[-1]:
        rest.add_(frames[..., whole, : rest.shape[-1]])


def _arriving_spectra(gradient: torch.Tensor, plan: Plan) -> torch.Tensor:
    """Return the spectra of the gradient's hops, each behind the zeros of the dropped part of its frame."""
    samples = gradient.shape[-1]
    frames = -(-samples // plan.hop)
    hops = F.pad(gradient, (0, frames * plan.hop - samples)).unflatten(-1, (frames, plan.hop))
    spectra: torch.Tensor = torch.fft.rfft(F.pad(hops, (plan.overlap, 0)))
    return spectra


def _transposed(arriving: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
    """Return the gradient of the frames' spectra."""
    parts = parts.conj().resolve_conj()
    product = arriving * parts[..., :1, :]
    for depth in range(1, min(parts.shape[-2], arriving.shape[-2])):
        product[..., :-depth, :].addcmul_(arriving[..., depth:, :], parts[..., depth : depth + 1, :])
    return product


def _add_overlapping(slope: torch.Tensor, spectra: torch.Tensor, plan: Plan) -> None:
    frames = torch.fft.irfft(spectra, n=plan.points)
    if plan.overlap:
        frames[..., :-1, plan.points - plan.overlap :] += frames[..., 1:, : plan.overlap]
    _add_frames(slope, frames[..., plan.overlap :])


def _accumulate(part_slopes: torch.Tensor, frames: torch.Tensor, arriving: torch.Tensor) -> None:
    """Add the gradient of the parts' spectra."""
    frames = frames.conj().resolve_conj()
    for depth in range(min(part_slopes.shape[-2], frames.shape[-2])):
        product = arriving[..., depth:, :] * frames[..., : frames.shape[-2] - depth, :]
        part_slopes[..., depth, :] += product.sum(-2).sum_to_size(part_slopes[..., depth, :].shape)


def fft_convolve(audio: torch.Tensor, response: torch.Tensor, dry: torch.Tensor | None = None) -> torch.Tensor:
    """Convolve along the last dimension and keep the length of the audio.

    Args:
        audio: (B, C, T).
        response: (B or 1, C or 1, K). Whatever lies beyond T samples cannot be heard and is not computed.
        dry: (B, 1, 1): how much of the audio itself is added; None for none.

    Returns:
        (B, C, T): the first T samples of the linear convolution. Differentiable once in all three.
    """
    response = response[..., : audio.shape[-1]]
    plan = plan_convolution(audio.shape[-1], response.shape[-1])
    output: torch.Tensor = _Convolution.apply(audio, response, dry, plan)
    return output

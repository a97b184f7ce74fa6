"""Applying a curve to every sample in one pass, with the search for NaN and, backwards, the sums of all gradients.

Reading and writing the samples costs as much as a simple curve itself, and temporaries cost more. So a curve is one
compiled loop, and going backward is another that computes the curve anew: nothing is kept but the audio.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from fxrep.effects.finite import bits_of, check_finite, check_largest, has_plain_memory
from fxrep.effects.row_threads import over_rows

# Samples that the loops of a curve treat at once: they stay in the first-level cache.
BLOCK = 2048


class RowCurve(NamedTuple):
    """A curve with K constants per item, in two ways.

    Attributes:
        forward: compiled; from audio (R, T), its bits, constants (R, K) writes the output (R, T) and returns the
            largest bits of the magnitudes, see `fxrep.effects.finite`.
        backward: compiled; from the gradient of the output, the audio and the constants writes the gradient of the
            audio (R, T) and the sums (R, K), which are the gradients of the constants.
        tensors: the same curve for audio (B, C, T) and constants (B, K) of tensor operations, for other devices.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    tensors: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def apply_curve(curve: RowCurve, audio: torch.Tensor, constants: torch.Tensor, check: bool = False) -> torch.Tensor:
    """Return the curve of the audio.

    Args:
        curve: what to apply.
        audio: (B, C, T), float32 or float64.
        constants: (B, K) float64.
        check: whether to refuse audio that is not finite.

    Returns:
        (B, C, T). Differentiable in both.

    Raises:
        AudioError: the audio holds NaN or infinity, if that is to be checked.
    """
    if audio.device.type != "cpu":
        if check:
            check_finite(audio)
        return curve.tensors(audio, constants)
    plain = audio if has_plain_memory(audio) else audio.resolve_neg().contiguous()
    output: torch.Tensor = _Curve.apply(curve, plain, constants, check)
    return output


def _by_row(constants: torch.Tensor, audio: torch.Tensor) -> Any:
    return constants.detach().repeat_interleave(audio.shape[1], 0).contiguous().numpy()


class _Curve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, curve: RowCurve, audio: torch.Tensor, constants: torch.Tensor, check: bool) -> torch.Tensor:
        output = torch.empty_like(audio)
        rows = (tensor.flatten(0, 1) for tensor in (audio.detach(), output))
        source, result = (tensor.numpy() for tensor in rows)
        bits = bits_of(audio).reshape(source.shape)
        largest = over_rows(curve.forward, source, bits, _by_row(constants, audio), result)
        if check:
            check_largest(largest, audio.dtype)
        ctx.curve = curve
        ctx.save_for_backward(audio, constants)
        return output

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        audio, constants = ctx.saved_tensors
        if torch.is_grad_enabled():
            # Whoever asks for the gradient of a gradient gets it from the tensor operations.
            wanted = [tensor for tensor in (audio, constants) if tensor.requires_grad]
            found = torch.autograd.grad(ctx.curve.tensors(audio, constants), wanted, gradients[0], create_graph=True)
            again = iter(found)
            return None, *(next(again) if tensor.requires_grad else None for tensor in (audio, constants)), None
        slope = torch.empty_like(audio)
        sums = torch.empty((audio.shape[0] * audio.shape[1], constants.shape[1]), dtype=torch.float64)
        rows = (gradients[0].contiguous().flatten(0, 1), audio.flatten(0, 1))
        upstream, source = (tensor.numpy() for tensor in rows)
        given = (upstream, source, _by_row(constants, audio), slope.flatten(0, 1).numpy(), sums.numpy())
        over_rows(ctx.curve.backward, *given)
        return None, slope, sums.unflatten(0, audio.shape[:2]).sum(1), None

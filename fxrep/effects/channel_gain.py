"""Multiplying every channel by its gain in one pass, with the search for NaN and, backwards, the gains' gradients."""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.finite import bits_of, check_finite, check_largest, has_plain_memory
from fxrep.effects.kernels import compile_kernel, compile_reordered
from fxrep.effects.row_curves import BLOCK
from fxrep.effects.row_threads import over_rows


@compile_kernel
def _scale_rows(audio: Any, bits: Any, gains: Any, output: Any) -> Any:
    """Write audio (R, T) times gains (R, S) to the output (R, S, T); return the largest bits, see `finite`."""
    largest, magnitude = bits.dtype.type(0), ~bits.dtype.type(1 << (8 * bits.itemsize - 1))
    for row in range(audio.shape[0]):
        source, whole = audio[row], bits[row]
        gain, target = gains[row, 0], output[row, 0]
        for i in range(len(source)):
            largest = max(largest, whole[i] & magnitude)
            target[i] = source[i] * gain
        for copy in range(1, gains.shape[1]):
            gain, target = gains[row, copy], output[row, copy]
            for i in range(len(source)):
                target[i] = source[i] * gain
    return largest


@compile_reordered
def _scale_rows_backward(gradient: Any, audio: Any, gains: Any, slope: Any, sums: Any) -> None:
    """Write the gradients of the audio (R, T) and of the gains (R, S) of `_scale_rows`."""
    zero = audio.dtype.type(0.0)
    for row in range(audio.shape[0]):
        for copy in range(gains.shape[1]):
            gain, total = gains[row, copy], 0.0
            for start in range(0, audio.shape[1], BLOCK):
                end = min(start + BLOCK, audio.shape[1])
                above, source = gradient[row, copy, start:end], audio[row, start:end]
                target, part = slope[row, start:end], zero
                if copy == 0:
                    for i in range(end - start):
                        part += above[i] * source[i]
                        target[i] = above[i] * gain
                else:
                    for i in range(end - start):
                        part += above[i] * source[i]
                        target[i] += above[i] * gain
                total += part
            sums[row, copy] = total


def scale_channels(audio: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
    """Multiply by gains, after a check that the audio is finite, at the price of the multiplication alone.

    Args:
        audio: (B, C, T), float32 or float64.
        gains: (B, D), one for each channel of the output: D is 1 (for all channels alike), C, or 2 where C is 1.

    Returns:
        (B, max(C, D), T). Differentiable in both.

    Raises:
        AudioError: the audio holds NaN or infinity.
    """
    channels = audio.shape[1]
    gains = gains.to(audio.dtype)
    if audio.device.type != "cpu":
        check_finite(audio)
        return audio * gains.unsqueeze(-1)
    plain = audio if has_plain_memory(audio) else audio.resolve_neg().contiguous()
    each = gains.expand(-1, max(channels, gains.shape[1]))
    if not (torch.is_grad_enabled() and (audio.requires_grad or gains.requires_grad)):
        return _scale(plain, each)
    output: torch.Tensor = _ScaleChannels.apply(plain, each)
    return output


def _scale(audio: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
    output = audio.new_empty((*gains.shape, audio.shape[2]))
    largest = over_rows(_scale_rows, *_rows(audio), _gains_by_row(gains, audio), _copies(output, audio))
    check_largest(largest, audio.dtype)
    return output


class _ScaleChannels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, audio: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(audio, gains)
        return _scale(audio, gains)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        audio, gains = ctx.saved_tensors
        upstream = gradients[0]
        if torch.is_grad_enabled():
            # Whoever asks for the gradient of a gradient gets it from the tensor operations.
            scaled = upstream * gains.unsqueeze(-1)
            return scaled.sum_to_size(audio.shape), (upstream * audio).sum(-1)
        slope = torch.empty_like(audio)
        sums = torch.empty(gains.shape, dtype=torch.float64)
        by_row = _gains_by_row(gains, audio)
        arrays = (_copies(upstream.contiguous(), audio), _rows(audio)[0], by_row, _rows(slope)[0])
        over_rows(_scale_rows_backward, *arrays, sums.numpy().reshape(by_row.shape))
        return slope, sums.to(gains.dtype)


def _rows(audio: torch.Tensor) -> tuple[Any, Any]:
    shape = (-1, audio.shape[2])
    return audio.detach().numpy().reshape(shape), bits_of(audio).reshape(shape)


def _gains_by_row(gains: torch.Tensor, audio: torch.Tensor) -> Any:
    return gains.detach().contiguous().numpy().reshape(audio.shape[0] * audio.shape[1], -1)


def _copies(output: torch.Tensor, audio: torch.Tensor) -> Any:
    return output.detach().numpy().reshape(audio.shape[0] * audio.shape[1], -1, audio.shape[2])

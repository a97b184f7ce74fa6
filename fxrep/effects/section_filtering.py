"""Sending audio through second-order sections: exactly by recursion, or by FFT on any device, or block by block."""

from __future__ import annotations

import functools

import torch
from scipy.fft import next_fast_len

from fxrep.effects.biquad_cascade import filter_cascade
from fxrep.effects.chunks import in_chunks
from fxrep.effects.filter_sections import Sections
from fxrep.effects.parameters import Choice
from fxrep.effects.streaming import Stream
from fxrep.errors import ArgumentError

METHOD = Choice("method", ("auto", "recursive", "fft"), "auto")


def choose_method(method: str, device: torch.device) -> str:
    """Return ``recursive`` or ``fft``: ``auto`` is the first on the CPU and the second elsewhere.

    Raises:
        ArgumentError: there is no such method, or it does not exist on this device.
    """
    if method not in METHOD.options or (method == "recursive" and device.type != "cpu"):
        choices = ", ".join(METHOD.options)
        raise ArgumentError(f"method is {method!r}; expected one of {choices}, recursive only on the CPU")
    if method != "auto":
        return method
    return "recursive" if device.type == "cpu" else "fft"


def filter_by_sections(audio: torch.Tensor, sections: Sections, method: str, tail: int) -> torch.Tensor:
    """Filter every item with its own sections in series.

    Args:
        audio: (B, C, T).
        sections: (B, S).
        method: see `choose_method`. The two agree to better than -95 dB in float32.
        tail: samples that the sections may ring for, see `filter_tail.tail_samples`; only the FFT needs it.

    Returns:
        (B, C, T). Differentiable in the audio and in the sections.
    """
    if choose_method(method, audio.device) == "recursive":
        return filter_by_recursion(audio, sections.coefficients())
    parts = {"numerator": sections.numerator, "denominator": sections.denominator, "warp": sections.warp}
    return in_chunks(functools.partial(_filter_by_fft, tail=tail), audio, parts)


def filter_by_recursion(
    audio: torch.Tensor, coefficients: torch.Tensor, state: torch.Tensor | None = None
) -> torch.Tensor:
    """Filter on the CPU in float64, all channels of an item alike.

    Args:
        audio: (B, C, T).
        coefficients: (B, S, 5), see `Sections.coefficients`.
        state: (B C, S, 2) float64 or None, taken and overwritten as in `filter_cascade`.

    Returns:
        (B, C, T).
    """
    rows = coefficients.repeat_interleave(audio.shape[1], dim=0)
    return filter_cascade(audio.flatten(0, 1), rows, state).reshape(audio.shape)


def _filter_by_fft(audio: torch.Tensor, parts: dict[str, torch.Tensor], tail: int) -> torch.Tensor:
    samples = audio.shape[-1]
    points = next_fast_len(samples + tail, real=True)
    response = Sections(**parts).response(points, audio.dtype).unsqueeze(1)
    filtered: torch.Tensor = torch.fft.irfft(torch.fft.rfft(audio, n=points) * response, n=points)
    return filtered[..., :samples]


class SectionStream(Stream):
    """Sections with their memory, on the CPU.

    Args:
        coefficients: (B or 1, S, 5), see `Sections.coefficients`. One set serves a batch of any size.
    """

    def __init__(self, coefficients: torch.Tensor) -> None:
        self.coefficients = coefficients.detach().cpu()
        self.state: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Filter the block from where the last one ended."""
        coefficients = self.coefficients.expand(block.shape[0], -1, -1)
        if self.state is None:
            rows = block.shape[0] * block.shape[1]
            self.state = torch.zeros((rows, coefficients.shape[1], 2), dtype=torch.float64)
        return filter_by_recursion(block, coefficients, self.state)

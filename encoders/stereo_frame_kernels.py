"""The sums behind `StereoFrames` on a CPU, where no gradient is asked for: one pass each, nothing stored between.

As tensor operations they go through memory a dozen times, which takes several times as long as the Fourier transform.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fxrep.effects.kernels import compile_reordered

Array = npt.NDArray[Any]

_FRAMES_AT_ONCE = 32
"""Their spectra of both channels, half a megabyte, stay in the cache of a core until they are summed."""


def wants_numbers_only(*tensors: Tensor) -> bool:
    """Whether these may leave PyTorch: float32 on the CPU, without gradient, other precision or compilation."""
    plain = all(t.device.type == "cpu" and t.dtype == torch.float32 and not t.requires_grad for t in tensors)
    return plain and not torch.is_autocast_enabled("cpu") and not torch.compiler.is_compiling()


def band_edges(filters: Tensor) -> Array:
    """First bin and end of every band's filter, (bands, 2), of filters (bins, bands)."""
    used = filters.numpy() > 0.0
    return np.stack([used.argmax(0), len(used) - used[::-1].argmax(0)], axis=1)


def band_powers(padded: Tensor, window: Tensor, hop: int, filters: Tensor, edges: Array) -> Tensor:
    """Power of left, of right, and real and imaginary part of their cross-spectrum, per band and frame.

    Args:
        padded: (B, 2, T) float32 audio on the CPU; frames start at multiples of `hop`.
        window: (n_fft,) float32.
        hop: step between frames, samples.
        filters: (n_fft // 2 + 1, bands) float32 weights of the bins.
        edges: of `band_edges`.

    Returns:
        (B, 4, bands, frames) float32.
    """
    frames = padded.unfold(-1, len(window), hop)
    bands = filters.T.contiguous().numpy()
    sums = np.empty((len(frames), 4, len(bands), frames.shape[2]), np.float32)
    for item, item_sums in zip(frames, sums, strict=True):
        for start in range(0, frames.shape[2], _FRAMES_AT_ONCE):
            spectra = torch.view_as_real(torch.fft.rfft(item[:, start : start + _FRAMES_AT_ONCE] * window))
            _sum_bands(spectra.numpy(), bands, edges, item_sums[:, :, start : start + _FRAMES_AT_ONCE])
    return torch.from_numpy(sums)


def step_powers(audio: Tensor, hop: int, n_steps: int) -> Tensor:
    """Mean square of mid and of side in short steps, and the squared peak of left and right, per frame.

    Frames are `hop` samples around multiples of `hop`; beyond the ends is silence.

    Args:
        audio: (B, 2, T) float32 on the CPU.
        hop: length of a frame, samples; a multiple of `n_steps`.
        n_steps: steps in a frame.

    Returns:
        (B, 2 n_steps + 2, T // hop + 1) float32.
    """
    samples = audio.contiguous().numpy()
    powers = np.empty((len(samples), 2 * n_steps + 2, samples.shape[-1] // hop + 1), np.float32)
    for channels, found in zip(samples, powers, strict=True):
        _measure_steps(channels, channels.view(np.int32), hop // n_steps, hop // 2, found, found.view(np.int32))
    return torch.from_numpy(powers)


@compile_reordered
def _sum_bands(spectra: Any, bands: Any, edges: Any, sums: Any) -> None:
    """Write sums (4, bands, frames) over the bins of spectra (2, frames, bins, 2): real, imaginary on the last axis."""
    bins = spectra.shape[2]
    products = np.empty((4, bins), np.float32)
    for frame in range(spectra.shape[1]):
        left, right = spectra[0, frame], spectra[1, frame]
        for k in range(bins):
            real_l, imag_l, real_r, imag_r = left[k, 0], left[k, 1], right[k, 0], right[k, 1]
            products[0, k] = real_l * real_l + imag_l * imag_l
            products[1, k] = real_r * real_r + imag_r * imag_r
            products[2, k] = real_l * real_r + imag_l * imag_r
            products[3, k] = imag_l * real_r - real_l * imag_r
        for band in range(bands.shape[0]):
            begin, end = edges[band]
            weights, parts = bands[band, begin:end], products[:, begin:end]
            a = b = c = d = np.float32(0.0)
            for k in range(len(weights)):
                a += weights[k] * parts[0, k]
                b += weights[k] * parts[1, k]
                c += weights[k] * parts[2, k]
                d += weights[k] * parts[3, k]
            sums[0, band, frame], sums[1, band, frame] = a, b
            sums[2, band, frame], sums[3, band, frame] = c, d


@compile_reordered
def _measure_steps(samples: Any, bits: Any, step: int, offset: int, powers: Any, power_bits: Any) -> None:
    """Write powers (2 steps + 2, frames) of samples (2, T); `bits` and `power_bits` are the same memory as integers.

    The peak is that of the bits without their sign: floats of one sign are ordered as integers are, what is no number
    lies above all, and such a maximum runs over many samples at a time.
    """
    n_steps, length = (powers.shape[0] - 2) // 2, samples.shape[1]
    half = np.float32(0.5)
    for frame in range(powers.shape[1]):
        start = frame * n_steps * step - offset
        for i in range(n_steps):
            begin, end = max(start + i * step, 0), max(min(start + (i + 1) * step, length), 0)
            left, right = samples[0, begin:end], samples[1, begin:end]
            middle = side = np.float32(0.0)
            for t in range(len(left)):
                total, difference = (left[t] + right[t]) * half, (left[t] - right[t]) * half
                middle += total * total
                side += difference * difference
            powers[i, frame], powers[n_steps + i, frame] = middle / np.float32(step), side / np.float32(step)
        for channel in range(2):
            part = bits[channel, max(start, 0) : min(start + n_steps * step, length)]
            peak = np.int32(0)
            for t in range(len(part)):
                peak = max(peak, part[t] & np.int32(0x7FFFFFFF))
            power_bits[2 * n_steps + channel, frame] = peak
            powers[2 * n_steps + channel, frame] *= powers[2 * n_steps + channel, frame]

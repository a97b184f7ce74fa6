"""What an encoder sees of a stereo signal: spectrum, level, stereo image and transients, frame by frame.

Left/right magnitudes alone cannot tell dual mono from anti-phase, and mid/side magnitudes alone cannot tell hard left
from hard right. `StereoFrames` therefore gives both views, the phase between the channels, and the envelope inside
each frame, and keeps the absolute level.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from encoders.stereo_frame_kernels import band_edges, band_powers, step_powers, wants_numbers_only

FLOOR_DB = -90.0
"""Power below this reads as silence: 16-bit material has nothing under it."""

_CHUNK = 4


def mel_filter_bank(n_bands: int, n_fft: int, sample_rate: int, minimum_hz: float, maximum_hz: float) -> Tensor:
    """Triangular filters, evenly spaced on the mel scale of O'Shaughnessy (2595 log10(1 + f / 700)).

    Each has peak 1, so that a band reads the power inside it.

    A band narrower than one FFT bin takes the interpolated value at its centre, so that no band is empty.

    Returns:
        (n_fft // 2 + 1, n_bands) weights.
    """
    maximum_hz = min(maximum_hz, sample_rate / 2)
    mel_low, mel_high = (2595.0 * math.log10(1.0 + f / 700.0) for f in (minimum_hz, maximum_hz))
    mels = torch.linspace(mel_low, mel_high, n_bands + 2, dtype=torch.float64)
    edges_hz = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    bin_hz = sample_rate / n_fft
    frequencies = torch.arange(n_fft // 2 + 1, dtype=torch.float64)[:, None] * bin_hz
    lower = torch.minimum(edges_hz[:-2], edges_hz[1:-1] - bin_hz)
    upper = torch.maximum(edges_hz[2:], edges_hz[1:-1] + bin_hz)
    rising = (frequencies - lower) / (edges_hz[1:-1] - lower)
    falling = (upper - frequencies) / (upper - edges_hz[1:-1])
    weights = torch.minimum(rising, falling).clamp(min=0.0)
    return weights.float()


def power_to_db(power: Tensor) -> Tensor:
    """10 log10 of a power, floored at `FLOOR_DB`; the gradient is finite for silence."""
    return 10.0 * torch.log10(power.clamp(min=10.0 ** (FLOOR_DB / 10.0)))


class StereoFrames(nn.Module):
    """Log-mel of left, right, mid and side, inter-channel phase, and the envelope inside each frame.

    Per frame of `hop` samples: `4 * n_mels` band levels, `2 * n_mels` inter-channel values (real and imaginary part of
    the normalised cross-spectrum of the band: correlation, and the sine of its phase), `2 * n_steps` levels of mid and
    side in short steps inside the hop (how a transient rises and falls), and the peak of left and right.
    Levels are dB relative to full scale, scaled to about -1…1; the absolute level is kept.

    Args:
        sample_rate: Hz of the audio.
        n_fft: window of the Fourier transform, samples (Hann).
        hop: step between frames, samples; a multiple of `n_steps`.
        n_mels: bands between 30 Hz and 20 kHz.
        n_steps: short steps inside a hop.

    Shape:
        (B, 2, T) → (B, `n_features`, frames), frames = T // hop + 1.
    """

    window: Tensor
    filters: Tensor

    def __init__(
        self, sample_rate: int = 44100, n_fft: int = 2048, hop: int = 1024, n_mels: int = 64, n_steps: int = 8
    ) -> None:
        super().__init__()
        self.n_fft, self.hop, self.n_steps = n_fft, hop, n_steps
        self.n_features = 6 * n_mels + 2 * n_steps + 2
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        # Parseval: with this scale the bands sum to the mean square; a full-scale sine reads -3 dB.
        power_scale = 2.0 / (n_fft * float(torch.hann_window(n_fft).square().sum()))
        filters = mel_filter_bank(n_mels, n_fft, sample_rate, 30.0, 20000.0)
        self.register_buffer("filters", filters * power_scale, persistent=False)
        self._band_edges = band_edges(filters)

    def forward(self, audio: Tensor) -> Tensor:
        """(B, 2, T) audio → (B, n_features, frames)."""
        if wants_numbers_only(audio, self.window, self.filters):
            powers = band_powers(self._padded(audio), self.window, self.hop, self.filters, self._band_edges)
            return torch.cat([_band_levels(powers), _to_levels(step_powers(audio, self.hop, self.n_steps))], dim=1)
        # A few items at a time: the temporaries of a whole batch would be mapped anew on every call.
        return torch.cat([self._by_tensors(part) for part in audio.split(_CHUNK)])

    def _padded(self, audio: Tensor) -> Tensor:
        return nn.functional.pad(audio, (self.n_fft // 2, self.n_fft // 2))

    def _by_tensors(self, audio: Tensor) -> Tensor:
        """What `forward` gives, by operations that run anywhere and have gradients."""
        return torch.cat([_band_levels(self._band_powers(audio)), _to_levels(self._step_powers(audio))], dim=1)

    def _band_powers(self, audio: Tensor) -> Tensor:
        frames = self._padded(audio).unfold(-1, self.n_fft, self.hop)
        real, imag = torch.view_as_real(torch.fft.rfft(frames * self.window)).unbind(-1)
        (real_l, real_r), (imag_l, imag_r) = real.unbind(1), imag.unbind(1)
        planes = torch.stack(
            [
                real_l.square() + imag_l.square(),
                real_r.square() + imag_r.square(),
                real_l * real_r + imag_l * imag_r,
                imag_l * real_r - real_l * imag_r,
            ],
            dim=1,
        )
        return torch.matmul(planes, self.filters).transpose(2, 3)

    def _step_powers(self, audio: Tensor) -> Tensor:
        step = self.hop // self.n_steps
        frames = audio.shape[-1] // self.hop + 1
        padded = nn.functional.pad(audio, (self.hop // 2, frames * self.hop - audio.shape[-1] - self.hop // 2))
        left, right = padded[:, 0], padded[:, 1]
        mid_side = torch.stack([(left + right) / 2, (left - right) / 2], dim=1)
        power = mid_side.unflatten(-1, (frames, self.n_steps, step)).square().mean(-1)
        peak = padded.unflatten(-1, (frames, self.hop)).abs().amax(-1).square()
        return torch.cat([power.transpose(2, 3).flatten(1, 2), peak], dim=1)


def _to_levels(power: Tensor) -> Tensor:
    """Level of a power, the range from `FLOOR_DB` to full scale as -1…1."""
    return power_to_db(power) / -FLOOR_DB * 2.0 + 1.0


def _band_levels(powers: Tensor) -> Tensor:
    """(B, 4, bands, frames) of left, right and their product → (B, 6 bands, frames) of levels and phase."""
    left, right, correlation, quadrature = powers.unbind(1)
    # Mid and side follow from the bands of left, right and their product. Below -60 dB of the other they are
    # rounding of float32, so they stop there.
    total = left + right
    mid = torch.maximum(total + 2.0 * correlation, 1e-6 * total) / 4.0
    side = torch.maximum(total - 2.0 * correlation, 1e-6 * total) / 4.0
    levels = _to_levels(torch.stack([left, right, mid, side], dim=1))
    scale = (left * right).clamp(min=1e-18).sqrt()
    return torch.cat([levels.flatten(1, 2), correlation / scale, quadrature / scale], dim=1)


class RunningStandardization(nn.Module):
    """Brings every feature to zero mean and unit spread by what training has seen so far.

    Levels, phases and envelopes differ in spread by a factor of ten; left so, training takes several times the steps.
    One pair of numbers per feature serves all clips, so the level of a clip stays. Unlike batch normalisation the
    present batch is not part of its own scale: training and inference compute the same. Several processes average over
    their joined batch, so they compute what one process would.

    Args:
        n_features: F.
        batches: training batches that are averaged, each counting the same; afterwards the numbers stay.
    """

    mean: Tensor
    variance: Tensor
    seen: Tensor

    def __init__(self, n_features: int, batches: int = 200) -> None:
        super().__init__()
        self.batches = batches
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("variance", torch.ones(n_features))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self._collected: list[tuple[Tensor, int]] | None = None

    def forward(self, frames: Tensor) -> Tensor:
        """(B, F, frames) → the same shape."""
        standard = (frames - self.mean[:, None]) * (self.variance + 1e-5).rsqrt()[:, None]
        if self.training and int(self.seen) < self.batches:
            frames = frames.detach()
            moments = torch.stack([frames.mean((0, 2)), frames.square().mean((0, 2))])
            if self._collected is None:
                self._see(moments)
            else:
                self._collected.append((moments, len(frames)))
        return standard

    def begin_collecting(self) -> None:
        """From here on the batches are parts of one: the numbers stay until `end_collecting`."""
        self._collected = []

    def end_collecting(self, keep: bool = True) -> None:
        """Count what came since `begin_collecting` as one batch; not at all without `keep`."""
        parts, self._collected = self._collected, None
        if keep and parts:
            rows = sum(count for _, count in parts)
            self._see(torch.stack([moments * (count / rows) for moments, count in parts]).sum(0))

    def _see(self, moments: Tensor) -> None:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(moments)
            moments /= torch.distributed.get_world_size()
        mean, square = moments
        weight = 1.0 / (int(self.seen) + 1)
        self.mean.lerp_(mean, weight)
        # Of a feature that never changes, rounding may leave less than nothing.
        self.variance.lerp_((square - mean.square()).clamp(min=0.0), weight)
        self.seen += 1

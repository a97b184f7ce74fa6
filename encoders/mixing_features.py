"""What an engineer reads from meters: level, dynamics, spectrum, stereo, and how stems stand to each other.

The features that condition StemFX (arXiv 2607.15634): for each stem 6 of dynamics, 5 of the spectrum and 3 of the
stereo image, and of several stems their relative loudness and how much each is masked. The kinds are published, the
formulas are ours. All are brought to a range of about -1 to 1 by fixed constants.
"""

from __future__ import annotations

import torch
from torch import Tensor

PER_STEM = 14
_FLOOR = 1e-10
_SHORT_FRAME = 1024


def count_features(stems: int) -> int:
    """Number of features: 14 of one stem; 16 of each of several."""
    return PER_STEM if stems == 1 else (PER_STEM + 2) * stems


def mixing_features(audio: Tensor, power: Tensor, bands: Tensor, sample_rate: int) -> Tensor:
    """Features of stems; the first is the one that is asked for, silent ones count as absent.

    Args:
        audio: (B, S, 2, T).
        power: (B, S, 2, frames, bins), power spectra from 0 Hz to half the rate.
        bands: (B, S, frames, mels), power in bands, of both channels together.
        sample_rate: Hz.

    Returns:
        (B, count_features(S)).
    """
    spectrum = power.mean(dim=(2, 3))
    parts = [_dynamics(audio), _spectral(spectrum, sample_rate), _stereo(audio)]
    if audio.shape[1] > 1:
        parts += [_relative_loudness(audio), _masking(bands)]
    return torch.cat(parts, dim=-1).flatten(1)


def _db(power: Tensor) -> Tensor:
    return 10.0 * torch.log10(power.clamp(min=_FLOOR))


def _dynamics(audio: Tensor) -> Tensor:
    """Level, peak, crest; of the levels of 1024 samples their deviation, their range (10 to 95 %) and their rise."""
    level = _db(audio.square().mean(dim=(2, 3)))
    peak = _db(audio.abs().amax(dim=(2, 3)).square())
    length = audio.shape[-1] // _SHORT_FRAME * _SHORT_FRAME
    frames = audio[..., : max(length, 1)].unflatten(-1, (-1, min(_SHORT_FRAME, max(length, 1))))
    # Relative to the whole, so that pauses do not count as more than 60 dB.
    course = (_db(frames.square().mean(dim=(2, 4))) - level[..., None]).clamp(min=-60.0)
    ordered = course.sort(dim=-1).values
    last = ordered.shape[-1] - 1
    spread = ordered[..., round(0.95 * last)] - ordered[..., round(0.1 * last)]
    rise = course.diff(dim=-1).clamp(min=0.0).mean(dim=-1) if last else torch.zeros_like(level)
    deviation = course.std(dim=-1, correction=0)
    scaled = [level / 30.0 + 1.0, peak / 30.0 + 0.5, (peak - level) / 15.0 - 1.0]
    scaled += [deviation / 10.0 - 1.0, spread / 30.0 - 1.0, rise / 3.0 - 1.0]
    return torch.stack(scaled, dim=-1)


def _spectral(spectrum: Tensor, sample_rate: int) -> Tensor:
    """Centroid, width and 85 % roll-off in octaves, flatness, and level below 250 Hz against above 4 kHz."""
    spectrum = spectrum[..., 1:] + _FLOOR
    hz = torch.linspace(0.0, sample_rate / 2, spectrum.shape[-1] + 1, device=spectrum.device)[1:]
    octaves = torch.log2(hz / 1000.0)
    share = spectrum / spectrum.sum(dim=-1, keepdim=True)
    centroid = (share * octaves).sum(dim=-1)
    width = (share * (octaves - centroid[..., None]).square()).sum(dim=-1).sqrt()
    rolloff = octaves[(share.cumsum(dim=-1) < 0.85).sum(dim=-1).clamp(max=len(octaves) - 1)]
    flatness = (torch.log10(spectrum).mean(dim=-1) - torch.log10(spectrum.mean(dim=-1))) * 10.0
    tilt = _db(share[..., hz < 250.0].sum(dim=-1)) - _db(share[..., hz > 4000.0].sum(dim=-1))
    return torch.stack(
        [centroid / 3.0, width / 2.0 - 0.5, rolloff / 3.0 - 0.5, flatness / 20.0 + 1.0, tilt.clamp(-60.0, 60.0) / 30.0],
        dim=-1,
    )


def _stereo(audio: Tensor) -> Tensor:
    """Level of left against right, correlation, and the side's share of the energy."""
    left, right = audio.unbind(dim=2)
    level_l, level_r = left.square().mean(dim=-1), right.square().mean(dim=-1)
    difference = (_db(level_l) - _db(level_r)).clamp(-20.0, 20.0)
    correlation = (left * right).mean(dim=-1) / (level_l * level_r).clamp(min=_FLOOR**2).sqrt()
    both = (level_l + level_r).clamp(min=_FLOOR)
    side = 0.5 * (left - right).square().mean(dim=-1) / both
    return torch.stack([difference / 20.0, correlation.clamp(-1.0, 1.0), 2.0 * side - 0.5], dim=-1)


def _relative_loudness(audio: Tensor) -> Tensor:
    """Level of each stem against the sum of all energies, 0 to -40 dB as 1 to -1."""
    energy = audio.square().mean(dim=(2, 3))
    share = energy / energy.sum(dim=1, keepdim=True).clamp(min=_FLOOR)
    return (_db(share).clamp(min=-40.0) / 20.0 + 1.0)[..., None]


def _masking(bands: Tensor) -> Tensor:
    """Share of each stem's energy that stands in bands and frames where the others together are louder."""
    others = bands.sum(dim=1, keepdim=True) - bands
    masked = (bands * (others > bands)).sum(dim=(2, 3)) / bands.sum(dim=(2, 3)).clamp(min=_FLOOR)
    return (2.0 * masked - 1.0)[..., None]

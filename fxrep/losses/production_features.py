"""How a mix was produced, in five features: level, crest factor, width, imbalance and Bark spectrum.

The features of the audio feature loss of Diff-MST (Vanka et al., ISMIR 2024, equations 3 to 7), as they were published
and in a form without their faults. The published level is linear in amplitude, so that everything quiet is alike; the
width is not bounded and runs away where the channels cancel; the spectrum of a side that is silent is the logarithm of
1e-8, which alone makes "equal loudness" score 33 in the published table.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.errors import AudioError
from fxrep.losses.spectra import bark_power, decibels, mid_side, published_bark_filters

TERMS = ("rms", "crest", "width", "imbalance", "bark")

N_BANDS = 24
CHANNEL_FLOOR_DB = -40.0
"""A channel counts as at least so far under the mean of both: what nobody hears beside the other is alike."""

BAND_FLOOR_DB = -60.0
"""A band counts as at least so far under the whole mix."""

MASKED_DB = -25.0
"""The side of a band counts as at least so far under what sounds in the band, and so does its middle: with a side of
-25 dB the channels differ by 1 dB, which is what is just heard."""

SILENCE = 1e-12
"""Power that stands for silence where the whole mix is silent, -120 dB."""

PUBLISHED_FFT = 32768
PUBLISHED_FLOOR = 1e-8


def corrected_features(audio: Tensor, sample_rate: int) -> dict[str, Tensor]:
    """The five features of each mix, every one bounded for sound of a bounded level.

    With L and R the channels, M = (L + R) / 2, S = (L - R) / 2, P the mean power of L and R:

    - ``rms``: level of each channel in dB, not lower than 40 dB under P, (B, 2);
    - ``crest``: peak over RMS of each channel in dB, with the same floor, (B, 2);
    - ``width``: share of the side in the power, S² / (M² + S²), 0 to 1, (B, 1);
    - ``imbalance``: (R² - L²) / (R² + L²), -1 to 1, (B, 1);
    - ``bark``: power of M and of S in 24 Bark bands in dB, not lower than 60 dB under P, nor than 25 dB under their sum
      in the band, (B, 2, 24).

    A gain of the mix moves ``rms`` and ``bark`` by its decibels and leaves the others alone; floors are added to
    powers, not cut, so that the gradient does not vanish below them.

    Args:
        audio: (B, 2, T), float32 or float64.
        sample_rate: Hz.
    """
    power = audio.square().mean(-1)
    total = power.mean(1, keepdim=True)
    floor = total * 10 ** (CHANNEL_FLOOR_DB / 10) + SILENCE
    rms = decibels(power + floor)
    crest = decibels(audio.abs().amax(-1).square() + floor) - rms
    middle_and_side = mid_side(audio)
    side = middle_and_side[:, 1].square().mean(-1, keepdim=True)
    bands = bark_power(middle_and_side, sample_rate)
    masked = bands.sum(1, keepdim=True) * 10 ** (MASKED_DB / 10)
    band_floor = masked + (total * 10 ** (BAND_FLOOR_DB / 10) + SILENCE)[..., None]
    return {
        "rms": rms,
        "crest": crest,
        "width": side / (total + SILENCE),
        "imbalance": (power[:, 1:] - power[:, :1]) / (2.0 * total + SILENCE),
        "bark": decibels(bands + band_floor),
    }


def published_features(audio: Tensor, sample_rate: int) -> dict[str, Tensor]:
    """The five features with the formulas and constants of the published implementation.

    RMS linear in amplitude and crest factor in dB per channel (B, 2); width (L - R)² / (L + R)² and imbalance
    (R² - L²) / (R² + L²), (B, 1); natural logarithm of the mean magnitude in 24 Bark bands of L + R and L - R, from
    rectangular frames of 32,768 samples, plus 1e-8, (B, 2, 24).

    Args:
        audio: (B, 2, T), float32 or float64, of more than 16,384 samples, without which the frames cannot be filled.
        sample_rate: Hz.

    Raises:
        AudioError: it is shorter.
    """
    if audio.shape[-1] <= PUBLISHED_FFT // 2:
        raise AudioError(
            f"audio of {audio.shape[-1]} samples: the published features need more than {PUBLISHED_FFT // 2}; "
            'form="corrected" takes any length'
        )
    power = audio.square().mean(-1)
    rms = power.clamp(min=PUBLISHED_FLOOR).sqrt()
    crest = 20.0 * torch.log10((audio.abs().amax(-1) / rms).clamp(min=PUBLISHED_FLOOR))
    left, right = audio.unbind(1)
    both = torch.stack([left + right, left - right], dim=1)
    total, difference = both.square().mean(-1).split(1, dim=1)
    spectrum = torch.stft(
        both.flatten(0, 1),
        PUBLISHED_FFT,
        PUBLISHED_FFT // 4,
        window=torch.ones(PUBLISHED_FFT, dtype=audio.dtype, device=audio.device),
        return_complex=True,
    )
    magnitude = spectrum.abs().mean(-1).unflatten(0, audio.shape[:2])
    bands = magnitude @ published_bark_filters(N_BANDS, PUBLISHED_FFT, sample_rate).to(audio)
    return {
        "rms": rms,
        "crest": crest,
        "width": difference / total.clamp(min=PUBLISHED_FLOOR),
        "imbalance": (power[:, 1:] - power[:, :1]) / power.sum(1, keepdim=True).clamp(min=PUBLISHED_FLOOR),
        "bark": torch.log(bands + PUBLISHED_FLOOR),
    }

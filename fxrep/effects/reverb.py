"""Reverberation from shaped noise."""

from __future__ import annotations

import functools
import math

import torch

from fxrep.effects.noise_bank import BAND_CENTRES, OCTAVES, noise_bank, octave_pieces
from fxrep.effects.noise_shaping import STRIDE, shape_noise
from fxrep.effects.parameters import Parameter
from fxrep.effects.response_ending import finish_response
from fxrep.effects.reverberation import Reverb, reverberate
from fxrep.effects.seeds import check_seed
from fxrep.effects.settings import Setting, check_input, read_settings

# Settings of single octaves are off unless given, so that the simple settings mean the same with and without them.
OCTAVE_GAINS = {centre: f"octave_{math.ceil(centre)}_gain_db" for centre in OCTAVES}
OCTAVE_DECAYS = {centre: f"octave_{math.ceil(centre)}_decay" for centre in OCTAVES}
NOISE_REVERB_TABLE = (
    Parameter("decay_s", "s", 0.1, 5.0, "log", 1.0),
    Parameter("damping", "", 0.0, 1.0, "linear", 0.5),
    Parameter("pre_delay_ms", "ms", 0.0, 100.0, "linear", 10.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 0.0),
    *(Parameter(name, "dB", -24.0, 12.0, "db", None) for name in OCTAVE_GAINS.values()),
    *(Parameter(name, "", 0.25, 2.0, "log", None) for name in OCTAVE_DECAYS.values()),
)
NOISE_SEED = 20230
# Damping begins above the lowest band; at the highest, five octaves up, full damping leaves a tenth of the decay time.
MOST_DAMPED = 0.9
# Bands overlap, and of two decays in an octave the slower is heard last: an octave would read up to a tenth longer than
# sound whose every frequency decays as `decay_curve` has it. By these times the squared logarithm of the ratio of the
# decays of two neighbours, the bands decay faster; fitted to the decays that octave filters read.
FASTER = (0.1, 1.1, 0.3, 0.6, 0.5, 0.5)
ONSET_S = 0.002
FADE_SHARE = 0.2
# Decay of 60 dB, and one decibel, in nepers.
SIXTY_DB = 3.0 * math.log(10.0)
NEPERS_PER_DB = math.log(10.0) / 20.0


def noise_shaped_reverb(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    decay_s: Setting = 1.0,
    damping: Setting = 0.5,
    pre_delay_ms: Setting = 10.0,
    mix: Setting = 0.0,
    seed: int = NOISE_SEED,
    **octaves: Setting | None,
) -> torch.Tensor:
    """Add the reverberation of a diffuse room: exponentially decaying noise in octave bands, convolved.

    The noise is the same for the same sample rate and seed, and different in the two channels. The impulse response
    begins after the pre-delay with a rise of 2 ms and ends at -60 dB with a smooth fade, and is scaled to
    unit energy (mean over the channels): white noise comes out as loud as it went in.

    The level of the noise is steady in every octave, see `steady_noise`. So the decay times are those asked for also as
    measured: T30 of ISO 3382 (a line through the backward integral from -5 to -35 dB), both channels together, octave
    filters from 63 Hz to 16 kHz run backwards, as in F. Jacobsen and J. H. Rindel, JASA 82 (1987), lie within 5 % for
    any pre-delay and any damping up to 0.9 (at 1 within 10 %). The limit is the width of the octave times its decay
    time, which must be 10 or more. That leaves out decays below 0.23 s at 63 Hz and below 0.11 s at 125 Hz: the 30 dB
    that are read hold no more than five independent values of a channel. At 0.1 s these two come out within 15 % and
    10 %. Below a product of 4 the filter itself decays more slowly than the sound.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        decay_s: time to fall by 60 dB (RT60) up to 500 Hz, 0.1 to 5 s.
        damping: 0 to 1: above 500 Hz the decay time falls geometrically, to (1 - 0.9 damping) decay_s at 16 kHz.
        pre_delay_ms: before the reverberation begins, 0 to 100 ms.
        mix: 0 (the input, bit for bit) to 1 (only reverberation); a linear cross-fade.
        seed: of the noise.
        octaves: for single octave bands at 63, 125, 250, 500, 1000, 2000, 4000, 8000 and 16000 Hz, after
            ``octave_`` and the centre: ``…_gain_db`` (-24 to 12 dB, the level at the start) and ``…_decay`` (0.25 to 2,
            times the decay time that the band has without it); None or absent for 0 dB and 1. The octaves are cut apart
            within a quarter octave around their edges: what is set for one leaves the inner two thirds of the others
            as they are (level within 0.1 dB, decay within 1 %).

    Returns:
        (B, C, T); the tail beyond the input's length is cut.

    Raises:
        ArgumentError: a setting is unknown or out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    values = {"decay_s": decay_s, "damping": damping, "pre_delay_ms": pre_delay_ms, "mix": mix, **octaves}
    columns = read_settings(audio, NOISE_REVERB_TABLE, values)
    return reverberate(audio, columns, functools.partial(noise_response, sample_rate, seed=seed))


def noise_response(
    sample_rate: int,
    dtype: torch.dtype = torch.float32,
    *,
    decay_s: torch.Tensor,
    damping: torch.Tensor,
    pre_delay_ms: torch.Tensor,
    seed: int = NOISE_SEED,
    **octaves: torch.Tensor,
) -> torch.Tensor:
    """Return the impulse responses of the reverb.

    Args:
        sample_rate: Hz.
        dtype: of the result.
        decay_s: (B,) float64, as all columns.
        damping: (B,).
        pre_delay_ms: (B,).
        seed: of the noise.
        octaves: (B,) each, see `noise_shaped_reverb`.

    Returns:
        (B, 2, K) with unit energy, K the longest of the batch; shorter ones end in zeros.
    """
    check_seed(seed)
    gains, factors = _octave_columns(octaves, decay_s)
    longest_s = decay_s if factors is None else decay_s * factors.amax(-1).clamp_min(1.0)
    pre_delay_s = pre_delay_ms / 1000.0
    end_s = pre_delay_s + longest_s
    strides = math.ceil(float(end_s.detach().max()) * sample_rate / STRIDE)
    noise = _bank(sample_rate, seed, factors is not None, strides).to(decay_s.device, dtype)
    decays = band_decay(decay_s, damping)
    if factors is not None:
        bands, numbers = (list(column) for column in zip(*octave_pieces(), strict=True))
        decays, gains = decays[:, bands] * factors[:, numbers], gains[:, numbers]
    rate = SIXTY_DB / (decays * sample_rate)
    coarse = torch.arange(strides, device=rate.device) * STRIDE - pre_delay_s[:, None, None] * sample_rate
    exponent = -rate.unsqueeze(-1) * coarse + NEPERS_PER_DB * gains.unsqueeze(-1)
    fast = torch.exp(-rate.unsqueeze(-1) * torch.arange(STRIDE, device=rate.device))
    response = shape_noise(noise, torch.exp(exponent).to(dtype), fast.to(dtype))
    start, end, fade = (time_s * sample_rate for time_s in (pre_delay_s, end_s, FADE_SHARE * longest_s))
    return finish_response(response, start, ONSET_S * sample_rate, end, fade)


def _octave_columns(
    octaves: dict[str, torch.Tensor], decay_s: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return gains in dB and factors of the decay times (B, octaves); 0 and None without any."""
    if not octaves:
        return torch.zeros_like(decay_s).unsqueeze(-1), None
    gains = [octaves.get(OCTAVE_GAINS[centre], torch.zeros_like(decay_s)) for centre in OCTAVES]
    factors = [octaves.get(OCTAVE_DECAYS[centre], torch.ones_like(decay_s)) for centre in OCTAVES]
    return torch.stack(gains, -1), torch.stack(factors, -1)


def band_decay(decay_s: torch.Tensor, damping: torch.Tensor) -> torch.Tensor:
    """Return the decay time (B, bands) in seconds of every band of the noise, damping counted from 500 Hz up."""
    centres, faster = (torch.tensor(row, dtype=decay_s.dtype, device=decay_s.device) for row in (BAND_CENTRES, FASTER))
    ratio = torch.log1p(-MOST_DAMPED * damping).unsqueeze(-1) / (len(BAND_CENTRES) - 1)
    return decay_curve(decay_s, damping, centres) / (1.0 + faster * ratio.square())


def decay_curve(decay_s: torch.Tensor, damping: torch.Tensor, frequency_hz: torch.Tensor) -> torch.Tensor:
    """Return the decay time in seconds (B, F) at frequencies (F,) in Hz: what `damping` means in every reverb.

    Up to 500 Hz it is `decay_s`; from there to 16 kHz it falls geometrically with the octaves, to
    (1 - 0.9 damping) decay_s.
    """
    lowest, highest = BAND_CENTRES[0], BAND_CENTRES[-1]
    share = torch.log2(frequency_hz.clamp(lowest, highest) / lowest) / math.log2(highest / lowest)
    remaining = 1.0 - MOST_DAMPED * damping.unsqueeze(-1)
    return decay_s.unsqueeze(-1) * torch.pow(remaining, share)


def _bank(sample_rate: int, seed: int, octaves: bool, strides: int) -> torch.Tensor:
    """Return the noise (bands, 2, strides, STRIDE)."""
    ranges = {parameter.name: parameter.maximum for parameter in NOISE_REVERB_TABLE}
    longest = (ranges["decay_s"] + ranges["pre_delay_ms"] / 1000.0) * sample_rate
    usual = (math.ceil(longest / STRIDE) + 1) * STRIDE
    # Octaves that are set to decay longer than all together can go on with noise of their own.
    noise = [noise_bank(sample_rate, usual, seed + more, octaves) for more in range(-(-strides * STRIDE // usual))]
    joined = noise[0] if len(noise) == 1 else torch.cat(noise, -1)
    cut: torch.Tensor = joined[..., : strides * STRIDE].unflatten(-1, (strides, STRIDE))
    return cut


class NoiseShapedReverb(Reverb):
    """A diffuse room."""

    name = "noise_shaped_reverb"
    function = staticmethod(noise_shaped_reverb)
    response = staticmethod(noise_response)
    parameter_table = NOISE_REVERB_TABLE
    seeded = True

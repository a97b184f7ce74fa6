"""Reverbs made of delays, all-passes and feedback, computed as a transfer function.

A network without losses has its poles on the unit circle: it would ring for ever. Here every delay of d samples also
attenuates, at every frequency f, by 60 dB times d / (sample_rate T(f)), after J.-M. Jot and A. Chaigne, "Digital Delay
Networks for Designing Artificial Reverberators", AES 90 (1991), whatever is built from the delays: feedback loops,
all-passes, taps. All poles at f then move to the radius that decays by 60 dB in T(f) seconds: the decay time is what
was asked at every frequency, whatever the topology. T(f) is the curve of `decay_s` and `damping` of the noise-shaped
reverb.

The transfer function is evaluated on the circle of a transform, not by recursion. Delays can then be any real number
of samples, exactly, so that a room's size is a continuous setting, and the gradient is that of plain tensor
operations. The losses have no phase. The response is tapered smoothly to nothing towards Nyquist, which bounds the
ringing of fractional delays before their echo. It ends 90 dB down; the circle goes on behind it until what comes round
is below -100 dB, measured against a circle several times as long.

All modes decay with the time asked for, but the sum of a few echoes is no exponential while it builds up. Read as T30
of ISO 3382 with octave filters from 63 Hz to 16 kHz run backwards, default size, no damping, decays of 2 s come out
within 3 % in every octave, of 1.5 s within 3 % (combs at 63 Hz 5.2 %), of 1 s within 2 % (network, spring) and 6 %
(combs and plate below 250 Hz, 2 % above), of 0.6 s within 6 % (network), 4 % (plate), 3 % (spring) and 9 % (combs).
Decays of 0.3 s and less are few rounds of the
loops, whose echoes the reading counts one by one: 9 % (network), 4 % (spring), 21 % (combs) and 20 % (plate) at 0.3 s,
at 0.1 s up to 41 % and (network, 63 Hz) 52 %. With damping an octave holds different decays, of which the
slowest are heard last.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.fft import next_fast_len
from torch.utils.checkpoint import checkpoint

from fxrep.effects.response_ending import finish_response
from fxrep.effects.reverb import SIXTY_DB, decay_curve

# The response ends 90 dB down, faded over the last part.
DECAYS = 1.5
FADE_SHARE = 0.2
# Echoes are rounded off over this many samples on either side by the taper, which must not wrap around.
MARGIN = 512
# What has not died away behind the end comes round on the circle and is heard at the beginning. So much longer than the
# response is the circle, by a factor and by what the echoes take to begin, and no shorter than this: the losses have no
# phase, so that those of short decays ring for long on either side.
LONGER, LATER_S = 1.14, 0.1
SHORTEST_S = 0.8
TAPER_FROM = 0.85
ONSET = 1.0
# Delays are outer products of a coarse and a fine turn of phase, in float64: two short tables for each.
STRIDE = 256


@dataclass(frozen=True)
class Circle:
    """The frequencies of a transform, with the losses of the items of a batch.

    Attributes:
        points: length of the transform, even.
        loss: (B, F) nepers per sample of delay, for all F = points / 2 + 1 frequencies or the lowest of them.
        sample_rate: Hz.
    """

    points: int
    loss: torch.Tensor
    sample_rate: int

    def delay(self, samples: torch.Tensor) -> torch.Tensor:
        """Return the transfer functions (B, L, F) of delays (B, L) in samples, with their losses."""
        kept = torch.exp(-samples.to(self.loss.dtype).unsqueeze(-1) * self.loss.unsqueeze(1))
        delayed: torch.Tensor = self.turn(samples) * kept
        return delayed

    def turn(self, samples: torch.Tensor) -> torch.Tensor:
        """Return the transfer functions (B, L, F) of delays (B, L) in samples, without losses."""
        bins = self.loss.shape[-1]
        strides = -(-bins // STRIDE)
        step = -2.0 * math.pi / self.points
        numbers = torch.arange(max(strides, STRIDE), device=samples.device, dtype=samples.dtype)
        angle = samples.unsqueeze(-1) * step
        slow, fast = (
            torch.polar(torch.ones_like(turns), turns).to(self.loss.dtype.to_complex())
            for turns in (angle * STRIDE * numbers[:strides], angle * numbers[:STRIDE])
        )
        turning: torch.Tensor = (slow.unsqueeze(-1) * fast.unsqueeze(-2)).flatten(-2)[..., :bins]
        return turning

    def below(self, frequency_hz: float) -> Circle:
        """Return the frequencies of this circle up to one in Hz."""
        bins = int(frequency_hz * self.points / self.sample_rate) + 1
        return Circle(self.points, self.loss[..., :bins], self.sample_rate)

    def frequencies(self) -> torch.Tensor:
        """Return the frequencies (F,) in Hz, float64."""
        return _frequencies(self.points, self.sample_rate, self.loss.device)[: self.loss.shape[-1]]


def _frequencies(points: int, sample_rate: int, device: torch.device) -> torch.Tensor:
    frequency_hz: torch.Tensor = torch.fft.rfftfreq(points, 1.0 / sample_rate, dtype=torch.float64, device=device)
    return frequency_hz


def all_pass(delayed: torch.Tensor, gain: torch.Tensor | float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a Schroeder all-pass section and what flows into its delay.

        v = x - g D v,   y = g v + D v

    Args:
        delayed: D, complex.
        gain: g, -1 to 1, broadcast.

    Returns:
        y / x and v / x.
    """
    inner = 1.0 / (1.0 + gain * delayed)
    return (gain + delayed) * inner, inner


Transfer = Callable[..., torch.Tensor]


def network_response(
    transfer: Transfer,
    sample_rate: int,
    dtype: torch.dtype,
    *,
    decay_s: torch.Tensor,
    damping: torch.Tensor,
    pre_delay_ms: torch.Tensor,
    **settings: torch.Tensor,
) -> torch.Tensor:
    """Return the finished impulse responses of a network.

    Args:
        transfer: ``transfer(circle, **settings)`` -> (B, 2, F), the transfer functions to left and right.
        sample_rate: Hz.
        dtype: of the result.
        decay_s: (B,) float64, as all columns.
        damping: (B,).
        pre_delay_ms: (B,).
        settings: (B,) each, for `transfer`.

    Returns:
        (B, 2, K) with unit energy, K the longest of the batch; shorter ones end in zeros.
    """
    columns = {"decay_s": decay_s, "damping": damping, "pre_delay_ms": pre_delay_ms, **settings}
    items = decay_s.shape[0]
    size = 1 if decay_s.device.type == "cpu" else items
    one = functools.partial(_respond, transfer, sample_rate, dtype)
    responses = []
    for start in range(0, items, size):
        piece = {name: column[start : start + size] for name, column in columns.items()}
        if torch.is_grad_enabled() and any(column.requires_grad for column in piece.values()):
            # What the network needs for its gradient is many times its response: it is computed again instead.
            again = functools.partial(one, **piece)
            responses.append(checkpoint(again, use_reentrant=False, preserve_rng_state=False))
        else:
            responses.append(one(**piece))
    taps = max(response.shape[-1] for response in responses)
    padded = [torch.nn.functional.pad(response, (0, taps - response.shape[-1])) for response in responses]
    return padded[0] if len(padded) == 1 else torch.cat(padded)


def _respond(
    transfer: Transfer,
    sample_rate: int,
    dtype: torch.dtype,
    decay_s: torch.Tensor,
    damping: torch.Tensor,
    pre_delay_ms: torch.Tensor,
    **settings: torch.Tensor,
) -> torch.Tensor:
    start = pre_delay_ms * (sample_rate / 1000.0)
    lasting = DECAYS * sample_rate * decay_s
    taps = math.ceil(float((start + lasting).detach().max())) + 1
    points = circle_points(taps, sample_rate)
    frequency_hz = _frequencies(points, sample_rate, decay_s.device)
    loss = SIXTY_DB / (decay_curve(decay_s, damping, frequency_hz) * sample_rate)
    circle = Circle(points, loss.to(dtype), sample_rate)
    ahead = circle.turn(start.unsqueeze(-1)) * _taper(points, dtype, loss.device)
    spectrum = transfer(circle, **settings) * ahead
    response = torch.fft.irfft(spectrum, n=points)[..., :taps]
    before = torch.full_like(start, -ONSET)
    return finish_response(response, before, ONSET, start + lasting, FADE_SHARE * lasting)


def circle_points(taps: int, sample_rate: int) -> int:
    """Return the length of the transform, even, on which what comes round lies 100 dB below the response."""
    longer = math.ceil(taps * LONGER + LATER_S * sample_rate)
    needed = max(longer, math.ceil(SHORTEST_S * sample_rate)) + MARGIN
    points: int = next_fast_len(needed, real=True)
    while points % 2:
        points = next_fast_len(points + 1, real=True)
    return points


def _taper(points: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    place = torch.linspace(0.0, 1.0, points // 2 + 1, dtype=torch.float64, device=device)
    into = ((place - TAPER_FROM) / (1.0 - TAPER_FROM)).clamp_min(0.0)
    return torch.cos(0.5 * math.pi * into).square().to(dtype)

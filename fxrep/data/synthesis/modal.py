"""Sums of decaying sines: struck membranes, bars, plates and stiff strings."""

from __future__ import annotations

import numpy as np

from fxrep.data.synthesis.compilation import Signal, compiled

INAUDIBLE = 3e-4
"""Modes below this share of the loudest one are left out."""

AUDIBLE_DECAYS = 1.3
"""A mode is computed until it fell by 60 dB times this."""


def add_modes(
    out: Signal,
    start: int,
    hz: Signal,
    decay_s: Signal,
    amplitude: Signal,
    phase: Signal,
    sample_rate: int,
    count: int | None = None,
) -> None:
    """Add decaying sines to `out` (T,) from sample `start` on; those that Nyquist forbids or nobody hears are left out.

    Args:
        out: the signal that is added to.
        start: first sample.
        hz: (M,) frequencies.
        decay_s: (M,) seconds in which each mode falls by 60 dB.
        amplitude: (M,) linear amplitudes.
        phase: (M,) radians at the start.
        sample_rate: Hz.
        count: at most so many samples; to the end of `out` when left out.
    """
    loudest = float(np.abs(amplitude).max(initial=0.0))
    heard = (hz < 0.47 * sample_rate) & (np.abs(amplitude) > INAUDIBLE * loudest)
    order = np.argsort(-decay_s[heard], kind="stable")
    pad = -len(order) % 4
    hz, decay_s, amplitude, phase = (
        np.pad(values[heard][order], (0, pad), constant_values=filler)
        for values, filler in ((hz, 100.0), (decay_s, 1e-3), (amplitude, 0.0), (phase, 0.0))
    )
    room = len(out) - start if count is None else min(count, len(out) - start)
    if room > 0:
        _ring(out, start, room, 2 * np.pi * hz / sample_rate, np.maximum(decay_s, 1e-3), amplitude, phase, sample_rate)


@compiled
def _ring(
    out: Signal,
    start: int,
    room: int,
    omega: Signal,
    decay_s: Signal,
    amplitude: Signal,
    phase: Signal,
    sample_rate: float,
) -> None:
    # Four recursions side by side: one alone waits for its own last result at every sample.
    first = np.empty(4)
    second = np.empty(4)
    turn = np.empty(4)
    loss = np.empty(4)
    for group in range(omega.shape[0] // 4):
        longest = 0.0
        for lane in range(4):
            mode = group * 4 + lane
            radius = np.exp(-6.907755 / (decay_s[mode] * sample_rate))
            first[lane] = amplitude[mode] * np.sin(phase[mode] - omega[mode]) / radius
            second[lane] = amplitude[mode] * np.sin(phase[mode] - 2 * omega[mode]) / (radius * radius)
            turn[lane] = 2 * radius * np.cos(omega[mode])
            loss[lane] = -radius * radius
            longest = max(longest, decay_s[mode])
        a1, b1, c1, d1 = first[0], first[1], first[2], first[3]
        a2, b2, c2, d2 = second[0], second[1], second[2], second[3]
        at, bt, ct, dt = turn[0], turn[1], turn[2], turn[3]
        al, bl, cl, dl = loss[0], loss[1], loss[2], loss[3]
        for index in range(start, start + min(room, int(AUDIBLE_DECAYS * longest * sample_rate))):
            a0 = at * a1 + al * a2
            b0 = bt * b1 + bl * b2
            c0 = ct * c1 + cl * c2
            d0 = dt * d1 + dl * d2
            out[index] += (a0 + b0) + (c0 + d0)
            a2, b2, c2, d2 = a1, b1, c1, d1
            a1, b1, c1, d1 = a0, b0, c0, d0

"""Band-limited oscillators: wave tables with as many harmonics as fit under Nyquist, and two-operator FM."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fxrep.data.synthesis.compilation import CONTROL_STEP, Signal, compiled

TABLE_SIZE = 4096
FRACTION_BITS = 36
TURN = TABLE_SIZE << FRACTION_BITS
"""One period of a table oscillator in the units of its phase."""

HIGHEST_HARMONIC = 512
NYQUIST_MARGIN = 0.46
"""Harmonics stop at this fraction of the sample rate, which leaves room for vibrato and detuning."""


class WaveTables:
    """One waveform, given by its harmonics, as a family of tables with fewer harmonics the higher the note.

    Args:
        amplitude: (K,) linear amplitude of harmonics 1 to K.
        phase: (K,) phase in radians, zero (sines) when left out.
    """

    def __init__(self, amplitude: Signal, phase: Signal | None = None) -> None:
        self._spectrum = amplitude[:HIGHEST_HARMONIC] * np.exp(
            1j * ((phase[:HIGHEST_HARMONIC] if phase is not None else 0.0) - np.pi / 2)
        )
        full = self._build(len(self._spectrum))
        self._scale = 1.0 / max(float(np.abs(full).max()), 1e-9)
        self._tables: dict[int, npt.NDArray[np.float32]] = {}

    def under(self, highest_hz: float, sample_rate: int) -> npt.NDArray[np.float32]:
        """The table whose harmonics stay below Nyquist for notes of up to `highest_hz`."""
        count = max(1, min(len(self._spectrum), int(NYQUIST_MARGIN * sample_rate / highest_hz)))
        if count > 16:  # A third of an octave of harmonics shares a table: fewer tables, none of which aliases.
            count = int(2 ** (np.floor(np.log2(count) * 3) / 3))
        if count not in self._tables:
            table = self._build(count) * self._scale
            self._tables[count] = np.append(table, table[0]).astype(np.float32)
        return self._tables[count]

    def _build(self, count: int) -> Signal:
        bins = np.zeros(TABLE_SIZE // 2 + 1, dtype=np.complex128)
        bins[1 : count + 1] = self._spectrum[:count]
        wave: Signal = np.fft.irfft(bins, TABLE_SIZE) * TABLE_SIZE / 2
        return wave


def harmonic_series(count: int = HIGHEST_HARMONIC) -> Signal:
    """Harmonic numbers 1 to `count`, to write a spectrum with."""
    return np.arange(1, count + 1, dtype=np.float64)


def sawtooth() -> WaveTables:
    """All harmonics at 1/k."""
    return WaveTables(1.0 / harmonic_series())


def pulse(width: float) -> WaveTables:
    """A rectangle that is high for the fraction `width` (0 to 1) of the period."""
    numbers = harmonic_series()
    return WaveTables(np.sin(np.pi * numbers * width) / numbers, np.full(len(numbers), np.pi / 2))


@compiled
def add_oscillator(
    out: Signal,
    start: int,
    count: int,
    table: npt.NDArray[np.float32],
    phase: float,
    hz: Signal,
    gain: Signal,
    sample_rate: float,
) -> float:
    """Add `count` samples of a table oscillator to `out` from `start` on; `phase` in turns, the last one returned.

    `hz` and `gain` are control curves with at least ``count // CONTROL_STEP + 2`` points.
    """
    # The phase is a whole number that wraps by masking: exact, and quicker than comparing at every sample.
    position = np.int64((phase % 1.0) * TURN) & (TURN - 1)
    unit = 1.0 / (1 << FRACTION_BITS)
    scale = TURN / sample_rate
    for block in range((count + CONTROL_STEP - 1) // CONTROL_STEP):
        first = block * CONTROL_STEP
        last = min(count, first + CONTROL_STEP)
        step = np.int64(hz[block] * scale)
        step_change = np.int64((hz[block + 1] - hz[block]) * scale / CONTROL_STEP)
        level = gain[block]
        level_change = (gain[block + 1] - gain[block]) / CONTROL_STEP
        for index in range(first, last):
            whole = position >> FRACTION_BITS
            low = table[whole]
            between = (position & ((1 << FRACTION_BITS) - 1)) * unit
            out[start + index] += level * (low + between * (table[whole + 1] - low))
            position = (position + step) & (TURN - 1)
            step += step_change
            level += level_change
    last_phase: float = position / TURN
    return last_phase


SINE = np.append(np.sin(2 * np.pi * np.arange(TABLE_SIZE) / TABLE_SIZE), 0.0).astype(np.float32)
"""One period of a sine as a table for `add_oscillator` and `add_fm`."""


@compiled
def add_fm(
    out: Signal,
    start: int,
    count: int,
    sine: npt.NDArray[np.float32],
    hz: Signal,
    ratio: float,
    index: Signal,
    gain: Signal,
    sample_rate: float,
) -> None:
    """Add a sine whose phase is modulated by another at `ratio` times its frequency (Chowning, 1973).

    `hz`, `index` (radians) and `gain` are control curves. The caller keeps ``hz * (1 + ratio * (index + 2))``
    below Nyquist.
    """
    carrier = np.int64(0)
    modulator = np.int64(0)
    fraction = (1 << FRACTION_BITS) - 1
    unit = 1.0 / (1 << FRACTION_BITS)
    radian = TURN / (2.0 * np.pi)
    for block in range((count + CONTROL_STEP - 1) // CONTROL_STEP):
        first = block * CONTROL_STEP
        last = min(count, first + CONTROL_STEP)
        depth = index[block] * radian
        depth_change = (index[block + 1] - index[block]) * radian / CONTROL_STEP
        level = gain[block]
        level_change = (gain[block + 1] - gain[block]) / CONTROL_STEP
        step = np.int64(hz[block] * TURN / sample_rate)
        modulator_step = np.int64(hz[block] * ratio * TURN / sample_rate)
        for sample in range(first, last):
            whole = modulator >> FRACTION_BITS
            swing = sine[whole] + (modulator & fraction) * unit * (sine[whole + 1] - sine[whole])
            position = (carrier + np.int64(depth * swing)) & (TURN - 1)
            whole = position >> FRACTION_BITS
            out[start + sample] += level * (
                sine[whole] + (position & fraction) * unit * (sine[whole + 1] - sine[whole])
            )
            carrier = (carrier + step) & (TURN - 1)
            modulator = (modulator + modulator_step) & (TURN - 1)
            depth += depth_change
            level += level_change

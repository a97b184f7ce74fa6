"""What the equalisers of a strip do to the spectrum, read off the filters themselves."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fxrep.effects.console.strip import Strip, StripValues
from fxrep.mixing.setting_groups import processor_group

Array = NDArray[np.floating]
POINTS = 240
LOWEST_HZ, HIGHEST_HZ = 20.0, 20000.0
# Seconds of the impulse response: the narrowest of the lowest filters has died away by then.
_RESPONSE_S = 1.5


def equalizer_curve(strip: Strip, values: StripValues, sample_rate: int) -> tuple[Array, Array] | None:
    """Measure the response of all equalisers and filters of a strip together, by sending an impulse through them.

    Args:
        strip: of a console.
        values: numbers by label and setting.
        sample_rate: Hz.

    Returns:
        frequencies in Hz, evenly spread over the octaves from 20 Hz to 20 kHz or as far as the rate goes, and levels in
        dB, (POINTS,) each. None where no equaliser is in use.
    """
    labels = [label for label, processor in strip.processors.items() if processor_group(processor) == "eq"]
    streams = strip.streams(sample_rate, {label: values.get(label, {}) for label in labels})
    used = [streams[label] for label in labels if label in streams]
    if not used:
        return None
    samples = 1 << (round(_RESPONSE_S * sample_rate) - 1).bit_length()
    response = torch.zeros(1, 1, samples)
    response[..., 0] = 1.0
    for stream in used:
        rest = [stream.push(response), stream.finish()]
        response = torch.cat([part for part in rest if part is not None], -1)[:, :1, :samples]
    levels = 20.0 * np.log10(np.maximum(np.abs(np.fft.rfft(response[0, 0].double().numpy())), 1e-6))
    grid_hz = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, 0.49 * sample_rate), POINTS)
    return grid_hz, np.interp(grid_hz, np.fft.rfftfreq(samples, 1.0 / sample_rate), levels)

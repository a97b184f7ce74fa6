"""The reverb step: add reverberation to tracks that are drier than the dataset's average.

Source: Martinez-Ramirez et al., ISMIR 2022: dry and wet material meet by *adding* reverberation, since nothing takes it
away; vocals and other get it, drums and bass do not; it is sent through shelves that keep it between about 600 Hz and
8 kHz, in parallel with the dry track.

What differs from the published code. There every track gets the same send at full level from impulse responses that
are not published; here the impulse response is that of `fxrep.effects.noise_shaped_reverb`, and the send is as strong
as brings the reverberance (`fxrep.normalization.reverberance`) to the average, so that a second pass adds nothing.
Tracks at or above the average are left alone. The power of dry plus wet in every band and frame follows from one pass
of both, so the search needs no further audio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from fxrep.effects import noise_shaped_reverb
from fxrep.normalization.filtering import convolution, fir_from_gains, half_length
from fxrep.normalization.reverberance import band_products, frame_s, octaves_of_decay, octaves_of_each
from fxrep.normalization.sources import Change, ChangedSource, Source
from fxrep.normalization.step import Feature, NormalizationStep

SEND_TAPS = 1001
SEND_FLOOR_DB = -30.0
SEND_CORNERS_HZ = (500.0, 700.0, 7000.0, 10000.0)
"""Nothing is sent below the first and above the last, everything between the middle two, as published."""

WEAKEST_SEND_DB = -48.0
SEND_STEP_DB = 3.0
TOLERANCE_OCTAVES = 0.01


@dataclass(frozen=True)
class ReverbStep(NormalizationStep):
    """Add reverberation until the decay time is the average's, or the send is as strong as it may be.

    Args:
        decay_s: of the reverberation (RT60).
        damping: of high frequencies, 0 to 1.
        pre_delay_ms: before it begins.
        strongest_send_db: level of the reverberation of white noise over that noise, at most.
        left_dry: instruments that get none.
    """

    name: ClassVar[str] = "reverb"
    unit: ClassVar[str] = "octaves of decay time"
    scale: ClassVar[float] = 0.05

    decay_s: float = 1.0
    damping: float = 0.5
    pre_delay_ms: float = 20.0
    strongest_send_db: float = 0.0
    left_dry: tuple[str, ...] = ("bass", "drums")

    def __post_init__(self) -> None:
        # JSON gives lists.
        object.__setattr__(self, "left_dry", tuple(self.left_dry))

    def measure_source(self, source: Source, instruments: Sequence[str]) -> Feature:
        """log2 of the decay time in seconds, one value; NaN for silence."""
        return octaves_of_each(source)[:, None]

    def plan(self, source: Source, targets: Feature, instruments: Sequence[str]) -> Change | None:
        """Add the reverberation of the track, by as little as is needed."""
        if all(
            np.isnan(target) or name in self.left_dry for target, name in zip(targets[:, 0], instruments, strict=True)
        ):
            return None
        response, after = self._response(source.sample_rate)
        both = ChangedSource(source, _beside(np.repeat(response[None], source.items, axis=0), after))
        seconds = frame_s(source.sample_rate)
        rows = zip(band_products(both), targets[:, 0], instruments, strict=True)
        gains = np.array(
            [
                0.0 if name in self.left_dry else self._send(products, float(target), seconds)
                for products, target, name in rows
            ]
        )
        if not gains.any():
            return None
        kernels = gains[:, None, None] * response
        kernels[..., after] += 1.0
        return convolution(kernels, after)

    def distance(self, first: Feature, second: Feature) -> float:
        """Absolute difference in octaves."""
        return float(abs(first[0] - second[0]))

    def _response(self, sample_rate: int) -> tuple[NDArray[np.float64], int]:
        return _send_response(self.decay_s, self.damping, self.pre_delay_ms, sample_rate)

    def _send(self, products: NDArray[np.float32], target: float, seconds: float) -> float:
        """The linear gain of the reverberation; 0 when the track has enough of its own."""
        dry, cross, wet = products

        def lacks(send_db: float) -> bool:
            gain = np.float32(10 ** (send_db / 20))
            powers = np.maximum(dry + 2 * gain * cross + gain**2 * wet, 0.0)
            return octaves_of_decay(powers, seconds) < target

        own = octaves_of_decay(dry, seconds)
        if not own < target - TOLERANCE_OCTAVES:
            return 0.0
        strong = WEAKEST_SEND_DB
        while lacks(strong):
            if strong >= self.strongest_send_db:
                return float(10 ** (self.strongest_send_db / 20))
            strong = min(strong + SEND_STEP_DB, self.strongest_send_db)
        weak = strong - SEND_STEP_DB
        for _ in range(10):
            middle = (weak + strong) / 2
            weak, strong = (middle, strong) if lacks(middle) else (weak, middle)
        return float(10 ** (strong / 20))


@lru_cache(maxsize=8)
def _send_response(
    decay_s: float, damping: float, pre_delay_ms: float, sample_rate: int
) -> tuple[NDArray[np.float64], int]:
    """(2, K) impulse response of the send, and which tap is the one without delay."""
    tail = round((decay_s + pre_delay_ms / 1000) * sample_rate) + 1
    impulse = torch.zeros(1, 2, tail)
    impulse[..., 0] = 1.0
    room = noise_shaped_reverb(
        impulse, sample_rate, decay_s=decay_s, damping=damping, pre_delay_ms=pre_delay_ms, mix=1.0
    )
    gains = 10 ** (np.array([SEND_FLOOR_DB, 0.0, 0.0, SEND_FLOOR_DB]) / 20)
    send = fir_from_gains(np.array(SEND_CORNERS_HZ), gains, sample_rate, SEND_TAPS)
    response = fftconvolve(room[0].double().numpy(), send[None], axes=-1)
    return response, half_length(SEND_TAPS, sample_rate)


def _beside(kernels: NDArray[np.float64], after: int) -> Change:
    """The audio and, as two more channels, its convolution."""
    convolve = convolution(kernels, after)

    def change(blocks: Iterator[torch.Tensor]) -> Iterator[torch.Tensor]:
        dry: list[torch.Tensor] = []

        def noted() -> Iterator[torch.Tensor]:
            for block in blocks:
                dry.append(block)
                yield block

        for wet in convolve(noted()):
            joined = dry[0] if len(dry) == 1 else torch.cat(dry, dim=-1)
            yield torch.cat([joined[..., : wet.shape[-1]], wet], dim=1)
            dry[:] = [joined[..., wet.shape[-1] :]]

    return change

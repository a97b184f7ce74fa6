"""De-esser: less of the hiss of s and t."""

from __future__ import annotations

import functools
from typing import Any

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.dynamics import compressor_curve
from fxrep.effects.dynamics_stream import GainStream
from fxrep.effects.gain_computer import drive_gain
from fxrep.effects.level_detector import CHANNEL_LINK, detect_level
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_choice, check_frequency, check_input, read_settings
from fxrep.effects.streaming import ContextStream, MemorylessStream, Stream
from fxrep.effects.zero_phase_bands import band_reach, split_zero_phase

DE_ESSER_TABLE = (
    Parameter("frequency_hz", "Hz", 2000.0, 12000.0, "log", 5500.0),
    Parameter("threshold_db", "dB", -80.0, 0.0, "db", -36.0),
    Parameter("ratio", "", 1.0, 20.0, "log", 1.0),
    Parameter("attack_ms", "ms", 0.1, 50.0, "log", 0.5),
    Parameter("release_ms", "ms", 5.0, 500.0, "log", 50.0),
    Parameter("knee_db", "dB", 0.0, 24.0, "db", 6.0),
)
MODE = Choice("mode", ("split", "wide"), "split")


def de_esser(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    frequency_hz: Setting = 5500.0,
    threshold_db: Setting = -36.0,
    ratio: Setting = 1.0,
    attack_ms: Setting = 0.5,
    release_ms: Setting = 50.0,
    knee_db: Setting = 6.0,
    mode: str = "split",
    link: str = "max",
) -> torch.Tensor:
    """Compress what lies above a frequency, by its own level.

    The band has the slope of a fourth-order Linkwitz-Riley crossover and no phase (`fxrep.effects.zero_phase_bands`);
    what the compression changes is added to the input: below the crossover nothing moves, and ratio 1 is the identity.
    There is no choice of causal bands, as the multiband compressor has it: so high up the look-ahead is at most 3 ms,
    and a stream holds back no more.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        frequency_hz: where the band begins, 2000 to 12000.
        threshold_db: dBFS in the band, -80 to 0.
        ratio: dB in per dB out above the threshold, 1 to 20.
        attack_ms: time constant, 0.1 to 50 ms.
        release_ms: time constant, 5 to 500 ms.
        knee_db: width of the knee, centred on the threshold, 0 to 24 dB.
        mode: ``split``: only the band gets the gain; ``wide``: the whole signal gets it.
        link: ``max``, ``mean`` or ``none``, as for `compressor`.

    Returns:
        (B, C, T). Differentiable in audio and settings.

    Raises:
        ArgumentError: a setting is out of range, or the band begins above 0.49 of the sample rate.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    check_choice(MODE, mode)
    check_choice(CHANNEL_LINK, link)
    values = {"frequency_hz": frequency_hz, "threshold_db": threshold_db, "ratio": ratio, "attack_ms": attack_ms}
    columns = read_settings(audio, DE_ESSER_TABLE, {**values, "release_ms": release_ms, "knee_db": knee_db})
    if not isinstance(ratio, torch.Tensor) and ratio == 1:
        return audio.clone()
    check_frequency("frequency_hz", columns["frequency_hz"], sample_rate)
    return in_chunks(functools.partial(_de_ess, sample_rate=sample_rate, mode=mode, link=link), audio, columns)


def _de_ess(
    audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int, mode: str, link: str
) -> torch.Tensor:
    reach = band_reach(DE_ESSER_TABLE[0].minimum, sample_rate)
    high = split_zero_phase(audio, sample_rate, [columns["frequency_hz"]], reach)[1]
    curve = compressor_curve(columns, sample_rate)
    if mode == "wide":
        return drive_gain(audio, curve, link=link, key=high)
    return audio + (drive_gain(high, curve, link=link) - high)


class DeEsserStream(Stream):
    """The de-esser with its memory, on the CPU.

    Args:
        sample_rate: Hz.
        settings: all of them, by name.
    """

    def __init__(self, sample_rate: int, settings: dict[str, Any]) -> None:
        names = {parameter.name for parameter in DE_ESSER_TABLE}
        self.sample_rate = sample_rate
        self.numbers = {name: value for name, value in settings.items() if name in names}
        self.mode, self.link = check_choice(MODE, settings["mode"]), check_choice(CHANNEL_LINK, settings["link"])
        self.split: Stream | None = None

    def _start(self, block: torch.Tensor) -> None:
        columns = {name: c.detach() for name, c in read_settings(block, DE_ESSER_TABLE, self.numbers).items()}
        frequency = columns["frequency_hz"]
        check_frequency("frequency_hz", frequency, self.sample_rate)
        reach = band_reach(float(frequency.min()), self.sample_rate)

        def split(audio: torch.Tensor) -> torch.Tensor:
            return torch.cat((audio, split_zero_phase(audio, self.sample_rate, [frequency], reach)[1]), 1)

        self.split, self.gain = (
            ContextStream(split, reach, reach),
            GainStream(compressor_curve(columns, self.sample_rate)),
        )
        self.channels = block.shape[1]

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Take the next block (B, C, T) and return what is ready."""
        check_input(block, self.sample_rate)
        if self.split is None:
            self._start(block)
            assert self.split is not None
        return self._compress(self.split.push(block))

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        """Return the samples whose future is the end."""
        rest = None if self.split is None else self.split.finish()
        return None if rest is None else self._compress(rest)

    def _compress(self, parts: torch.Tensor) -> torch.Tensor:
        if not parts.shape[-1]:
            return parts[:, : self.channels]
        audio, high = parts[:, : self.channels], parts[:, self.channels :]
        level_db = detect_level(high, link=self.link)
        if self.mode == "wide":
            return self.gain.push(audio, level_db)
        return audio + (self.gain.push(high, level_db) - high)


class DeEsser(Processor):
    """Compression of sibilants."""

    name = "de_esser"
    function = staticmethod(de_esser)
    parameter_table = DE_ESSER_TABLE
    choices = (MODE, CHANNEL_LINK)

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the de-esser with its memory."""
        self.check_names(settings)
        given = {**self.defaults(), **settings}
        if not isinstance(given["ratio"], torch.Tensor) and given["ratio"] == 1:
            return MemorylessStream(lambda block: self(block, sample_rate, **settings))
        return DeEsserStream(sample_rate, given)

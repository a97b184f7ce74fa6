"""Transient shaper: more or less attack and sustain, at any level."""

from __future__ import annotations

import functools
from typing import Any

import torch

from fxrep.effects.ballistics import smooth_ballistics
from fxrep.effects.chunks import in_chunks
from fxrep.effects.gain_computer import time_coefficient
from fxrep.effects.level import db_to_gain
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_input, read_settings
from fxrep.effects.sliding_maximum import sliding_maximum
from fxrep.effects.streaming import Stream

TRANSIENT_TABLE = (
    Parameter("attack_db", "dB", -24.0, 24.0, "db", 0.0),
    Parameter("sustain_db", "dB", -24.0, 24.0, "db", 0.0),
)
# The envelope of a tone above 50 Hz is then constant: between its peaks lie at most 10 ms.
HOLD_MS = 10.0
# Time constants of the envelopes: rise and fall.
FAST_RISE_MS, SLOW_RISE_MS = 0.5, 20.0
FAST_FALL_MS, SLOW_FALL_MS = 30.0, 300.0
# (fall, rise) of the three envelopes: fast, late, long.
ENVELOPES = ((FAST_FALL_MS, FAST_RISE_MS), (FAST_FALL_MS, SLOW_RISE_MS), (SLOW_FALL_MS, FAST_RISE_MS))
# -120 dB: silence is neither attack nor sustain.
QUIETEST = 1e-6


def transient_shaper(
    audio: torch.Tensor, sample_rate: int, *, attack_db: Setting = 0.0, sustain_db: Setting = 0.0
) -> torch.Tensor:
    """Change the level of attacks and of what follows them, whatever the level of the audio.

    Three envelopes follow the peaks (the largest magnitude of both channels in the last 10 ms): a fast one (time
    constants: rise 0.5 ms, fall 30 ms), a late one (rise 20 ms, fall 30 ms) and a long one (rise 0.5 ms, fall 300 ms).
    How much of the sound is attack is 1 - late / fast, how much is sustain is 1 - fast / long, both between 0 and 1;
    the gain in dB is ``attack_db`` times the one plus ``sustain_db`` times the other. A steady tone above 50 Hz is
    neither and passes untouched. After the differential envelopes of SPL's Transient Designer.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        attack_db: gain at the very beginning of a sound, -24 to 24 dB; 0 and 0 is the identity.
        sustain_db: gain of a sound that has died away fast, -24 to 24 dB.

    Returns:
        (B, C, T). Differentiable in audio and settings. Elsewhere than on the CPU the held envelope is copied there and
        back.

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, TRANSIENT_TABLE, {"attack_db": attack_db, "sustain_db": sustain_db})
    return in_chunks(functools.partial(_shape, sample_rate=sample_rate), audio, columns)


def _shape(audio: torch.Tensor, columns: dict[str, torch.Tensor], sample_rate: int) -> torch.Tensor:
    peaks = audio.abs().amax(1)
    held = sliding_maximum(peaks, _hold_width(peaks, sample_rate), 0.0)
    envelopes = []
    for fall_ms, rise_ms in ENVELOPES:
        fall, rise = (_coefficient(held, time_ms, sample_rate) for time_ms in (fall_ms, rise_ms))
        envelopes.append(smooth_ballistics(held, fall, rise))
    return _apply(audio, envelopes, columns)


def _hold_width(peaks: torch.Tensor, sample_rate: int) -> torch.Tensor:
    width = max(1, round(HOLD_MS * sample_rate / 1000.0))
    return torch.full((peaks.shape[0],), float(width), dtype=torch.float64, device=peaks.device)


def _coefficient(held: torch.Tensor, time_ms: float, sample_rate: int) -> torch.Tensor:
    times = torch.full((held.shape[0],), time_ms, dtype=torch.float64, device=held.device)
    return time_coefficient(times, sample_rate)


def _apply(audio: torch.Tensor, envelopes: list[torch.Tensor], columns: dict[str, torch.Tensor]) -> torch.Tensor:
    fast, late, long = (envelope + QUIETEST for envelope in envelopes)
    attack, sustain = (columns[name].to(audio.dtype).unsqueeze(-1) for name in ("attack_db", "sustain_db"))
    gain_db = attack * (1.0 - late / fast) + sustain * (1.0 - fast / long)
    return audio * db_to_gain(gain_db).unsqueeze(1)


class TransientStream(Stream):
    """The transient shaper with its memory, on the CPU.

    Args:
        sample_rate: Hz.
        settings: all of them, by name.
    """

    def __init__(self, sample_rate: int, settings: dict[str, Any]) -> None:
        self.sample_rate, self.settings = sample_rate, settings
        self.past: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Shape the block from where the last one ended."""
        check_input(block, self.sample_rate)
        columns = read_settings(block, TRANSIENT_TABLE, self.settings)
        peaks = block.abs().amax(1)
        if self.past is None:
            self.past = peaks[:, :0]
            self.states = torch.zeros((len(ENVELOPES), peaks.shape[0]), dtype=torch.float64)
        joined = torch.cat((self.past, peaks), -1)
        width = _hold_width(peaks, self.sample_rate)
        held = sliding_maximum(joined, width, 0.0)[:, self.past.shape[-1] :].contiguous()
        self.past = joined[:, max(0, joined.shape[-1] - int(width[0]) + 1) :].clone()
        envelopes = []
        for state, (fall_ms, rise_ms) in zip(self.states, ENVELOPES, strict=True):
            fall, rise = (_coefficient(held, time_ms, self.sample_rate) for time_ms in (fall_ms, rise_ms))
            envelopes.append(smooth_ballistics(held, fall, rise, states=state))
        return _apply(block, envelopes, columns)


class TransientShaper(Processor):
    """Attack and sustain."""

    name = "transient_shaper"
    function = staticmethod(transient_shaper)
    parameter_table = TRANSIENT_TABLE

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the transient shaper with its memory."""
        self.check_names(settings)
        return TransientStream(sample_rate, {**self.defaults(), **settings})

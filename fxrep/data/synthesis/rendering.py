"""From notes to audio: each part played by its instrument, at the level of a raw recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.filters import high_pass
from fxrep.data.synthesis.instruments.bass import play_bass
from fxrep.data.synthesis.instruments.bowed_strings import play_strings
from fxrep.data.synthesis.instruments.brass import play_brass
from fxrep.data.synthesis.instruments.cymbals import play_cymbals
from fxrep.data.synthesis.instruments.flute import play_winds
from fxrep.data.synthesis.instruments.hihat import play_hihat
from fxrep.data.synthesis.instruments.keys import play_keys
from fxrep.data.synthesis.instruments.kick import play_kick
from fxrep.data.synthesis.instruments.lead import play_lead
from fxrep.data.synthesis.instruments.pad import play_pad
from fxrep.data.synthesis.instruments.percussion import play_percussion
from fxrep.data.synthesis.instruments.plucked_string import play_guitar
from fxrep.data.synthesis.instruments.snare import play_snare
from fxrep.data.synthesis.instruments.toms import play_toms
from fxrep.data.synthesis.instruments.voice import play_vocals
from fxrep.data.synthesis.notes import Note
from fxrep.data.synthesis.placement import Instrument

PLAYERS: dict[str, Instrument] = {
    "kick": play_kick,
    "snare": play_snare,
    "hihat": play_hihat,
    "toms": play_toms,
    "cymbals": play_cymbals,
    "percussion": play_percussion,
    "bass": play_bass,
    "guitar": play_guitar,
    "keys": play_keys,
    "pad": play_pad,
    "strings": play_strings,
    "brass": play_brass,
    "lead": play_lead,
    "winds": play_winds,
    "vocals": play_vocals,
}
"""Who plays each part."""

DRUM_PARTS = ("kick", "snare", "hihat", "toms", "cymbals")

PEAK_DBFS = (-12.0, -6.0)
"""Tracks peak between these, drawn per track."""

END_FADE_S = 0.02
LOWEST_HZ = 20.0


def instrument_of(part: str) -> str:
    """The canonical instrument of a part: the pieces of the kit are all ``"drums"``."""
    return "drums" if part in DRUM_PARTS else part


def render_part(
    part: str, notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Play a part: (2, length), without DC, peaking in `PEAK_DBFS`, with a short fade where the song is cut."""
    peak = 10 ** (generator.uniform(*PEAK_DBFS) / 20)
    played: Signal = high_pass(PLAYERS[part](notes, length, sample_rate, generator), LOWEST_HZ, sample_rate)
    fade = min(length, int(END_FADE_S * sample_rate))
    played[..., length - fade :] *= np.linspace(1.0, 0.0, fade)
    played *= peak / max(float(np.abs(played).max()), 1e-9)
    stereo: npt.NDArray[np.float32] = np.empty((2, length), dtype=np.float32)
    stereo[:] = played
    return stereo

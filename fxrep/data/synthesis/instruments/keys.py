"""Keys: an electric piano, a piano or an organ, one of them per song."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fxrep.data.synthesis.compilation import Signal
from fxrep.data.synthesis.instruments.electric_piano import play_electric_piano
from fxrep.data.synthesis.instruments.organ import play_organ
from fxrep.data.synthesis.instruments.piano import play_piano
from fxrep.data.synthesis.notes import Note


def play_keys(notes: Sequence[Note], length: int, sample_rate: int, generator: np.random.Generator) -> Signal:
    """Render the keys of a song, (length,)."""
    choice = generator.random()
    play = play_electric_piano if choice < 0.45 else play_piano if choice < 0.75 else play_organ
    return play(notes, length, sample_rate, generator)

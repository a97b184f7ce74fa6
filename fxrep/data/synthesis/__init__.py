"""Songs from a seed: a composer, a band of fifteen parts, and a renderer, so that nothing has to be downloaded."""

from __future__ import annotations

from fxrep.data.synthesis.dataset import DatasetSummary, generate_dataset
from fxrep.data.synthesis.song import Chord, GeneratedSong, Section, generate_song

__all__ = ["Chord", "DatasetSummary", "GeneratedSong", "Section", "generate_dataset", "generate_song"]

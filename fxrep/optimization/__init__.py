"""Searching numbers in [0, 1], such as the settings of effects: by gradient, or by evolution where there is none."""

from __future__ import annotations

from fxrep.optimization.descent import Descent, Slopes, descend, slopes_of
from fxrep.optimization.evolution import Evolution, evolve
from fxrep.optimization.search import Found, Search, Values

__all__ = ["Descent", "Evolution", "Found", "Search", "Slopes", "Values", "descend", "evolve", "slopes_of"]

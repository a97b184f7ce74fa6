"""Classical machine learning: acoustic features of tracks to mixing weights by a linear model.

After J. Scott and Y. Kim, "Analysis of acoustic features for automated multi-track mixing", ISMIR 2011.
"""

from __future__ import annotations

from automix.classical.fitting import fit_classical
from automix.classical.mixer import ClassicalMixer

__all__ = ["ClassicalMixer", "fit_classical"]

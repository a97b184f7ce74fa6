"""In whose style a song is mixed: recordings, folders of them, or an embedding."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from fxrep.audio import AudioInput, find_audio_files
from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError
from fxrep.mixing.recordings import Recordings

LONGEST_EMBEDDING = 4096
"""Numbers of an embedding at most: a row of more is audio."""

COMPARED = 8
"""With how many recordings of a style a mix is compared at most in its report."""

Style = Recordings | AudioInput | Sequence[Any]


def read_style(style: Style, sample_rate: int | None = None) -> Recordings | torch.Tensor:
    """Return recordings, or an embedding.

    Args:
        style: a recording or a folder of them, or several, all counting alike; or an embedding, a row of at most
            `LONGEST_EMBEDDING` numbers.
        sample_rate: Hz of arrays; a file brings its own.

    Returns:
        The recordings at one loudness; or (D,) float32 of unit length.

    Raises:
        ArgumentError: there is nothing, or an embedding is all zeros or not finite.
        AudioError: a recording cannot be used, or a folder holds none.
    """
    if isinstance(style, Recordings):
        return style
    vector = _vector(style)
    if vector is not None:
        length = float(torch.linalg.vector_norm(vector))
        if not 0.0 < length < float("inf"):
            raise ArgumentError("style is an embedding of length 0, or not finite: give the embedding of a recording")
        return vector / length
    listed: list[Any] = list(style) if isinstance(style, (list, tuple)) else [style]
    if not listed:
        raise ArgumentError("style is empty: give a recording, a folder of them, or an embedding")
    found: list[Any] = []
    for one in listed:
        found += find_audio_files([one]) if isinstance(one, (str, os.PathLike)) else [one]
    return Recordings(found, sample_rate=sample_rate, role="style")


def compared_recordings(style: Recordings) -> Recordings:
    """Return those that a mix is compared with: all, or of many some that are spread over them."""
    if len(style) <= COMPARED or len(style.paths) < len(style):
        return style
    chosen = np.linspace(0, len(style) - 1, COMPARED).round().astype(int)
    return Recordings([style.paths[number] for number in chosen], role="style")


def _vector(style: Any) -> torch.Tensor | None:
    if isinstance(style, (list, tuple)) and style and all(is_number(one) for one in style):
        style = np.asarray(style)
    if not isinstance(style, (np.ndarray, torch.Tensor)) or style.ndim != 1 or len(style) > LONGEST_EMBEDDING:
        return None
    return torch.as_tensor(style).detach().cpu().float()

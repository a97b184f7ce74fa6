"""What an encoder knows of the tracks of a song, over several places of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from automix.dmc.track_encoder import TrackEncoder
from fxrep.errors import AudioError
from fxrep.mixing.tracks import TrackSet

SILENT_BELOW_DB = 40.0
"""A window of a track whose peak is so far under the loudness of the track counts as silent."""


def describe_song(
    encoder: TrackEncoder, tracks: TrackSet, starts: Sequence[float], track_lufs: float, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Describe the tracks of a song, each averaged over the windows in which it sounds.

    Args:
        encoder: hears them.
        tracks: of the song.
        starts: of windows of `TrackEncoder.window_s`, in seconds.
        track_lufs: what whole tracks are brought to.
        device: of the encoder.

    Returns:
        (1, N, F), and which tracks sound in the windows, (1, N).

    Raises:
        AudioError: none does, or a file cannot be read.
    """
    gains = tracks.input_gain_db(track_lufs)
    total: Any = None
    count = torch.zeros(1, len(tracks), device=device)
    for start_s in starts:
        audio = tracks.read(start_s, encoder.window_s, encoder.sample_rate, gains).to(device)
        sounds = audio.abs().amax((2, 3)) > 10.0 ** ((track_lufs - SILENT_BELOW_DB) / 20.0)
        if not bool(sounds.any()):
            continue
        rows = encoder.describe(audio[sounds])
        whole = rows.new_zeros(1, len(tracks), rows.shape[-1])
        whole[sounds] = rows
        total = whole if total is None else total + whole
        count += sounds
    if total is None:
        raise AudioError("all tracks are silent in the windows that were chosen: choose others, or leave start_s out")
    return total / count.clamp(min=1.0)[..., None], count > 0

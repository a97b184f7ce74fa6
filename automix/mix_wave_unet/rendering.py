"""A whole song through the network: tracks at their level in their slots, block by block, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from automix.block_rates import convert, exactly
from automix.mix_wave_unet.network import WaveUNet
from automix.mix_wave_unet.stream import WaveUNetStream
from fxrep.audio import match_channels
from fxrep.effects.streaming import stream_blocks
from fxrep.mixing.tracks import TrackSet

BLOCK = 1 << 17
"""Samples that go through the network at once. More would cost memory, fewer make the deepest levels dearer."""


def render_song(
    network: WaveUNet, tracks: TrackSet, slots: Mapping[str, int], network_rate: int, track_lufs: float, stereo: bool
) -> Iterator[Tensor]:
    """Yield blocks (2, n) of the mix at the rate of the tracks, in all as long as the longest of them.

    Args:
        network: it is used in evaluation mode, whatever mode it is in.
        tracks: of the song.
        slots: the input of each track.
        network_rate: Hz.
        track_lufs: what every track that sounds is brought to before the network.
        stereo: whether a slot has two inputs; else the half sum of both sides is one.
    """
    arriving = slot_blocks(tracks, slots, network_rate, track_lufs)
    shaped = (inputs_of(block[None], stereo, network.inputs) for block in arriving)
    mixed = (block[0] for block in stream_blocks(WaveUNetStream(network), shaped))
    return exactly(convert(mixed, network_rate, tracks.sample_rate), tracks.samples)


def slot_blocks(
    tracks: TrackSet, slots: Mapping[str, int], sample_rate: int, track_lufs: float, block: int = BLOCK
) -> Iterator[Tensor]:
    """Yield the tracks, each at `track_lufs`, summed in their slots: (S, 2, n); S is the highest slot and one more."""
    gains = {name: 10.0 ** (gain_db / 20.0) for name, gain_db in tracks.input_gain_db(track_lufs).items()}
    readers = {name: one.reader(sample_rate, block) for name, one in tracks.recordings.items()}
    left = max(one.length(sample_rate) for one in tracks.recordings.values())
    while left > 0:
        size = min(block, left)
        summed = torch.zeros(1 + max(slots.values()), 2, size)
        for name, reader in readers.items():
            part = match_channels(reader.read(), 2)[:, :size]
            summed[slots[name], :, : part.shape[1]] += gains[name] * part
        yield summed
        left -= size


def inputs_of(slots: Tensor, stereo: bool, inputs: int) -> Tensor:
    """Slots (B, S, 2, T) as inputs of the network (B, S or 2S, T), with silence in the slots that are missing."""
    found = slots.flatten(1, 2) if stereo else slots.mean(2)
    return F.pad(found, (0, 0, 0, inputs - found.shape[1]))

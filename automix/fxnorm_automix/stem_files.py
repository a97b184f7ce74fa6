"""Tracks of any kind to the stems that the network hears, and what it makes of them to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from automix.fxnorm_automix.groups import GROUPS, group_number
from automix.fxnorm_automix.network import CHANNELS, limited
from automix.fxnorm_automix.row_file import CHUNK, RowFile
from fxrep.audio import save_blocks
from fxrep.audio.resampling import StreamResampler, resampled_length
from fxrep.mixing.track_source import Recording
from fxrep.mixing.tracks import TrackSet
from fxrep.normalization import FxNormalizer

ROWS = 16 * CHUNK
"""Samples that are read and written at once."""


@dataclass(frozen=True)
class Stems:
    """Normalised stems.

    Attributes:
        audio: rows of 8 channels, left and right of each of `GROUPS`.
        members: names of the tracks of each of `GROUPS`.
        decisions: what was done, in words.
    """

    audio: RowFile
    members: dict[str, list[str]]
    decisions: list[str]


def gather_stems(
    tracks: TrackSet, instruments: Mapping[str, str], normalizer: FxNormalizer, sample_rate: int, folder: Path
) -> Stems:
    """Normalise tracks by their instruments, and add up those of each group.

    Args:
        tracks: of the song.
        instruments: by track.
        normalizer: of the tracks.
        sample_rate: Hz of the stems.
        folder: for temporary files.
    """
    samples = resampled_length(tracks.samples, tracks.sample_rate, sample_rate)
    audio = RowFile(CHANNELS, folder, samples)
    members: dict[str, list[str]] = {group: [] for group in GROUPS}
    decisions = []
    for name in tracks.names:
        members[GROUPS[group_number(instruments[name])]].append(name)
    for number, group in enumerate(GROUPS):
        for name in members[group]:
            _add(tracks.recordings[name], instruments[name], normalizer, sample_rate, audio, 2 * number)
        if members[group]:
            listed = ", ".join(f"{name} ({instruments[name]})" for name in members[group])
            decisions.append(f"Stem {group}: {listed}, each normalised.")
        else:
            decisions.append(f"Stem {group}: no track, the network hears silence.")
    return Stems(audio, members, decisions)


def _add(
    recording: Recording, instrument: str, normalizer: FxNormalizer, sample_rate: int, audio: RowFile, channel: int
) -> None:
    """Add a normalised track to two channels."""
    source = normalizer.open(recording.audio, recording.rate, instrument)
    start = 0
    for block in _converted((part[0] for part in source.blocks()), source.sample_rate, sample_rate):
        rows = audio.read(start, min(start + block.shape[1], len(audio)))
        rows[:, channel : channel + 2] += block.t()[: len(rows)]
        audio.write(start, rows)
        start += len(rows)


def write_stems(
    outputs: RowFile, members: Mapping[str, list[str]], tracks: TrackSet, sample_rate: int, folder: Path
) -> dict[str, Path]:
    """Write the stems that have tracks, at the rate and length of the song.

    The limit of the mix is shared among them. What the network put into a stem without tracks is shared evenly.

    Args:
        outputs: of the network, rows of 8 channels.
        members: the tracks of each of `GROUPS`.
        tracks: of the song.
        sample_rate: Hz of the outputs.
        folder: to write to.
    """
    present = [number for number, group in enumerate(GROUPS) if members[group]]
    written = {}
    for number in present:
        blocks = _stem(outputs, number, present)
        path = folder / f"{GROUPS[number]}.wav"
        converted = _converted(blocks, sample_rate, tracks.sample_rate)
        save_blocks(path, _exactly(converted, tracks.samples), tracks.sample_rate)
        written[GROUPS[number]] = path
    return written


def _stem(outputs: RowFile, number: int, present: list[int]) -> Iterator[Tensor]:
    absent = [one for one in range(len(GROUPS)) if one not in present]
    for rows in outputs.chunks(size=ROWS):
        stems = limited(rows.t().unflatten(0, (len(GROUPS), 2)))
        yield stems[number] + stems[absent].sum(0) / len(present)


def _converted(blocks: Iterator[Tensor], from_rate: int, to_rate: int) -> Iterator[Tensor]:
    """Blocks (2, n) at another rate."""
    resampler = StreamResampler(from_rate, to_rate, 2)
    for block in blocks:
        ready = resampler.push(block)
        if ready.shape[1]:
            yield ready
    rest = resampler.finish()
    if rest.shape[1]:
        yield rest


def _exactly(blocks: Iterator[Tensor], samples: int) -> Iterator[Tensor]:
    """Blocks of so many samples in all: two conversions of the rate may be off by one."""
    left = samples
    for block in blocks:
        if left:
            yield block[:, :left]
        left = max(0, left - block.shape[1])
    if left:
        yield torch.zeros(2, left)

"""The stem autoencoder: raw tracks in, processed stems out, by one network for each group of instruments."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from automix.block_rates import BLOCK, convert, exactly
from automix.instruments import name_instruments
from automix.slots import Slots
from automix.stem_autoencoder.frames import FrameStream
from automix.stem_autoencoder.network import FrameAutoencoder, Output
from encoders.configurable import Configurable
from fxrep.audio import match_channels, save_blocks
from fxrep.effects.console.track_reader import TrackReader
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError
from fxrep.mixing.track_names import file_stems
from fxrep.mixing.track_source import Recording
from fxrep.mixing.tracks import TrackSet

GROUPS = ("bass", "guitar", "vocals", "keys")
"""The groups of the publication."""


class StemAutoencoder(Configurable, nn.Module):
    """One `FrameAutoencoder` for each group of instruments.

    The defaults are the published sizes. What was published and what this is differ in two things: both sides of a
    stereo track are processed, each by itself, where the publication has mono; and every track comes at `track_lufs`.

    Args:
        groups: the instruments of each group, with commas between them; its first one is what it is called. What has
            no group, and finds none called ``other``, is left as it is.
        hidden, layers, dropout, output, compression: of `FrameAutoencoder`.
        sample_rate: Hz of the networks; tracks of other rates are converted and converted back.
        track_lufs: loudness that a track is brought to, before the network.

    Attributes:
        instruments: by track, for those that are not to be guessed from their names; set it before `render_stems`.
        decisions: after `render_stems`, in words, what was done with each track.

    Raises:
        ArgumentError: a number is out of range, or the groups are wrong.
    """

    def __init__(
        self,
        groups: Sequence[str] = GROUPS,
        hidden: int = 1024,
        layers: int = 3,
        dropout: float = 0.2,
        output: Output = "magnitudes",
        compression: float = 1.0,
        sample_rate: int = 44100,
        track_lufs: float = -24.0,
    ) -> None:
        super().__init__()
        if sample_rate < 1 or not -70.0 < track_lufs <= 0.0:
            raise ArgumentError(f"sample_rate={sample_rate}, track_lufs={track_lufs}: expected Hz and -70 to 0 LUFS")
        self.groups = Slots(groups)
        self.networks = nn.ModuleList(
            FrameAutoencoder(hidden, layers, dropout, output, compression) for _ in self.groups.names
        )
        self.sample_rate, self.track_lufs, self.compression = sample_rate, track_lufs, compression
        self.instruments: Mapping[str, str] | None = None
        self.decisions: list[str] = []

    def network(self, group: int) -> FrameAutoencoder:
        """The network of a group."""
        found = self.networks[group]
        assert isinstance(found, FrameAutoencoder)
        return found

    def forward(self, frames: Tensor, group: int) -> Tensor:
        """Process frames (N, 1025) of compressed magnitudes with the network of a group."""
        processed: Tensor = self.network(group)(frames)
        return processed

    def render_stems(self, tracks: TrackSet, folder: Path) -> dict[str, Path]:
        """Write a processed stem for each track, at the rate of the tracks and as long as the longest of them.

        A track is brought to `track_lufs` and goes through the network of its group, in constant memory.

        Raises:
            ArgumentError: an instrument was said that there is not, or of a track that there is not.
            AudioError: a track cannot be read.
            OutputError: a file cannot be written.
        """
        kinds = name_instruments(tracks.names, self.instruments)
        gains, files = tracks.input_gain_db(self.track_lufs), file_stems(tracks.names)
        stems: dict[str, Path] = {}
        self.decisions = []
        for name, recording in tracks.recordings.items():
            group = self.groups.place(kinds[name])
            if tracks.loudness_lufs[name] == -math.inf:
                blocks, said = _nothing(), "is silent and left so"
            elif group is None:
                blocks = self._stem(recording, tracks.sample_rate, gains[name], None)
                said = f"is {kinds[name]}, of which nothing was learnt: left as it is, at {self.track_lufs:g} LUFS"
            else:
                blocks = self._stem(recording, tracks.sample_rate, gains[name], self.network(group))
                said = f"is {kinds[name]}: processed as {self.groups.names[group]}"
            stems[name] = Path(folder) / f"{files[name]}.wav"
            save_blocks(stems[name], exactly(blocks, tracks.samples), tracks.sample_rate)
            self.decisions.append(f"{name} {said}.")
        return stems

    def _stem(
        self, recording: Recording, rate: int, gain_db: float, network: FrameAutoencoder | None
    ) -> Iterator[Tensor]:
        """A track at its level, through a network or past all of them, in blocks (2, n) at `rate`."""
        own_rate, gain = (rate if network is None else self.sample_rate), 10.0 ** (gain_db / 20.0)
        reader = recording.reader(own_rate, BLOCK)
        levelled = (gain * match_channels(block, 2) for block in _until_empty(reader))
        if network is None:
            return levelled
        stream = FrameStream(network.process)
        processed = (block[0] for block in stream_blocks(stream, (block[None] for block in levelled)))
        return convert(processed, own_rate, rate)


def _until_empty(reader: TrackReader) -> Iterator[Tensor]:
    while (block := reader.read()).shape[1]:
        yield block


def _nothing() -> Iterator[Tensor]:
    return iter(())

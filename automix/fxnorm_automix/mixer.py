"""FxNorm-automix: tracks are normalised, added up to stems, and given back the effects that mixes have."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from automix.fxnorm_automix.groups import GROUPS, check_averages, check_order
from automix.fxnorm_automix.network import FxNormNetwork
from automix.fxnorm_automix.song_pass import render_song
from automix.fxnorm_automix.stem_files import gather_stems, write_stems
from automix.instruments import name_instruments
from encoders.configurable import Configurable
from fxrep.errors import ArgumentError, CheckpointError, DataError
from fxrep.mixing.tracks import TrackSet
from fxrep.normalization import FxNormalizer
from fxrep.normalization.statistics import load_statistics, statistics_from_json

_DIGITS = 6


class FxNormAutomix(Configurable, nn.Module):
    """`FxNormNetwork` with the normalisation that it learnt to undo.

    Args:
        features, taps, pool, stride, separation, hidden, skip, blocks, repeats, expansion, lstm_layers: of
            `FxNormNetwork`; the defaults are the published sizes.
        sample_rate: Hz of the network; tracks of other rates are converted and converted back.
        statistics: averages that tracks are normalised to: the path of a file (``.json`` or ``.npz``), or what such a
            file holds as JSON text, as a release has it. None: training takes those of its data.
        stems: what the network takes, in order: `GROUPS`. A release states them, and is refused where they differ.

    Attributes:
        instruments: by track, what it is, for those whose names do not say it.
        decisions: after `render_stems`, what was made of which track, in words.

    Raises:
        ArgumentError: a size is out of range, or the statistics hold no loudness.
        CheckpointError: other stems.
        DataError: there are no such statistics.
    """

    def __init__(
        self,
        features: int = 128,
        taps: int = 64,
        pool: int = 64,
        stride: int = 1,
        separation: int = 256,
        hidden: int = 128,
        skip: int = 64,
        blocks: int = 6,
        repeats: int = 4,
        expansion: int = 16,
        lstm_layers: int = 3,
        sample_rate: int = 44100,
        statistics: str | None = None,
        stems: Sequence[str] = GROUPS,
    ) -> None:
        super().__init__()
        check_order(stems)
        if sample_rate < 1:
            raise ArgumentError(f"sample_rate is {sample_rate}: expected Hz")
        self.network = FxNormNetwork(
            features, taps, pool, stride, separation, hidden, skip, blocks, repeats, expansion, lstm_layers
        )
        self.sample_rate = sample_rate
        self.normalizer: FxNormalizer | None = None
        self.instruments: dict[str, str] = {}
        self.decisions: list[str] = []
        if statistics is not None:
            self.normalize_to(_read(statistics))

    def normalize_to(self, normalizer: FxNormalizer) -> None:
        """Take up the averages that tracks are brought to.

        Raises:
            ArgumentError: they hold no loudness.
        """
        check_averages(normalizer)
        self.normalizer = normalizer

    def config(self) -> dict[str, Any]:
        """The constructor tree, with the averages themselves in the place of their path."""
        tree = super().config()
        if self.normalizer is not None:
            content = json.loads(json.dumps(self.normalizer.statistics.to_json()), parse_float=_rounded)
            tree["init_args"]["statistics"] = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return tree

    def forward(self, stems: Tensor) -> Tensor:
        """Mix normalised stems (B, 4, 2, T), in the order of `GROUPS`, at `sample_rate`: (B, 2, T)."""
        mix: Tensor = self.network(stems)
        return mix

    def render_stems(
        self, tracks: TrackSet, folder: Path, instruments: Mapping[str, str] | None = None
    ) -> dict[str, Path]:
        """Render a song: one file for each of `GROUPS` that has tracks, which add up to the mix, in constant memory.

        Args:
            tracks: of the song.
            folder: to write to; it is there.
            instruments: by track; those that are not named are what `instruments` of this object says, and else
                guessed from the name of the track.

        Returns:
            The file of each stem, at the rate of the tracks and as long as the longest of them.

        Raises:
            ArgumentError: an instrument or a track is unknown.
            AudioError: a track cannot be read.
            CheckpointError: the averages are not known.
            OutputError: the folder cannot be written.
        """
        if self.normalizer is None:
            raise CheckpointError(
                "this network does not know the averages to normalise tracks to: give statistics, for example "
                "normalized/statistics.json of fxrep data normalize"
            )
        named = name_instruments(tracks.names, {**self.instruments, **(instruments or {})})
        rendering, network = Path(folder), self.network
        before = network.training, network.analysis.device
        network.eval().cpu()
        try:
            stems = gather_stems(tracks, named, self.normalizer, self.sample_rate, rendering)
            outputs = render_song(network, stems.audio, rendering)
        finally:
            network.train(before[0]).to(before[1])
        self.decisions = stems.decisions
        return write_stems(outputs, stems.members, tracks, self.sample_rate, rendering)


def _read(statistics: str | os.PathLike[str]) -> FxNormalizer:
    text = os.fspath(statistics)
    if not text.lstrip().startswith("{"):
        return FxNormalizer(load_statistics(text))
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f"statistics are no JSON ({error}): copy the release again") from error
    return FxNormalizer(statistics_from_json(content, "statistics"))


def _rounded(number: str) -> float:
    return float(f"{float(number):.{_DIGITS}g}")

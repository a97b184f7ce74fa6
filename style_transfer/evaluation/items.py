"""The mixes that are asked for: tracks of a song, a reference, and what the answer is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fxrep.data.manifest import Manifest
from fxrep.effects import MixingConsole
from fxrep.effects.console import ConsoleSettings
from fxrep.errors import DataError
from fxrep.mixing import TrackSet
from style_transfer.evaluation.protocol import SAME_SONG, MixProtocol
from style_transfer.references import References

SOUNDING_DB = -60.0
"""A track whose level over a window is lower is silent there, and not drawn."""

PLACES = 4
"""Excerpts of a song that are drawn from."""

BORROWED_PLACES = 24
"""Further places in a song that is heard as a loop, where it has too few tracks."""


@dataclass(frozen=True)
class MixItem:
    """One mix that is asked for.

    Attributes:
        number: among those of its task and number of tracks.
        song: whose tracks these are.
        tracks: an excerpt of two windows. The second one is mixed and compared.
        start_s: where the window starts that systems may analyse: the second one.
        references: one window of the reference.
        target: the window (2, T) that the mix is compared with: the same tracks under the known settings, or the
            reference.
        truth: the known settings; None where the reference is of another song.
        borrowed: how many tracks are parts of the song from elsewhere, since it has too few.
    """

    number: int
    song: str
    tracks: TrackSet
    start_s: list[float]
    references: References
    target: Tensor
    truth: ConsoleSettings | None
    borrowed: int

    @property
    def seed(self) -> int:
        """For what a system draws."""
        return self.number


class ItemDrawing:
    """Draws mixes from the songs of one split that have two stems or more and last for two windows or more.

    Args:
        manifest: of dry stems, and perhaps of finished mixes.
        split: of the songs.
        protocol: of the benchmark.

    Raises:
        DataError: there are no such songs.
    """

    def __init__(self, manifest: Manifest, split: str | None, protocol: MixProtocol) -> None:
        self.protocol = protocol
        self.console = protocol.create_console()
        self.prior = protocol.create_prior()
        rows = manifest.filter(split=split)
        self.songs: dict[str, TrackSet] = {}
        for song in rows.songs():
            if len(song.tracks) >= 2:
                tracks = TrackSet({track.name: track.path for track in song.tracks}, protocol.sample_rate)
                if tracks.duration_s >= 2 * protocol.window_s:
                    self.songs[song.name] = tracks
        self.mixes = [
            (row.song, manifest.path_of(row))
            for row in rows.rows
            if row.kind == "mix" and row.duration_s >= protocol.window_s
        ]
        if not self.songs:
            where = f"in split {split!r} " if split else ""
            raise DataError(
                f"the manifest has no song {where}with two stems or more that lasts {2 * protocol.window_s:g} s: name "
                "another split, or shorter windows"
            )

    def items(self, task: str, count: int) -> Iterator[MixItem]:
        """The mixes of a task, of so many tracks each; songs take turns."""
        order = np.random.default_rng([self.protocol.seed, 50]).permutation(len(self.songs))
        names = list(self.songs)
        for number in range(self.protocol.items):
            # Neither the task nor the systems change which tracks are drawn.
            rng = np.random.default_rng([self.protocol.seed, 51, count, number])
            yield self.draw(names[order[number % len(names)]], task, count, number, rng)

    def draw(self, song: str, task: str, count: int, number: int, rng: np.random.Generator) -> MixItem:
        """One mix: `count` tracks of a song, and its reference."""
        window = round(self.protocol.window_s * self.protocol.sample_rate)
        tracks, borrowed = self.draw_tracks(song, count, rng)
        common = (number, song, tracks, [self.protocol.window_s])
        if task == SAME_SONG:
            settings, mix = self.known_mix(tracks, rng)
            references = References(mix[:, :window].contiguous(), sample_rate=self.protocol.sample_rate)
            return MixItem(*common, references, mix[:, window:].contiguous(), settings, borrowed)
        audio = self._other_reference(song, count, rng)
        return MixItem(*common, References(audio, sample_rate=self.protocol.sample_rate), audio, None, borrowed)

    def draw_tracks(self, song: str, count: int, rng: np.random.Generator) -> tuple[TrackSet, int]:
        """An excerpt of two windows of `count` tracks that sound in both, and how many were borrowed for it."""
        whole, seconds = self.songs[song], 2 * self.protocol.window_s
        places = whole.windows(seconds, PLACES)
        starts = [places[int(rng.integers(len(places)))], *places]
        starts += rng.uniform(0.0, whole.duration_s, BORROWED_PLACES).tolist()
        chosen: dict[str, Tensor] = {}
        used: list[float] = []
        own = 0
        for start in starts:
            # The same sound a little later would be an echo, not another track.
            away = [min(abs(start - other), whole.duration_s - abs(start - other)) for other in used]
            if len(chosen) >= count or min(away, default=seconds) < self.protocol.window_s / 4:
                continue
            audio = _read_loop(whole, start, seconds)
            sounding = [place for place in range(len(whole)) if _sounds(audio[place])]
            for place in rng.permutation(sounding).astype(int)[: count - len(chosen)]:
                name = whole.names[place]
                chosen[f"{name} at {start:.1f} s" if chosen and used else name] = audio[place]
            if chosen:
                used.append(start)
                own = own or len(chosen)
        if not chosen:
            raise DataError(f"no track of {song} sounds for {seconds:g} s: leave the song out, or name shorter windows")
        return TrackSet(chosen, self.protocol.sample_rate), len(chosen) - own

    @torch.no_grad()
    def known_mix(self, tracks: TrackSet, rng: np.random.Generator) -> tuple[ConsoleSettings, Tensor]:
        """Random settings for tracks, and the mix (2, T) under them."""
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        drawn = self.prior.draw(self.console, 1, len(tracks), generator, self.protocol.track_lufs)
        values = self.console.denormalize(drawn.tracks, drawn.buses, drawn.master)
        settings = self.console.unstack(values, tracks.names)
        return settings, render_settings(tracks, settings, self.protocol.track_lufs)

    def _other_reference(self, song: str, count: int, rng: np.random.Generator) -> Tensor:
        """A window (2, T) of a mix of another song."""
        seconds = self.protocol.window_s
        others: list[int] = [i for i, (name, _) in enumerate(self.mixes) if name != song]
        if self.protocol.references == "mixes":
            if not others:
                raise DataError(
                    "the manifest has no finished mix of another song in this split: add some, or take references of "
                    "random settings"
                )
            mix = TrackSet({"mix": self.mixes[others[int(rng.integers(len(others)))]][1]}, self.protocol.sample_rate)
            places = mix.windows(seconds, PLACES)
            return mix.read(places[int(rng.integers(len(places)))], seconds)[0, 0]
        names = [name for name in self.songs if name != song]
        if not names:
            raise DataError("there is one song only in this split: a reference needs another one")
        tracks, _ = self.draw_tracks(names[int(rng.integers(len(names)))], count, rng)
        _, audio = self.known_mix(tracks, rng)
        return audio[:, : round(seconds * self.protocol.sample_rate)].contiguous()


@torch.no_grad()
def render_settings(tracks: TrackSet, settings: ConsoleSettings, track_lufs: float) -> Tensor:
    """The mix (2, T) of tracks that are brought to one loudness, under settings."""
    console = settings.console
    assert isinstance(console, MixingConsole)
    audio = tracks.read(0.0, tracks.duration_s, gains=tracks.input_gain_db(track_lufs))
    return console.render(audio, settings, tracks.sample_rate)[0]


def _read_loop(tracks: TrackSet, start_s: float, seconds: float) -> Tensor:
    """An excerpt (N, 2, T) of a song that begins anew at its end."""
    rest = seconds - (tracks.duration_s - start_s)
    if rest <= 0.0:
        return tracks.read(start_s, seconds)[0]
    samples = round(seconds * tracks.sample_rate)
    parts = [tracks.read(start_s, seconds - rest)[0], tracks.read(0.0, rest)[0]]
    looped = torch.cat(parts, -1)[..., :samples]
    return torch.nn.functional.pad(looped, (0, samples - looped.shape[-1]))


def _sounds(audio: Tensor) -> bool:
    """Whether both halves of (2, T) are loud enough."""
    halves = audio[:, : audio.shape[-1] // 2 * 2].unflatten(-1, (2, -1)).square().mean((0, 2))
    return bool((halves > 10 ** (SOUNDING_DB / 10)).all())

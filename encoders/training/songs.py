"""Tracks of songs for training mixing systems: passages in which several tracks sound, and mixes to learn from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fxrep.audio import SILENCE_LUFS, load_audio, normalize_loudness
from fxrep.data.instruments import INSTRUMENTS
from fxrep.data.manifest import Manifest, ManifestRow
from fxrep.data.segments import SILENT_ATTEMPTS, UNKNOWN_INSTRUMENT, sounding_share
from fxrep.errors import ArgumentError, DataError
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.mixing.tracks import HIGHEST_GAIN_DB, LOWEST_GAIN_DB

Reference = Literal["same_song", "other_song", "own_mix"]

MONO_ON_TWO_SIDES_DB = 3.01
"""What a mono file gains in loudness when it sounds from both loudspeakers."""

_ENOUGH_SOUND = 0.1


@dataclass(frozen=True)
class Stem:
    """A track to draw from.

    Attributes:
        number: unique in all manifests.
        path: its file.
        duration_s: its length.
        loudness_lufs: as it sounds in stereo.
        instrument: what plays, one of `INSTRUMENTS`.
    """

    number: int
    path: Path
    duration_s: float
    loudness_lufs: float
    instrument: str = UNKNOWN_INSTRUMENT


class SongDataset(Dataset[dict[str, Any]]):
    """Passages of songs with some of the tracks that sound there. Item `index` depends on (seed, epoch, index) only.

    Passages begin at multiples of `segment_s` over `grid`, so that a frozen description of a track is needed again.

    Args:
        manifests: of stems, grouped by song, and of mixes where the reference is another song's.
        split: songs to draw from; None for all.
        reference: ``same_song``: the passage is twice as long and no mix is read; ``other_song``: a segment of the mix
            of another song comes along, at -16 LUFS; ``own_mix``: the same segment of the song's own mix is the target.
            Where a song has a mix on file, all of its sounding tracks are drawn, and songs of more than `max_tracks`
            are left out. Elsewhere the mix is the sum of the drawn tracks as they lie: whoever made them gave them
            their levels.
        length: items per epoch.
        segment_s: seconds of a segment.
        min_tracks: fewest tracks.
        max_tracks: most tracks; items are padded to so many.
        track_lufs: what whole tracks are brought to.
        sample_rate: Hz.
        grid: beginnings per segment.
        seed: of all that is drawn.

    Shape of an item: ``tracks`` (M, 2, T), T two segments or one; ``mask`` (M,); ``stem`` (M,) numbers of the tracks,
    -1 where there is none; ``instrument`` (M,), what plays, a place in `INSTRUMENTS`; ``song``, its name; ``start_ms``,
    where the passage begins. With ``other_song`` ``reference`` (2, segment). With ``own_mix`` ``target`` (2, segment),
    as loud as it is on file, ``gain_db`` (M,), what brings each track from its level here to that on file, and
    ``gains_known``, whether those gains make the target.

    Raises:
        ArgumentError: numbers out of range.
        DataError: no song has so many tracks of that length, or there are no mixes.
    """

    def __init__(
        self,
        manifests: Sequence[Manifest],
        split: str | None,
        reference: Reference = "same_song",
        length: int = 1024,
        segment_s: float = 5.0,
        min_tracks: int = 2,
        max_tracks: int = 16,
        track_lufs: float = -24.0,
        sample_rate: int = 44100,
        grid: int = 2,
        seed: int = 0,
    ) -> None:
        if not (1 <= min_tracks <= max_tracks and segment_s > 0.0 and length >= 1 and grid >= 1):
            raise ArgumentError(
                f"min_tracks={min_tracks}, max_tracks={max_tracks}, segment_s={segment_s}, length={length}, "
                f"grid={grid}: expected 1 <= min_tracks <= max_tracks, and the others above 0"
            )
        if reference not in get_args(Reference):
            raise ArgumentError(f"reference is {reference!r}: choose {', '.join(get_args(Reference))}")
        self.reference, self.length, self.segment_s, self.grid = reference, length, segment_s, grid
        self.min_tracks, self.max_tracks, self.track_lufs = min_tracks, max_tracks, track_lufs
        self.sample_rate, self.seed, self.epoch = sample_rate, seed, 0
        self.segments = 2 if reference == "same_song" else 1
        self.songs, self.mixes = _songs(manifests, split, self.segments * segment_s, segment_s, min_tracks)
        if reference == "own_mix":
            self.songs = {
                name: stems for name, stems in self.songs.items() if name not in self.mixes or len(stems) <= max_tracks
            }
        where = ", ".join(str(manifest.root) for manifest in manifests)
        if not self.songs:
            raise DataError(
                f"no song in split {split or 'all'!r} of {where} has {min_tracks} or more stems of "
                f"{self.segments * segment_s:g} s: use shorter segments, fewer tracks or more data"
            )
        if reference == "other_song" and not set(self.mixes) - ({*self.songs} if len(self.songs) == 1 else set()):
            raise DataError(
                f"no mix of another song in split {split or 'all'!r} of {where}: scan finished songs too (kind mix), "
                "or train with --data.reference same_song"
            )

    def drawn_from(self, manifests: Sequence[Manifest]) -> list[Manifest]:
        """The same manifests, with the rows that can be drawn: tracks, and mixes where there is use for them."""
        numbers = {stem.number for stems in self.songs.values() for stem in stems}
        if self.reference == "other_song":
            numbers |= {mix.number for mix in self.mixes.values()}
        elif self.reference == "own_mix":
            numbers |= {mix.number for song, mix in self.mixes.items() if song in self.songs}
        found, first = [], 0
        for manifest in manifests:
            rows = [row for number, row in enumerate(manifest.rows, first) if number in numbers]
            found.append(replace(manifest, rows=rows))
            first += len(manifest.rows)
        return found

    def __len__(self) -> int:
        return self.length

    def set_epoch(self, epoch: int) -> None:
        """Draw other passages."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        for attempt in range(4 * SILENT_ATTEMPTS):
            name = sorted(self.songs)[rng.integers(len(self.songs))]
            start_s, found = self._draw_passage(rng, name)
            # Where so many tracks never sound together, fewer will do.
            if len(found) >= self.min_tracks or (found and attempt >= SILENT_ATTEMPTS // 2):
                break
        else:
            raise DataError(f"{name} and others: no track sounds throughout {self.segment_s:g} s: use shorter segments")
        item = self._padded(found) | {"song": name, "start_ms": round(1000.0 * start_s)}
        if self.reference == "other_song":
            item["reference"] = self._draw_mix(rng, name)
        elif self.reference == "own_mix":
            item |= self._own_mix(name, start_s, item["tracks"], found)
        return item

    def _draw_passage(self, rng: np.random.Generator, song: str) -> tuple[float, list[tuple[Stem, Tensor]]]:
        """Where a passage begins in seconds, and the tracks that were chosen and sound in all of its segments.

        With a mix on file, whatever can be heard in it has to be there.
        """
        stems, whole = self.songs[song], self.reference == "own_mix" and song in self.mixes
        step_s = self.segment_s / self.grid
        longest = max(stem.duration_s for stem in stems)
        cells = max(1, math.floor((longest - self.segments * self.segment_s) / step_s) + 1)
        start_s, wanted = step_s * int(rng.integers(cells)), int(rng.integers(self.min_tracks, self.max_tracks + 1))
        found: list[tuple[Stem, Tensor]] = []
        for number in rng.permutation(len(stems)):
            if len(found) == wanted and not whole:
                break
            audio = self._read(stems[number].path, start_s, stems[number].duration_s, self.segments)
            parts = audio.split(self.segment_samples, dim=1)
            sounds = min(sounding_share(part, self.sample_rate) for part in parts) >= _ENOUGH_SOUND
            if sounds or (whole and bool(audio.any())):
                found.append((stems[number], audio * 10.0 ** (self._gain_db(stems[number]) / 20.0)))
        return start_s, found

    def _gain_db(self, stem: Stem) -> float:
        """What a track is brought to its level with."""
        return min(max(self.track_lufs - stem.loudness_lufs, LOWEST_GAIN_DB), HIGHEST_GAIN_DB)

    def _own_mix(
        self, song: str, start_s: float, tracks: Tensor, found: Sequence[tuple[Stem, Tensor]]
    ) -> dict[str, Any]:
        gain_db = torch.zeros(self.max_tracks)
        gain_db[: len(found)] = torch.tensor([-self._gain_db(stem) for stem, _ in found])
        mix = self.mixes.get(song)
        if mix is None:
            target = (tracks * (10.0 ** (gain_db / 20.0))[:, None, None]).sum(0)
        else:
            target = self._read(mix.path, start_s, mix.duration_s, 1)
        return {"target": target, "gain_db": gain_db, "gains_known": mix is None}

    def _draw_mix(self, rng: np.random.Generator, song: str) -> Tensor:
        others = sorted(name for name in self.mixes if name != song)
        for _ in range(SILENT_ATTEMPTS):
            stem = self.mixes[others[rng.integers(len(others))]]
            start_s = rng.uniform(0.0, max(0.0, stem.duration_s - self.segment_s))
            audio = self._read(stem.path, start_s, stem.duration_s, 1)
            if sounding_share(audio, self.sample_rate) >= 0.5:
                break
        return normalize_loudness(audio, self.sample_rate, REFERENCE_LUFS)

    def _read(self, path: Path, start_s: float, duration_s: float, segments: int) -> Tensor:
        """One or two segments (2, T), silence behind the end of the file."""
        wanted = segments * self.segment_samples
        if start_s >= duration_s - 0.05:
            return torch.zeros(2, wanted)
        audio, _ = load_audio(
            path,
            start_s=start_s,
            duration_s=segments * self.segment_s + 0.01,
            sample_rate=self.sample_rate,
            channels=2,
        )
        audio = audio[:, :wanted]
        return torch.nn.functional.pad(audio, (0, wanted - audio.shape[1]))

    @property
    def segment_samples(self) -> int:
        """Samples of a segment."""
        return max(1, round(self.segment_s * self.sample_rate))

    def _padded(self, found: Sequence[tuple[Stem, Tensor]]) -> dict[str, Any]:
        tracks = torch.zeros(self.max_tracks, 2, self.segments * self.segment_samples)
        mask = torch.zeros(self.max_tracks, dtype=torch.bool)
        numbers = torch.full((self.max_tracks,), -1, dtype=torch.long)
        instruments = torch.full((self.max_tracks,), INSTRUMENTS.index(UNKNOWN_INSTRUMENT), dtype=torch.long)
        for place, (stem, audio) in enumerate(found):
            tracks[place], mask[place], numbers[place] = audio, True, stem.number
            instruments[place] = INSTRUMENTS.index(stem.instrument)
        return {"tracks": tracks, "mask": mask, "stem": numbers, "instrument": instruments}


def _songs(
    manifests: Sequence[Manifest], split: str | None, passage_s: float, segment_s: float, min_tracks: int
) -> tuple[dict[str, list[Stem]], dict[str, Stem]]:
    """Stems by song, of the songs with enough of them that are long enough, and mixes by song."""
    stems: dict[str, list[Stem]] = defaultdict(list)
    mixes: dict[str, Stem] = {}
    number = -1
    for manifest in manifests:
        root = manifest.root.resolve().as_posix()
        for row in manifest.rows:
            number += 1
            if (split is not None and row.split != split) or row.loudness_lufs <= SILENCE_LUFS:
                continue
            song = f"{root}/{row.dataset}/{row.song}"
            instrument = row.instrument if row.instrument in INSTRUMENTS else UNKNOWN_INSTRUMENT
            stem = Stem(number, manifest.path_of(row), row.duration_s, _loudness(row), instrument)
            if row.kind == "stem":
                stems[song].append(stem)
            elif row.duration_s >= segment_s:
                mixes.setdefault(song, stem)
    enough = {
        song: found
        for song, found in stems.items()
        if len(found) >= min_tracks and max(one.duration_s for one in found) >= passage_s
    }
    return enough, mixes


def _loudness(row: ManifestRow) -> float:
    return row.loudness_lufs + (MONO_ON_TWO_SIDES_DB if row.channels == 1 else 0.0)

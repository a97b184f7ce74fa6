"""Drawing segments of tracks: sounding, of a chosen instrument, two of different content at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from fxrep.audio import load_audio, normalize_loudness, resample
from fxrep.data.manifest import Manifest, read_manifest
from fxrep.errors import DataError

SOUNDING_DB = -50.0
"""A 100 ms block below this mean level counts as silence."""

ENOUGH_SOUND = 0.5
"""A segment that sounds for this share of its time is taken at once; percussion seldom sounds for more."""
SILENT_ATTEMPTS = 10

MIXTURE = "mixture"
UNKNOWN_INSTRUMENT = "other"


@dataclass(frozen=True)
class Source:
    """One recording to draw from: where it lies, what plays, which song of which folder it belongs to, its length."""

    path: Path
    instrument: str
    song: str
    duration_s: float


class SegmentDrawing:
    """Draws sounding segments of `segment_s` from sources that a subclass provides, and reads as it knows to.

    Two segments of a pair come from different songs where the instrument has several, else from different places.
    Tracks of unknown instrument (``other``) are paired only with another place of themselves, because two of them need
    not be the same instrument. Every draw depends on nothing but the generator that is passed in.

    Args:
        segment_s: length of a segment in seconds.
        sample_rate: Hz of the returned audio.
        loudness_lufs: every segment is brought to this loudness, so that level afterwards tells of effects only;
            None leaves the level as recorded.
        attempts: places tried per segment before the most sounding one is taken.

    Attributes:
        sources: what can be drawn now, by instrument.
    """

    def __init__(
        self, segment_s: float, sample_rate: int = 44100, loudness_lufs: float | None = -23.0, attempts: int = 3
    ) -> None:
        self.segment_s, self.sample_rate = segment_s, sample_rate
        self.loudness_lufs, self.attempts = loudness_lufs, attempts
        self.sources: dict[str, list[Source]] = defaultdict(list)

    def seek(self, epoch: int, index: int) -> None:
        """Say which item is drawn next: sources that are read in order have others at hand for each."""

    def _decode(self, source: Source, start_s: float) -> tuple[Tensor, int]:
        """Up to `segment_s` of a source from `start_s`, (2, T), and its rate in Hz."""
        raise NotImplementedError(f"{type(self).__name__} does not define _decode(source, start_s)")

    @property
    def instruments(self) -> list[str]:
        """Instruments there is something to draw of, sorted."""
        return sorted(self.sources)

    def draw_instrument(self, rng: np.random.Generator, exclude: Iterable[str] = ()) -> str:
        """One instrument, by the square root of its total duration: rare ones are heard more often."""
        left = [name for name in self.instruments if name not in set(exclude)]
        weights = np.sqrt([self._seconds_of(name) for name in left])
        return left[rng.choice(len(left), p=weights / weights.sum())]

    def draw_content(self, rng: np.random.Generator, instrument: str) -> Tensor:
        """One sounding segment (2, T) of an instrument."""
        audio, _, _ = self._draw_segment(rng, self._draw_source(rng, self.sources[instrument]))
        return self._at_loudness(audio)

    def draw_content_pair(self, rng: np.random.Generator, instrument: str) -> tuple[Tensor, Tensor, Source, Source]:
        """Two segments (2, T) of one instrument with different content, and where they came from."""
        for _ in range(SILENT_ATTEMPTS):
            first, second = self._draw_sources(rng, instrument)
            audio_a, start_s, share_a = self._draw_segment(rng, first)
            audio_b, _, share_b = self._draw_segment(rng, second, avoid_s=start_s if second is first else None)
            # A track may sound in one place only, and have nothing to be paired with.
            if min(share_a, share_b) > 0.0:
                break
        return self._at_loudness(audio_a), self._at_loudness(audio_b), first, second

    def draw_mixture_pair(
        self, rng: np.random.Generator, n_tracks: int, level_spread_db: float = 3.0
    ) -> tuple[Tensor, Tensor]:
        """Two mixtures (2, T) of the same instruments and levels, every stem of different content."""
        chosen: list[str] = []
        for _ in range(min(n_tracks, len(self.instruments))):
            chosen.append(self.draw_instrument(rng, exclude=chosen))
        mix_a, mix_b = None, None
        for instrument in chosen:
            stem_a, stem_b, _, _ = self.draw_content_pair(rng, instrument)
            level = 10.0 ** (rng.uniform(-level_spread_db, level_spread_db) / 20.0)
            mix_a = level * stem_a if mix_a is None else mix_a + level * stem_a
            mix_b = level * stem_b if mix_b is None else mix_b + level * stem_b
        assert mix_a is not None and mix_b is not None
        return self._at_loudness(mix_a), self._at_loudness(mix_b)

    def _seconds_of(self, instrument: str) -> float:
        return sum(source.duration_s for source in self.sources[instrument])

    def _draw_sources(self, rng: np.random.Generator, instrument: str) -> tuple[Source, Source]:
        sources = self.sources[instrument]
        first = self._draw_source(rng, sources)
        if instrument == UNKNOWN_INSTRUMENT:
            return first, first
        others = [source for source in sources if source.song != first.song] or [first]
        return first, self._draw_source(rng, others)

    def _draw_source(self, rng: np.random.Generator, sources: list[Source]) -> Source:
        weights = np.array([source.duration_s for source in sources])
        return sources[rng.choice(len(sources), p=weights / weights.sum())]

    def _draw_segment(
        self, rng: np.random.Generator, source: Source, avoid_s: float | None = None
    ) -> tuple[Tensor, float, float]:
        """A segment as recorded, where it starts (s), and the share of it that sounds."""
        best, best_start_s, best_share = None, 0.0, -1.0
        # Silence is never an example of an effect: go on trying where nothing at all was heard.
        for attempt in range(SILENT_ATTEMPTS * self.attempts):
            start_s = self._draw_start(rng, source.duration_s, avoid_s)
            audio = self._read(source, start_s)
            share = sounding_share(audio, self.sample_rate)
            if share > best_share:
                best, best_start_s, best_share = audio, start_s, share
            if share >= ENOUGH_SOUND or (best_share > 0.0 and attempt + 1 >= self.attempts):
                break
        assert best is not None
        return best, best_start_s, best_share

    def _draw_start(self, rng: np.random.Generator, duration_s: float, avoid_s: float | None) -> float:
        """A start in seconds; where `avoid_s` is given, outside the segment that starts there, if there is room."""
        last = duration_s - self.segment_s
        if avoid_s is None:
            return float(rng.uniform(0.0, last))
        before, after = max(0.0, avoid_s - self.segment_s), max(0.0, last - (avoid_s + self.segment_s))
        if before + after <= 0.0:
            return float(0.0 if avoid_s > last / 2 else last)
        place = rng.uniform(0.0, before + after)
        return float(place if place < before else avoid_s + self.segment_s + place - before)

    def _read(self, source: Source, start_s: float) -> Tensor:
        audio, rate = self._decode(source, start_s)
        if rate != self.sample_rate:
            audio = resample(audio, rate, self.sample_rate)
        length = round(self.segment_s * self.sample_rate)
        return torch.nn.functional.pad(audio[:, :length], (0, max(0, length - audio.shape[-1])))

    def _at_loudness(self, audio: Tensor) -> Tensor:
        if self.loudness_lufs is None:
            return audio
        return normalize_loudness(audio, self.sample_rate, self.loudness_lufs)


class SegmentSampler(SegmentDrawing):
    """Draws from the stems of manifests.

    Args:
        manifests: where the stems are, one manifest or several; normally the Fx-normalised ones.
        split: use only songs of this split; None for all.
        segment_s: length of a segment in seconds.
        sample_rate: Hz of the returned audio.
        loudness_lufs: every segment is brought to this loudness; None leaves the level as recorded.
        attempts: places tried per segment before the most sounding one is taken.

    Raises:
        DataError: no stem of that split is as long as one segment.
    """

    def __init__(
        self,
        manifests: Manifest | Sequence[Manifest],
        split: str | None = None,
        segment_s: float = 4.0,
        sample_rate: int = 44100,
        loudness_lufs: float | None = -23.0,
        attempts: int = 3,
    ) -> None:
        super().__init__(segment_s, sample_rate, loudness_lufs, attempts)
        several = [manifests] if isinstance(manifests, Manifest) else list(manifests)
        self.sources: dict[str, list[Source]] = defaultdict(list)
        for manifest in several:
            # Songs of two folders may have one name, as generated ones do.
            root = manifest.root.resolve().as_posix()
            for row in manifest.filter(split=split, kind="stem").rows:
                if row.duration_s >= segment_s:
                    source = Source(
                        manifest.path_of(row), row.instrument, f"{root}/{row.dataset}/{row.song}", row.duration_s
                    )
                    self.sources[row.instrument].append(source)
        if not self.sources:
            raise _nothing_to_draw(several, split, segment_s)

    def _decode(self, source: Source, start_s: float) -> tuple[Tensor, int]:
        return load_audio(source.path, start_s=start_s, duration_s=self.segment_s, channels=2)


class SegmentProvider(Protocol):
    """What data sets take in place of a manifest: anything that opens a sampler of its own."""

    def open_sampler(
        self, split: str | None, segment_s: float, sample_rate: int, loudness_lufs: float | None
    ) -> SegmentDrawing:
        """A sampler of a split."""


StemSource = Manifest | str | Path | list[str] | SegmentProvider
"""What data sets draw from: a manifest, its path or a list of paths, or what opens a sampler of its own."""


def open_sampler(
    stems: StemSource, split: str | None, segment_s: float, sample_rate: int, loudness_lufs: float | None
) -> SegmentDrawing:
    """A sampler of whatever the stems are given as; see `SegmentSampler`."""
    if not isinstance(stems, (Manifest, str, Path, list)):
        return stems.open_sampler(split, segment_s, sample_rate, loudness_lufs)
    several = stems if isinstance(stems, list) else [stems]
    opened = [one if isinstance(one, Manifest) else read_manifest(one) for one in several]
    return SegmentSampler(opened, split, segment_s, sample_rate, loudness_lufs)


def _nothing_to_draw(manifests: Sequence[Manifest], split: str | None, segment_s: float) -> DataError:
    where = ", ".join(str(manifest.root) for manifest in manifests)
    splits = {row.split for manifest in manifests for row in manifest.rows if row.kind == "stem"}
    if splits and split is not None and split not in splits:
        return DataError(
            f"no stem in split {split!r} of {where}, only in {', '.join(sorted(splits))}: scan again with a larger "
            "share for it, see fxrep data scan --help"
        )
    return DataError(
        f"no stem of {segment_s:g} s or more in split {split or 'all'!r} of {where}: use shorter segments or scan more "
        "data"
    )


def sounding_share(audio: Tensor, sample_rate: int) -> float:
    """Share of 100 ms blocks of (C, T) audio above `SOUNDING_DB`; 0 for less than one block."""
    block = round(0.1 * sample_rate)
    blocks = audio.shape[-1] // block
    if blocks == 0:
        return 0.0
    power = audio[:, : blocks * block].unflatten(-1, (blocks, block)).square().mean(-1).amax(0)
    return float((power > 10.0 ** (SOUNDING_DB / 10.0)).float().mean())

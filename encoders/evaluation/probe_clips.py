"""Clips for the probes: drawn evenly over songs, rendered and embedded in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from encoders.evaluation.probe_protocol import ProbeProtocol
from encoders.evaluation.systems import System
from fxrep.data.manifest import Manifest
from fxrep.data.segments import SegmentSampler
from fxrep.effects import EffectChain, Settings
from fxrep.errors import DataError
from fxrep.progress import track_progress


@dataclass(frozen=True)
class Origin:
    """What a clip is of."""

    instrument: str
    song: str


@dataclass(frozen=True)
class Clip:
    """A dry clip, audio (2, T), and what it is of."""

    audio: Tensor
    origin: Origin


class ClipSource:
    """Draws clips evenly over the songs of a split, whatever their number of tracks.

    Args:
        manifest: of stems.
        split: songs to draw from; None for all.
        protocol: length and rate of the clips.

    Raises:
        DataError: no song of the split has a stem that is long enough.
    """

    def __init__(self, manifest: Manifest, split: str | None, protocol: ProbeProtocol) -> None:
        self.samplers: dict[str, SegmentSampler] = {}
        rows = manifest.filter(split=split, kind="stem").rows
        for name in sorted({f"{row.dataset}/{row.song}" for row in rows}):
            song = replace(manifest, rows=[row for row in rows if f"{row.dataset}/{row.song}" == name])
            if any(row.duration_s >= protocol.segment_s for row in song.rows):
                self.samplers[name] = SegmentSampler(song, None, protocol.segment_s, protocol.sample_rate)
        if not self.samplers:
            raise DataError(
                f"no stem of {protocol.segment_s:g} s or more in split {split or 'all'!r} of {manifest.root}: "
                "use shorter clips or another split"
            )

    @property
    def songs(self) -> list[str]:
        """Songs there is something to draw of, sorted."""
        return list(self.samplers)

    def draw(self, rng: np.random.Generator, count: int) -> list[Clip]:
        """As many clips of every song as of any other, give or take one, in a drawn order."""
        rounds = -(-count // len(self.samplers))
        order = [self.songs[place] for _ in range(rounds) for place in rng.permutation(len(self.samplers))]
        return [self._draw_one(rng, song) for song in order[:count]]

    def _draw_one(self, rng: np.random.Generator, song: str) -> Clip:
        sampler = self.samplers[song]
        instrument = sampler.draw_instrument(rng)
        return Clip(sampler.draw_content(rng, instrument), Origin(instrument, song))


def embed_rendered(
    systems: Mapping[str, System],
    contents: Sequence[Tensor],
    settings: Sequence[Settings],
    protocol: ProbeProtocol,
    what: str,
) -> dict[str, Tensor]:
    """Render content i (2, T) with settings i, embed it by every system: per system (N, D), in order."""
    assert isinstance(protocol.chain, EffectChain)
    parts: dict[str, list[Tensor]] = {name: [] for name in systems}
    with torch.no_grad():
        for start in track_progress(range(0, len(contents), protocol.batch), what):
            stop = min(start + protocol.batch, len(contents))
            dry = torch.stack(list(contents[start:stop])).to(protocol.device)
            wet = protocol.chain(dry, protocol.sample_rate, list(settings[start:stop]))
            for name, system in systems.items():
                parts[name].append(system.embed(wet, protocol.sample_rate))
    return {name: torch.cat(some) for name, some in parts.items()}

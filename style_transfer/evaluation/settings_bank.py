"""The retrieval prior: settings of the known mix that sounds most like the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from fxrep.data.manifest import Manifest
from fxrep.effects.console import ConsoleSettings
from fxrep.metrics import log_mel_statistics
from fxrep.mixing import TrackSet
from fxrep.mixing.recordings import Recordings, WindowEncoder
from fxrep.progress import track_progress
from style_transfer.evaluation.items import ItemDrawing
from style_transfer.evaluation.protocol import MixProtocol
from style_transfer.references import References


class NearestReference:
    """Takes over the settings of the nearest of many mixes whose settings are known.

    The bank holds mixes of training songs under random settings, embedded. The one nearest to the reference lends its
    settings: its buses and master as they are, and to every track the strip of the track of the bank that is nearest in
    spectrum, each lent once before any is lent again.

    Args:
        manifest: with the songs of the bank.
        protocol: how many, and from which songs.
        encoder: by which mixes are compared.

    Raises:
        DataError: there are no songs for the bank.
    """

    def __init__(self, manifest: Manifest, protocol: MixProtocol, encoder: WindowEncoder) -> None:
        self.encoder, self.track_lufs = encoder, protocol.track_lufs
        drawing = ItemDrawing(manifest, protocol.bank_split, protocol)
        self.console = drawing.console
        self.settings: list[ConsoleSettings] = []
        self.described: list[Tensor] = []
        rng = np.random.default_rng([protocol.seed, 60])
        names, counts = list(drawing.songs), list(protocol.tracks)
        embeddings = []
        for _ in track_progress(range(protocol.bank), "bank"):
            song, count = names[int(rng.integers(len(names)))], counts[int(rng.integers(len(counts)))]
            tracks, _ = drawing.draw_tracks(song, count, rng)
            settings, mix = drawing.known_mix(tracks, rng)
            embeddings.append(Recordings(mix, sample_rate=protocol.sample_rate).embedding(encoder))
            self.settings.append(settings)
            self.described.append(self._describe(tracks))
        self.embeddings = torch.stack(embeddings)

    def estimate(
        self,
        tracks: TrackSet,
        references: References,
        start_s: Sequence[float],
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> ConsoleSettings:
        """The settings of the nearest mix, its strips lent to the tracks that are most like its own."""
        nearest = int((self.embeddings @ references.embedding(self.encoder)).argmax())
        lender = self.settings[nearest]
        lent = self._match(self._describe(tracks), self.described[nearest])
        found = self.console.default_settings(tracks.names)
        strips = list(lender.tracks)
        for name, place in zip(tracks.names, lent, strict=True):
            found.tracks[name] = lender.copy().tracks[strips[place]]
            found.sends[name] = dict(lender.sends[strips[place]])
        found.buses, found.master = lender.copy().buses, lender.copy().master
        return found

    def _describe(self, tracks: TrackSet) -> Tensor:
        """Spectra of tracks at one loudness, (N, D) in dB."""
        audio = tracks.read(0.0, tracks.duration_s, gains=tracks.input_gain_db(self.track_lufs))[0]
        return log_mel_statistics(audio, tracks.sample_rate)

    def _match(self, tracks: Tensor, lenders: Tensor) -> list[int]:
        """Which lender each track gets, the sum of distances being the least."""
        cost = torch.cdist(tracks.double(), lenders.double()).numpy()
        cost = np.tile(cost, (1, -(-len(tracks) // len(lenders))))
        _, columns = linear_sum_assignment(cost)
        return [int(column) % len(lenders) for column in columns]

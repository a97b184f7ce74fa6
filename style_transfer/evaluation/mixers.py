"""What is measured: anything that answers a `MixItem` with a mix, and with settings where it has them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from fxrep.audio import read_audio
from fxrep.effects.console import ConsoleSettings
from fxrep.errors import ArgumentError
from fxrep.mixing import TrackSet
from fxrep.mixing.windows import WINDOW_S
from style_transfer.evaluation.items import MixItem, render_settings
from style_transfer.evaluation.protocol import MixProtocol
from style_transfer.methods import ConsoleMethod, StemMethod
from style_transfer.references import References


@dataclass(frozen=True)
class Answer:
    """What a system makes of a `MixItem`.

    Attributes:
        mix: of the window that is compared, (2, T).
        settings: that made it; None for systems without a console.
    """

    mix: Tensor
    settings: ConsoleSettings | None = None


class Mixer(Protocol):
    """A system under test."""

    def mix(self, item: MixItem) -> Answer | None:
        """Mix what is asked for; None where the system has no answer, as the oracle for another song."""


class ConsoleMixer:
    """A `ConsoleMethod` under test: its settings, rendered over both windows, of which the second is the answer.

    Args:
        method: of `style_transfer`, or another one.
        start: whose settings the method begins with, for methods that search.
    """

    def __init__(self, method: ConsoleMethod, start: ConsoleMixer | None = None) -> None:
        self.method, self.start = method, start

    def mix(self, item: MixItem) -> Answer:
        """Estimate and render."""
        return answer(item, self.estimate(item), self.method.track_lufs)

    def estimate(self, item: MixItem) -> ConsoleSettings:
        """The settings for an item."""
        start = None if self.start is None else self.start.estimate(item)
        length = float(getattr(self.method, "window_s", WINDOW_S))
        return self.method.estimate(item.tracks, item.references, _starts(item, length), item.seed, start)


class StemMixer:
    """A `StemMethod` under test: every track rendered anew, and their sum."""

    def __init__(self, method: StemMethod) -> None:
        self.method = method

    def mix(self, item: MixItem) -> Answer:
        """Render and add up."""
        rate = item.tracks.sample_rate
        audio = item.tracks.read(0.0, item.tracks.duration_s)[0]
        with tempfile.TemporaryDirectory(prefix="fxrep-stems-") as folder:
            wet = []
            for number, stem in enumerate(audio):
                output = Path(folder) / f"{number}.wav"
                self.method.render_stem(stem, rate, item.references, output)
                wet.append(read_audio(output, target_rate=rate, channels=2)[:, : stem.shape[-1]])
        return Answer(torch.stack(wet).sum(0)[:, -item.target.shape[-1] :])


class EqualLoudness:
    """Every track at one loudness, and the console at its defaults: the baseline of the field."""

    def __init__(self, protocol: MixProtocol) -> None:
        self.console, self.track_lufs = protocol.create_console(), protocol.track_lufs

    def estimate(
        self,
        tracks: TrackSet,
        references: References,
        start_s: Sequence[float],
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> ConsoleSettings:
        """The defaults."""
        return self.console.default_settings(tracks.names)


class RandomSettings:
    """Settings from the prior that the known ones are drawn from: what chance would find."""

    def __init__(self, protocol: MixProtocol) -> None:
        self.console, self.track_lufs = protocol.create_console(), protocol.track_lufs
        self.prior, self.first = protocol.create_prior(), protocol.seed

    def estimate(
        self,
        tracks: TrackSet,
        references: References,
        start_s: Sequence[float],
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> ConsoleSettings:
        """Draw, by the seed and the number of tracks."""
        generator = torch.Generator().manual_seed((self.first * 1009 + len(tracks)) * 100003 + seed + 7)
        drawn = self.prior.draw(self.console, 1, len(tracks), generator, self.track_lufs)
        return self.console.unstack(self.console.denormalize(drawn.tracks, drawn.buses, drawn.master), tracks.names)


class Oracle:
    """The known settings, where there are any: what cannot be bettered."""

    def __init__(self, protocol: MixProtocol) -> None:
        self.track_lufs = protocol.track_lufs

    def mix(self, item: MixItem) -> Answer | None:
        """The truth."""
        return None if item.truth is None else answer(item, item.truth, self.track_lufs)


def answer(item: MixItem, settings: ConsoleSettings, track_lufs: float) -> Answer:
    """The second window of an item under settings.

    Raises:
        ArgumentError: the settings are of other tracks.
    """
    if set(settings.tracks) != set(item.tracks.names):
        raise ArgumentError(f"settings for {', '.join(settings.tracks)}; the tracks are {', '.join(item.tracks.names)}")
    ordered = settings.copy()
    # A console takes its tracks in the order of the settings.
    ordered.tracks = {name: ordered.tracks[name] for name in item.tracks.names}
    mix = render_settings(item.tracks, ordered, track_lufs)
    return Answer(mix[:, -item.target.shape[-1] :], ordered)


def _starts(item: MixItem, length_s: float) -> list[float]:
    """Where a method listens that hears so many seconds at once: side by side in the second window.

    One that hears more than a window begins earlier, so that it hears no silence at the end.
    """
    (begin,) = item.start_s
    room = item.tracks.duration_s - begin
    if length_s >= room:
        return [max(0.0, item.tracks.duration_s - length_s)]
    return [begin + number * length_s for number in range(int(room / length_s + 1e-6))]

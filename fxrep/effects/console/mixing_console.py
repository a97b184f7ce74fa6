"""The mixing console: batches for training, blocks and whole songs for listening."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from fxrep.audio import AudioInput
from fxrep.effects.console import song, tensors
from fxrep.effects.console.blocks import BLOCK, ConsoleStream
from fxrep.effects.console.controls import ConsoleControls
from fxrep.effects.console.rendering import RenderedMix, check_tracks, render_mix
from fxrep.effects.console.settings import ConsoleSettings, list_settings
from fxrep.effects.console.tensors import ConsoleTensors
from fxrep.errors import ArgumentError

MixSettings = ConsoleTensors | ConsoleSettings | Sequence[ConsoleSettings] | torch.Tensor


class MixingConsole(ConsoleControls):
    """Tracks through strips, perhaps through groups, with sends to shared buses, to a master strip.

    Every track has the same strip with settings of its own; a stereo track has one set for both channels, and its
    panner is a balance. A track goes to the master or to one group. A send takes a share of the track behind its
    strip to a bus; the bus goes to the master. A processor in a bus strip is given ``fixed={"mix": 1.0}``, since the
    dry sound is on the tracks already.

    Args:
        track: the effects of the track strip, as names or `StripEffect`.
        groups: the strip of each group, by name.
        buses: the strip of each send bus, by name.
        master: the effects of the master strip.
        name: of the console, kept with saved settings.

    Raises:
        ArgumentError: an effect is unknown or listed twice in a strip, or a name is taken twice.
    """

    def render(
        self,
        tracks: torch.Tensor,
        settings: MixSettings,
        sample_rate: int,
        track_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Mix a batch.

        Args:
            tracks: (B, N, C, T), one or two channels, at rest before and after; never written to.
            settings: of a batch; of one mix, used for all; a list of B of them; or positions in [0, 1] joined in one
                tensor (B, `settings_size(N)`), as by `join`, with no track in a group.
            sample_rate: Hz.
            track_mask: (B, N) booleans: which tracks there are. What the others hold has no influence.

        Returns:
            (B, 2, T). Differentiable in the tracks and the settings.

        Raises:
            ArgumentError: settings or mask do not fit, or a setting is out of range.
            AudioError: the tracks are unusable.
        """
        return self.render_parts(tracks, settings, sample_rate, track_mask, keep=False).mix

    def render_parts(
        self,
        tracks: torch.Tensor,
        settings: MixSettings,
        sample_rate: int,
        track_mask: torch.Tensor | None = None,
        keep: bool = True,
    ) -> RenderedMix:
        """Mix a batch as `render` does, and return what goes into the mix as well.

        Args:
            tracks: as for `render`.
            settings: as for `render`.
            sample_rate: Hz.
            track_mask: as for `render`.
            keep: False leaves the tracks out, which are the most of it.
        """
        check_tracks(tracks)
        if isinstance(settings, torch.Tensor):
            settings = self.denormalize(*self.split(settings, tracks.shape[1]))
        if not isinstance(settings, ConsoleTensors):
            several = list_settings(settings)
            if len(several) not in (1, len(tracks)):
                raise ArgumentError(f"settings are for {len(several)} mixes; tracks have shape {tuple(tracks.shape)}")
            stacked = self.stack(several, tracks.shape[1])
            settings = stacked if len(several) == len(tracks) else tensors.repeat_settings(stacked, len(tracks))
        return render_mix(self, tracks, settings, sample_rate, track_mask, keep)

    def stream(self, sample_rate: int, settings: ConsoleSettings) -> ConsoleStream:
        """Return the console with its memory, for tracks that arrive in blocks.

        Raises:
            ArgumentError: the settings do not fit, or an effect cannot be rendered in blocks.
        """
        self.stack([settings], len(settings.tracks))
        return ConsoleStream(self, sample_rate, settings)

    def iter_song(
        self,
        tracks: Mapping[str, AudioInput],
        settings: ConsoleSettings,
        *,
        sample_rate: int | None = None,
        tail_s: float = 0.0,
        block: int = BLOCK,
        threads: int | None = None,
    ) -> Iterator[torch.Tensor]:
        """Mix a whole song in constant memory and yield it in blocks, which equal `render` to -90 dB.

        Args:
            tracks: a path or an array by name, one for each track of the settings, of any lengths; the mix is as long
                as the longest. Files are read block by block.
            settings: of the mix.
            sample_rate: Hz of the arrays and of the mix; files of another rate are resampled on the way. None: that
                of the files, which must agree.
            tail_s: seconds of silence to append, so that reverberation can end.
            block: samples that are worked on at once.
            threads: tracks that are worked on at once; None: as many as there are processors, at most one a track.

        Yields:
            (2, samples) float32.

        Raises:
            ArgumentError: tracks and settings do not fit together, or rates differ.
            AudioError: a track cannot be read.
        """
        rate = song.choose_rate(tracks, sample_rate)
        readers = song.open_tracks(tracks, settings, rate, block)
        stream = self.stream(rate, settings)
        return song.mix_song(stream, readers, song.check_tail(tail_s, rate), block, threads)

    def render_song(
        self,
        tracks: Mapping[str, AudioInput],
        settings: ConsoleSettings,
        output: str | os.PathLike[str],
        *,
        sample_rate: int | None = None,
        tail_s: float = 0.0,
        block: int = BLOCK,
        threads: int | None = None,
        subtype: str | None = None,
    ) -> Path:
        """Mix a whole song into a file, in constant memory, with progress on standard error.

        Args:
            tracks: see `iter_song`, as for `settings`, `sample_rate`, `tail_s`, `block` and `threads`.
            settings: of the mix.
            output: the file to write, which appears complete or not at all; its suffix chooses the format.
            sample_rate: Hz.
            tail_s: seconds.
            block: samples.
            threads: tracks at once.
            subtype: sample format, for example ``"PCM_24"``. None: 32-bit float in WAV, which keeps every value.

        Returns:
            The path of the file.

        Raises:
            ArgumentError: as for `iter_song`; or the format is unknown, or the output is one of the tracks.
            AudioError: as for `iter_song`; or the mix would be clipped by an integer format.
            OutputError: the file cannot be written.
        """
        song.check_output(output, tracks)
        rate = song.choose_rate(tracks, sample_rate)
        options = {"sample_rate": rate, "tail_s": tail_s, "block": block, "threads": threads}
        blocks = self.iter_song(tracks, settings, **options)  # type: ignore[arg-type]
        return song.write_song(output, blocks, rate, subtype, song.expected_blocks(tracks, rate, tail_s, block))

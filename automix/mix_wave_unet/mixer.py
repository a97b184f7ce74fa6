"""Mix-Wave-U-Net: the tracks of a song in, its mix out, no settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from automix.block_rates import exactly
from automix.instruments import name_instruments
from automix.mix_wave_unet.network import Output, WaveUNet
from automix.mix_wave_unet.rendering import inputs_of, render_song
from automix.slots import SLOTS, Slots
from encoders.configurable import Configurable
from fxrep.audio import save_blocks
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing.tracks import TrackSet


class MixWaveUNet(Configurable, nn.Module):
    """`WaveUNet` behind slots for instruments, in a fixed order.

    The network knows a track by its place alone. So the slots are part of what is trained and released; tracks go to
    the slot of their instrument, several of one slot are summed there, and a slot without a track is silent.

    The defaults are the published sizes for eight mono tracks (Martínez-Ramírez et al. 2021); `network.SMALL` are sizes
    for one processor core. What was published and what this is differ in the levels: every track comes at `track_lufs`,
    not with its peak at -12 dBFS.

    Args:
        slots: the instruments of each slot, with commas between them, in order; see `slots.SLOTS`.
        stereo: both sides of each slot are heard; else, as published, their half sum.
        depth, growth, kernel, batch_norm, output, coarse: of `WaveUNet`.
        sample_rate: Hz of the network; songs of other rates are converted and converted back.
        track_lufs: loudness that a track is brought to before the network.

    Attributes:
        instruments: by track, for those that are not to be guessed from their names; set it before `render_stems`.
        in_order: take tracks by their place instead of by their instrument, and refuse another number or order.
        decisions: after `render_stems`, in words, what went where.

    Raises:
        ArgumentError: a size is out of range, or the slots are wrong.
    """

    def __init__(
        self,
        slots: Sequence[str] = SLOTS,
        stereo: bool = False,
        depth: int = 12,
        growth: int = 24,
        kernel: int = 13,
        batch_norm: bool = True,
        output: Output = "samples",
        coarse: int = 0,
        sample_rate: int = 44100,
        track_lufs: float = -24.0,
    ) -> None:
        super().__init__()
        if sample_rate < 1 or not -70.0 < track_lufs <= 0.0:
            raise ArgumentError(f"sample_rate={sample_rate}, track_lufs={track_lufs}: expected Hz and -70 to 0 LUFS")
        self.slots, self.stereo = Slots(slots), stereo
        self.sample_rate, self.track_lufs = sample_rate, track_lufs
        inputs = len(self.slots) * (2 if stereo else 1)
        plain = torch.eye(2).repeat(1, len(self.slots)) if stereo else None
        self.network = WaveUNet(inputs, depth, growth, kernel, batch_norm, output, coarse, plain)
        self.instruments: Mapping[str, str] | None = None
        self.in_order = False
        self.decisions: list[str] = []

    def forward(self, slots: Tensor) -> Tensor:
        """Mix slots (B, S, 2, T) at `sample_rate` to (B, 2, T), of any length.

        Raises:
            AudioError: another shape, with the slots that the network was trained with.
        """
        if slots.dim() != 4 or slots.shape[1:3] != (len(self.slots), 2):
            raise AudioError(
                f"slots of shape {tuple(slots.shape)}: expected (batch, {len(self.slots)}, 2, samples) for the slots "
                f"that this network was trained with, in their order: {self.slots}"
            )
        mixed: Tensor = self.network(inputs_of(slots, self.stereo, self.network.inputs))
        return mixed

    def assign(self, names: Sequence[str]) -> dict[str, int]:
        """The slot of each track, from 0.

        Raises:
            ArgumentError: a track has no slot; or with `in_order`, their number or order is another than trained.
        """
        kinds = name_instruments(names, self.instruments)
        return self.slots.assign_in_order(kinds) if self.in_order else self.slots.assign(kinds)

    def render_stems(self, tracks: TrackSet, folder: Path) -> dict[str, Path]:
        """Mix a song to one file, ``mix``, at the rate of the tracks and as long as the longest, in constant memory.

        Raises:
            ArgumentError: see `assign`.
            AudioError: a track cannot be read.
            OutputError: the file cannot be written.
        """
        path = Path(folder) / "mix.wav"
        save_blocks(path, self.blocks(tracks), tracks.sample_rate)
        return {"mix": path}

    def blocks(self, tracks: TrackSet) -> Iterator[Tensor]:
        """The mix in blocks (2, n) at the rate of the tracks; silence where all tracks are silent."""
        slots = self.assign(tracks.names)
        self.decisions = self._tell(slots)
        if all(lufs == -math.inf for lufs in tracks.loudness_lufs.values()):
            return exactly(iter(()), tracks.samples)
        return render_song(self.network, tracks, slots, self.sample_rate, self.track_lufs, self.stereo)

    def _tell(self, slots: Mapping[str, int]) -> list[str]:
        said = []
        for number, name in enumerate(self.slots.names):
            inside = [track for track, place in slots.items() if place == number]
            said.append(f"Slot {number + 1}, {name}: {', '.join(inside) or 'no track, silent'}.")
        return said

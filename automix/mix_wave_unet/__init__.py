"""Mix-Wave-U-Net: a network that takes the tracks of a song in a fixed order and gives its mix."""

from __future__ import annotations

from automix.mix_wave_unet.mixer import MixWaveUNet
from automix.mix_wave_unet.network import PUBLISHED, SMALL, WaveUNet
from automix.mix_wave_unet.release import (
    describe_mix_wave_unet,
    export_mix_wave_unet,
    list_mix_wave_unets,
    load_mix_wave_unet,
    save_mix_wave_unet,
)
from automix.mix_wave_unet.stream import WaveUNetStream
from automix.slots import SLOTS, Slots

__all__ = [
    "PUBLISHED",
    "SLOTS",
    "SMALL",
    "MixWaveUNet",
    "Slots",
    "WaveUNet",
    "WaveUNetStream",
    "describe_mix_wave_unet",
    "export_mix_wave_unet",
    "list_mix_wave_unets",
    "load_mix_wave_unet",
    "save_mix_wave_unet",
]

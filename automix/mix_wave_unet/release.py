"""Release folders of Mix-Wave-U-Nets: what `fxrep models export` writes and `load_mix_wave_unet` opens. No pickles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from automix.mix_wave_unet.card import mix_wave_unet_card
from automix.mix_wave_unet.mixer import MixWaveUNet
from encoders.model_releases import ReleaseKind


def load_mix_wave_unet(
    model: str | os.PathLike[str] = "default",
    *,
    device: str | torch.device = "cpu",
    instruments: Mapping[str, str] | None = None,
    in_order: bool = False,
) -> MixWaveUNet:
    """Open a released Mix-Wave-U-Net, ready to render (evaluation mode).

    Args:
        model: "default", a name that `list_mix_wave_unets` gives, or a release folder.
        device: where to put it; whole songs are rendered on the CPU.
        instruments: by track, for those that are not to be guessed from their names.
        in_order: take tracks by their place instead of by their instrument, and refuse another number or order than
            that of the slots.

    Raises:
        CheckpointError: there is no such release, or it is damaged, or its weights do not belong to it.
        ArgumentError: the device cannot be used, or `model` is neither text nor a path.
    """
    opened = MIX_WAVE_UNET.load(model, device=device)
    opened.instruments, opened.in_order = instruments, in_order
    return opened


def _audio_contract(model: MixWaveUNet) -> dict[str, Any]:
    return {
        "sample_rate": model.sample_rate,
        "track_lufs": model.track_lufs,
        "slots": str(model.slots),
        "stereo": model.stereo,
        "reach": model.network.reach,
    }


MIX_WAVE_UNET = ReleaseKind(
    name="mix_wave_unet",
    model=MixWaveUNet,
    packages=("encoders", "automix.mix_wave_unet"),
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="mix_wave_unet",
    prefix="model.",
    made_by="fxrep train -c configs/automix/mix_wave_unet_small.yaml",
    self_contained=lambda model: model,
    audio_contract=_audio_contract,
    card=mix_wave_unet_card,
)

save_mix_wave_unet = MIX_WAVE_UNET.save
export_mix_wave_unet = MIX_WAVE_UNET.export
describe_mix_wave_unet = MIX_WAVE_UNET.describe
list_mix_wave_unets = MIX_WAVE_UNET.list

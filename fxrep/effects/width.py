"""Stereo width by mid and side."""

from __future__ import annotations

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.settings import Setting, check_input, per_item, read_settings
from fxrep.effects.zero_gradients import with_zero_gradients

WIDTH_TABLE = (Parameter("width", "", 0.0, 2.0, "linear", 1.0),)


def stereo_width(audio: torch.Tensor, sample_rate: int, *, width: Setting = 1.0) -> torch.Tensor:
    """Scale the side signal (L - R) / 2 and leave the mid signal (L + R) / 2 alone.

    Because the mid is untouched, the mono sum is the same at every width. 0 is mono, 1 the identity, 2 doubles the
    side (+6 dB). Mono audio is copied to both channels and has no side to scale: there the
    width has a gradient of zero.

    Args:
        audio: (B, C, T).
        sample_rate: Hz; has no influence.
        width: factor on the side, 0 to 2.

    Returns:
        (B, 2, T).

    Raises:
        ArgumentError: the width is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    columns = read_settings(audio, WIDTH_TABLE, {"width": width})
    if audio.shape[1] == 1:
        return with_zero_gradients(audio.expand(-1, 2, -1).clone(), [columns["width"]])
    return in_chunks(_widen, audio, columns)


def _widen(audio: torch.Tensor, columns: dict[str, torch.Tensor]) -> torch.Tensor:
    # Adding a share of the difference, instead of rebuilding both channels from mid and side, makes width 1 exact.
    change = (audio[:, :1] - audio[:, 1:]) * per_item((columns["width"] - 1.0) / 2.0, audio)
    return torch.addcmul(audio, change, audio.new_tensor([[1.0], [-1.0]]))


class StereoWidth(Processor):
    """Width from mono to doubled side."""

    name = "stereo_width"
    function = staticmethod(stereo_width)
    parameter_table = WIDTH_TABLE
    memoryless = True
    stereo = True

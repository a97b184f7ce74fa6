from __future__ import annotations

import pytest
import torch

from encoders.evaluation.media import MEDIA, create_medium, offset_levels
from fxrep.errors import ArgumentError

RATE = 44100


@pytest.fixture(scope="module")
def tones() -> torch.Tensor:
    seconds = torch.arange(RATE) / RATE
    return torch.stack([torch.sin(2 * torch.pi * f * seconds).expand(2, -1) for f in (500.0, 2000.0, 15000.0)]) * 0.9


@pytest.mark.parametrize("name", MEDIA)
def test_a_medium_keeps_the_clip_in_place(name: str, tones: torch.Tensor) -> None:
    before = tones.clone()
    heard = create_medium(name)(tones, RATE)
    assert heard.shape == tones.shape and heard.dtype == torch.float32 and torch.equal(tones, before)
    middle = slice(RATE // 4, 3 * RATE // 4)
    low = slice(0, 2)
    error = (heard - tones)[low, :, middle].square().mean() / tones[low, :, middle].square().mean()
    # A filter delays, so only its level is compared; what codes aligns its decoder to the clip.
    level = heard[low, :, middle].square().mean() / tones[low, :, middle].square().mean()
    assert abs(10 * torch.log10(level)) < 0.3
    if name in ("mp3", "vorbis"):
        assert 10 * torch.log10(error) < -15.0
    if name == "low-pass":
        assert 10 * torch.log10(heard[2].square().mean() / tones[2].square().mean()) < -35.0
    assert torch.equal(heard, create_medium(name)(tones, RATE))


def test_codecs_do_not_clip_what_is_louder_than_full_scale(tones: torch.Tensor) -> None:
    loud = 4.0 * tones[:1]
    heard = create_medium("vorbis")(loud, RATE)
    assert heard.abs().amax() > 3.3


def test_levels() -> None:
    audio = torch.ones(2, 2, 8)
    assert offset_levels(audio, torch.zeros(2, dtype=torch.float64)) is audio
    assert torch.allclose(offset_levels(audio, torch.tensor([0.0, -20.0]))[:, 0, 0], torch.tensor([1.0, 0.1]))


def test_an_unknown_medium() -> None:
    with pytest.raises(ArgumentError, match="plain, low-pass, mp3, vorbis"):
        create_medium("wax")

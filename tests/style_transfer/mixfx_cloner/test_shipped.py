"""The cloner that ships: it is small, found by its name, and does what its reference says."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from fxrep.data.synthesis.song import generate_song
from fxrep.effects.filters import high_shelf
from fxrep.effects.panning import panner
from fxrep.losses.spectra import short_time_power
from style_transfer import create_method
from style_transfer.mixfx_cloner import SMALL, MixFXCloner, describe_cloner, list_cloners, load_cloner


@pytest.fixture(scope="module")
def shipped() -> MixFXCloner:
    return load_cloner()


def test_it_is_what_the_method_takes_without_a_name(shipped: MixFXCloner) -> None:
    made = create_method("mixfx_cloner")
    assert isinstance(made, MixFXCloner) and made.config() == shipped.config()
    assert list_cloners() == ["mixfx_cloner"]
    arguments = shipped.config()["init_args"]
    assert {name: arguments[name] for name in SMALL} == SMALL and arguments["encoder"] == "spectral"


def test_it_is_small_and_says_what_it_is(shipped: MixFXCloner) -> None:
    description = describe_cloner()
    folder = Path(description["folder"])
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000
    assert description["metrics"]["metrics"]["validation/loss_ratio"] < 0.8
    assert "Measured" in (folder / "README.md").read_text()


def brightness_db(audio: torch.Tensor) -> float:
    """What lies above 3 kHz against what lies below."""
    power = short_time_power(audio[None]).mean((0, 1, 3))
    edge = round(3000.0 / 22050.0 * (len(power) - 1))
    return float(10.0 * torch.log10(power[edge:].sum() / power[:edge].sum()))


def test_references_of_other_tone_and_place_change_a_stem_accordingly(shipped: MixFXCloner) -> None:
    song, other = (generate_song(seed, duration_s=5.0, tracks=["guitar"]) for seed in (2, 3))
    stem, played = (one.tracks["guitar"].expand(2, -1).contiguous() for one in (song, other))
    rate = song.sample_rate
    bright, dull = (
        shipped.render(stem, rate, high_shelf(played[None], rate, frequency_hz=3000.0, gain_db=gain)[0])
        for gain in (12.0, -12.0)
    )
    assert brightness_db(bright) > brightness_db(dull) + 1.0
    to_left, to_right = (shipped.render(stem, rate, panner(played[None], rate, pan=pan)[0]) for pan in (-0.9, 0.9))
    assert left_db(to_left) > left_db(to_right) + 4.0


def left_db(audio: torch.Tensor) -> float:
    left, right = audio.square().sum(-1).tolist()
    return 10.0 * math.log10(left / right)

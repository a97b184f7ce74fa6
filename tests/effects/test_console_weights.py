"""The weight of an effect in a strip: nothing at 0, all of it at 1, their sum between, and alike in blocks."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects import MixingConsole, compressor, default_console, gain, noise_shaped_reverb
from fxrep.effects.console import Strip, StripEffect, graph_console
from fxrep.errors import ArgumentError
from fxrep.mixing.warm_up import warm_up_s

RATE = 44100
CHAIN = [
    StripEffect("compressor", wet=1.0),
    StripEffect("noise_shaped_reverb", fixed={"mix": 1.0}, wet=0.0),
    StripEffect("panner", wet=0.5),
]
SQUEEZE = {"threshold_db": -30.0, "ratio": 4.0}


@pytest.fixture
def audio() -> torch.Tensor:
    """(3, 1, 30000): mono noise."""
    return 0.3 * torch.randn(3, 1, 30000, generator=torch.Generator().manual_seed(1))


def test_at_zero_the_input_comes_back_whatever_else_is_set(audio: torch.Tensor) -> None:
    strip = Strip(CHAIN)
    nothing = {"compressor": SQUEEZE | {"wet": 0.0}, "noise_shaped_reverb": {"decay_s": 2.0, "wet": 0.0}}
    assert torch.equal(strip(audio, RATE, nothing), audio)
    assert strip.streams(RATE, nothing) == {}
    assert torch.equal(strip(audio, RATE, strip.defaults()), audio)


def test_at_one_it_is_the_effect_and_between_them_both(audio: torch.Tensor) -> None:
    strip, squeezed = Strip(CHAIN), compressor(audio, RATE, **SQUEEZE)
    assert torch.equal(strip(audio, RATE, {"compressor": SQUEEZE | {"wet": 1.0}}), squeezed)
    assert torch.equal(strip(audio, RATE, {"compressor": SQUEEZE}), squeezed)
    shared = strip(audio, RATE, {"compressor": SQUEEZE | {"wet": 0.3}})
    torch.testing.assert_close(shared, 0.7 * audio + 0.3 * squeezed)
    room = strip(audio, RATE, {"noise_shaped_reverb": {"decay_s": 0.5, "wet": 0.25}})
    torch.testing.assert_close(room, noise_shaped_reverb(audio, RATE, decay_s=0.5, mix=0.25), rtol=1e-5, atol=1e-6)


def test_each_row_has_a_weight_of_its_own(audio: torch.Tensor) -> None:
    strip = Strip([StripEffect("gain", wet=0.0)])
    wet = torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64)
    output = strip(audio, RATE, {"gain": {"gain_db": 6.0, "wet": wet}})
    assert torch.equal(output[0], audio[0])
    louder = gain(audio, RATE, gain_db=6.0)
    assert torch.equal(output[1], louder[1])
    torch.testing.assert_close(output[2], 0.5 * (audio[2] + louder[2]))


def test_a_weight_has_a_gradient_at_zero_but_not_where_it_is_off(audio: torch.Tensor) -> None:
    strip = Strip([StripEffect("gain", wet=0.0)])
    wet = torch.tensor([0.0, float("nan"), 0.5], dtype=torch.float64, requires_grad=True)
    gain_db = torch.full((3,), 6.0, dtype=torch.float64, requires_grad=True)
    output = strip(audio, RATE, {"gain": {"gain_db": gain_db, "wet": wet}})
    assert torch.equal(output[:2], audio[:2])
    output.sum().backward()
    added = (gain(audio, RATE, gain_db=6.0) - audio).sum((1, 2)).double()
    torch.testing.assert_close(wet.grad, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64) * added, rtol=1e-4, atol=0)
    assert gain_db.grad is not None and gain_db.grad[1] == 0.0 and gain_db.grad[2] != 0.0


def test_blocks_equal_the_whole(audio: torch.Tensor) -> None:
    console = graph_console(["band"])
    settings = console.default_settings(["a", "b", "c"], group_of={"a": "band", "b": "band"})
    for place, path, value in (
        ("a", "parametric_eq.wet", 0.7),
        ("a", "parametric_eq.peak_2_gain_db", 9.0),
        ("a", "compressor.wet", 1.0),
        ("a", "compressor.threshold_db", -30.0),
        ("a", "compressor.ratio", 6.0),
        ("b", "noise_shaped_reverb.wet", 0.2),
        ("b", "delay.wet", 0.4),
        ("b", "delay.time_ms", 90.0),
        ("band", "stereo_width.wet", 0.5),
        ("band", "stereo_width.width", 1.7),
        ("band", "noise_gate.wet", 0.5),
        ("band", "noise_gate.range_db", 20.0),
        ("c", "panner.wet", 0.5),
        ("c", "panner.pan", -0.8),
    ):
        settings = settings.edit(place, path, value)
    whole = console.render(audio[None], settings, RATE)[0]
    tracks = dict(zip("abc", audio, strict=True))
    blocks = torch.cat(list(console.iter_song(tracks, settings, sample_rate=RATE, block=4096)), -1)
    assert (blocks - whole).norm() < 10 ** (-90 / 20) * whole.norm()


def test_the_console_of_graphs_is_the_sum_until_something_is_weighed(audio: torch.Tensor) -> None:
    console = graph_console()
    settings = console.default_settings(["a", "b", "c"])
    expected = ((audio[0] + audio[1]) + audio[2]).expand(2, -1)
    assert torch.equal(console.render(audio[None], settings, RATE)[0], expected)
    there_and_back = console.unstack(console.denormalize(*console.normalize([settings])), ["a", "b", "c"])
    assert there_and_back.tracks["a"]["compressor"]["wet"] == 0.0


def test_walking_through_a_strip_gives_what_every_effect_gives(audio: torch.Tensor) -> None:
    strip = Strip(CHAIN)
    values = {"compressor": SQUEEZE, "panner": {"pan": 0.5}}
    steps = dict(strip.walk(audio, RATE, values))
    assert list(steps) == ["compressor", "noise_shaped_reverb", "panner"]
    assert torch.equal(steps["panner"], strip(audio, RATE, values))
    rest = dict(strip.walk(steps["noise_shaped_reverb"], RATE, values, first="panner"))
    assert torch.equal(rest["panner"], steps["panner"])


def test_a_weight_out_of_range_is_refused(audio: torch.Tensor) -> None:
    strip = Strip(CHAIN)
    with pytest.raises(ArgumentError, match="wet"):
        strip(audio, RATE, {"compressor": SQUEEZE | {"wet": 1.5}})
    settings = MixingConsole(track=CHAIN, master=["fader"]).default_settings(["a"])
    with pytest.raises(ArgumentError, match=r"compressor\.wet is 2; expected 0 to 1"):
        settings.edit("a", "compressor.wet", 2.0)
    with pytest.raises(ArgumentError, match="default"):
        Strip([StripEffect("gain", wet=-0.5)])


def test_what_has_no_weight_has_no_past_either() -> None:
    console = graph_console()
    settings = console.default_settings(["a"])
    assert warm_up_s(settings) < warm_up_s(default_console().default_settings(["a"]))
    heard = settings.edit("a", "noise_shaped_reverb.wet", 0.1).edit("a", "noise_shaped_reverb.decay_s", 4.0)
    assert 4.0 < warm_up_s(heard) < 10.0

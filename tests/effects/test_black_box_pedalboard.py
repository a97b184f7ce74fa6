"""Pedalboard's effects as processors, against pedalboard itself and against ours."""

from __future__ import annotations

import sys

import pedalboard
import pytest
import torch

from fxrep import effects
from fxrep.effects.parameters import Parameter
from fxrep.effects.pedalboard_effects import PEDALBOARD_TABLES, pedalboard_ms, pedalboard_processor
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError, FxrepError, MissingExtraError

RATE = 44100
NAMES = list(PEDALBOARD_TABLES)


@pytest.mark.parametrize("name", NAMES)
def test_is_what_pedalboard_does(name: str, noise: torch.Tensor) -> None:
    processor = pedalboard_processor(name, threads=2)
    settings = processor.sample(torch.Generator().manual_seed(1))
    output = processor(noise, RATE, **settings)
    for item in range(3):
        reference = getattr(pedalboard, name)(**settings)(noise[item].numpy(), RATE)
        assert torch.equal(output[item], torch.from_numpy(reference))
    # Nothing is left over from the call before.
    assert torch.equal(processor(noise, RATE, **settings), output)
    assert processor(noise[:, :1], RATE, **settings).shape == noise[:, :1].shape


@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_the_whole(name: str, noise: torch.Tensor) -> None:
    processor = pedalboard_processor(name)
    settings = processor.sample(torch.Generator().manual_seed(2))
    blocks = torch.split(noise, [1, 7, 1000, 12000, noise.shape[-1] - 13008], -1)
    joined = torch.cat(list(stream_blocks(processor.stream(RATE, **settings), blocks)), -1)
    assert torch.equal(joined, processor(noise, RATE, **settings))


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_accepted_at_their_ends(name: str, noise: torch.Tensor) -> None:
    processor = pedalboard_processor(name)
    for edge in ("minimum", "maximum"):
        settings = {p.name: getattr(p, edge) for p in processor.parameter_table}
        assert torch.isfinite(processor(noise[:1], RATE, **settings)).all()


@pytest.mark.parametrize(
    "name", sorted(set(NAMES) - {"Limiter", "Distortion", "LowpassFilter", "HighpassFilter", "Bitcrush"})
)
def test_default_settings_change_nothing(name: str, noise: torch.Tensor) -> None:
    assert torch.equal(pedalboard_processor(name)(noise, RATE), noise)


def test_milliseconds_convert_to_ours(hits: torch.Tensor) -> None:
    mono = hits[:, :1]
    settings = {"threshold_db": -30.0, "ratio": 6.0}
    theirs = pedalboard_processor("Compressor")(
        mono, RATE, **settings, attack_ms=pedalboard_ms(5.0), release_ms=pedalboard_ms(80.0)
    )
    ours = effects.compressor(mono, RATE, **settings, attack_ms=5.0, release_ms=80.0, knee_db=0.0)
    unconverted = effects.compressor(
        mono, RATE, **settings, attack_ms=pedalboard_ms(5.0), release_ms=pedalboard_ms(80.0), knee_db=0.0
    )
    # They smooth the level, we the gain in dB, so the two compressors are not one; the times must still agree.
    assert (theirs - ours).square().mean() < 0.25 * (theirs - unconverted).square().mean()


def test_gradients_and_chains(noise: torch.Tensor) -> None:
    processor = pedalboard_processor("Distortion")
    drive = torch.tensor(10.0, requires_grad=True)
    chain = effects.EffectChain([effects.ChainEffect(processor)])
    settings = [{"effect": "pedalboard_distortion", "settings": {"drive_db": drive}}]
    chain(noise, RATE, settings).square().mean().backward()
    exact = torch.tensor(10.0, requires_grad=True)
    gained = torch.tanh(noise * 10.0 ** (exact / 20.0))
    gained.square().mean().backward()
    torch.testing.assert_close(drive.grad, exact.grad, rtol=1e-3, atol=0.0)


def test_a_plugin_is_loaded_once_and_reset(monkeypatch: pytest.MonkeyPatch, noise: torch.Tensor) -> None:
    loaded = []

    def load_plugin(path: str):
        loaded.append(path)
        plugin = pedalboard.Delay(delay_seconds=0.01, mix=0.5)
        # A plug-in tells its parameters in a dictionary; a stock effect has none.
        return _Plugin(plugin)

    monkeypatch.setattr(pedalboard, "load_plugin", load_plugin)
    table = [Parameter("feedback", "", 0.0, 0.9, "linear", 0.0), Parameter("mix", "", 0.0, 1.0, "linear", 0.0)]
    processor = pedalboard_processor("plugins/My Echo 2.vst3", table, threads=4)
    assert processor.name == "pedalboard_my_echo_2"
    once = processor(noise, RATE, feedback=0.5, mix=0.5)
    assert torch.equal(once, processor(noise, RATE, feedback=0.5, mix=0.5))
    reference = pedalboard.Delay(0.01, 0.5, 0.5)(noise[1].numpy(), RATE)
    assert torch.equal(once[1], torch.from_numpy(reference))
    assert loaded == ["plugins/My Echo 2.vst3"]
    with pytest.raises(ArgumentError, match="no parameter 'size'; choose from feedback, mix"):
        pedalboard_processor("Echo.vst3", [Parameter("size", "", 0.0, 1.0)])


class _Plugin:
    parameters = {"feedback": None, "mix": None}  # noqa: RUF012

    def __init__(self, effect) -> None:
        vars(self)["effect"] = effect

    def __setattr__(self, name: str, value: float) -> None:
        setattr(self.effect, name, value)

    def process(self, *arguments, **options):
        return self.effect.process(*arguments, **options)


@pytest.mark.parametrize(
    ("effect", "parameters", "message"),
    [
        ("Flanger", None, "choose from Bitcrush"),
        ("Echo.vst3", None, "say which"),
        ("missing.vst3", [Parameter("mix", "", 0.0, 1.0)], "cannot be loaded"),
        ("Gain", [Parameter("level", "", 0.0, 1.0)], "choose from gain_db"),
    ],
)
def test_what_is_not_there_is_named(effect: str, parameters, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        pedalboard_processor(effect, parameters)


def test_frequencies_above_nyquist_are_refused(noise: torch.Tensor) -> None:
    with pytest.raises(FxrepError, match=r"pedalboard_peakfilter.*below 8000 Hz"):
        pedalboard_processor("PeakFilter")(noise, 16000, cutoff_frequency_hz=9000.0)


def test_a_missing_extra_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pedalboard", None)
    with pytest.raises(MissingExtraError, match=r'"fxrep\[pedalboard\]".*GPL'):
        pedalboard_processor("Gain")

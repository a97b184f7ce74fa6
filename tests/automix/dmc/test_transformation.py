"""Where gradients come from while training: exact effects, proxies, black boxes. Mixes for people are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from automix.dmc import BlackBoxEffects, DifferentiableMixingConsole, ExactEffects, ProxyEffects, Transformation
from automix.dmc.training import DMCTraining
from fxrep.effects.console import ConsoleTensors
from fxrep.effects.proxies import NeuralProxy, ProxyNetwork, ProxySize, save_proxy
from fxrep.effects.proxies.processor import proxy_table
from fxrep.effects.registry import create_processor
from fxrep.errors import ArgumentError, CheckpointError

from ...noise_songs import RATE, sound
from .conftest import GAIN_PAN, small_model

EQ = [*GAIN_PAN, "parametric_eq.*_gain_db"]


@pytest.fixture(scope="module")
def tracks() -> Tensor:
    return torch.stack([sound(number, seconds=1.0) for number in range(3)])[None]


@pytest.fixture(scope="module")
def small() -> DifferentiableMixingConsole:
    return small_model(sets=EQ, ranges={"*_gain_db": [-12.0, 12.0]})


def settings_of(model: DifferentiableMixingConsole, tracks: Tensor) -> tuple[ConsoleTensors, Tensor]:
    positions = model(model.encoder.describe(tracks[0])[None])
    mask = torch.ones(tracks.shape[:2], dtype=torch.bool)
    return model.settings(*positions, mask), mask


def write_proxy(folder: Path, effect: str = "parametric_eq", most_db: float = 12.0, rate: int = RATE) -> Path:
    torch.manual_seed(0)
    real = create_processor(effect)
    ranges = {one.name: (-most_db, most_db) for one in real.parameter_table if one.name.endswith("gain_db")}
    network = ProxyNetwork(len(proxy_table(real, ranges)), ProxySize(channels=4, blocks=2, kernel=3, condition=4))
    with torch.no_grad():
        network.head.weight.normal_(std=0.1)
    return save_proxy(NeuralProxy(real, network, rate, ranges=ranges), folder)


def test_exact_effects_are_the_console(small: DifferentiableMixingConsole) -> None:
    assert ExactEffects().console_for(small.console, RATE) is small.console


def test_proxies_carry_gradients_and_mixes_are_hybrids(
    small: DifferentiableMixingConsole, tracks: Tensor, tmp_path: Path
) -> None:
    folder = write_proxy(tmp_path / "eq")
    mixing = ProxyEffects({"parametric_eq": str(folder)}).console_for(small.console, RATE)
    settings, mask = settings_of(small, tracks)
    exact = small.console.render(tracks, settings, RATE, mask)
    imitated = mixing.train().render(tracks, settings, RATE, mask)
    assert not torch.allclose(exact, imitated, atol=1e-3)
    gradient = torch.autograd.grad(imitated.square().mean(), small.post_processor.tracks[-1].weight)[0]  # type: ignore[union-attr, arg-type]
    assert bool(gradient.isfinite().all()) and bool((gradient != 0.0).any(1).all())
    with torch.no_grad():
        hybrid = mixing.eval().render(tracks, settings, RATE, mask)
    torch.testing.assert_close(hybrid, exact, rtol=0, atol=1e-6)


def test_full_hybrids_sound_like_the_effects(
    small: DifferentiableMixingConsole, tracks: Tensor, tmp_path: Path
) -> None:
    folder = write_proxy(tmp_path / "eq")
    mixing = ProxyEffects({"parametric_eq": str(folder)}, mode="hybrid").console_for(small.console, RATE).train()
    settings, mask = settings_of(small, tracks)
    exact = small.console.render(tracks, settings, RATE, mask)
    torch.testing.assert_close(mixing.render(tracks, settings, RATE, mask), exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize("gradient", ["finite_differences", "spsa"])
def test_black_boxes_estimate_the_gradients_of_the_effects(
    small: DifferentiableMixingConsole, tracks: Tensor, gradient: str
) -> None:
    closed = BlackBoxEffects(["parametric_eq"], gradient, samples=1, step=0.002)  # type: ignore[arg-type]
    mixing = closed.console_for(small.console, RATE)
    settings, mask = settings_of(small, tracks)
    gains = settings.tracks["parametric_eq"]["peak_2_gain_db"]
    found = []
    for console in (small.console, mixing):
        mix = console.render(tracks, settings, RATE, mask)
        found.append(torch.autograd.grad(mix.square().mean() * 1e3, gains, retain_graph=True)[0])
    if gradient == "finite_differences":
        # Two renders in single precision, divided by a small step.
        torch.testing.assert_close(found[1], found[0], rtol=5e-2, atol=1e-4)
    else:
        assert bool(found[1].isfinite().all()) and bool((found[1] != 0.0).all())


def test_estimates_of_spsa_are_right_on_average(small: DifferentiableMixingConsole, tracks: Tensor) -> None:
    settings, mask = settings_of(small, tracks)
    gains = settings.tracks["parametric_eq"]["peak_2_gain_db"]
    exact = torch.autograd.grad(
        small.console.render(tracks, settings, RATE, mask).square().mean() * 1e3, gains, retain_graph=True
    )[0]
    mixing = BlackBoxEffects(["parametric_eq"], "spsa", samples=48, step=0.002).console_for(small.console, RATE)
    estimate = torch.autograd.grad(mixing.render(tracks, settings, RATE, mask).square().mean() * 1e3, gains)[0]
    # The spread of 48 tosses of six coins, with the gradients of the other bands as noise.
    assert float((estimate - exact).norm() / exact.norm()) < 1.0


def test_what_cannot_be_exchanged(small: DifferentiableMixingConsole, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no effect 'nothing'"):
        BlackBoxEffects(["nothing"]).console_for(small.console, RATE)
    with pytest.raises(CheckpointError):
        ProxyEffects({"parametric_eq": str(tmp_path / "missing")}).console_for(small.console, RATE)
    wrong = write_proxy(tmp_path / "wrong", rate=22050)
    with pytest.raises(ArgumentError, match="at 22050 Hz"):
        ProxyEffects({"parametric_eq": str(wrong)}).console_for(small.console, RATE)
    narrow = write_proxy(tmp_path / "narrow", most_db=6.0)
    with pytest.raises(ArgumentError, match="trained from -6 to 6: give the model ranges"):
        DMCTraining(small, ProxyEffects({"parametric_eq": str(narrow)}))
    with pytest.raises(NotImplementedError, match="exchange"):
        Transformation().exchange("fader", create_processor("fader"), RATE)

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from encoders.evaluation import EVALUATION_CHAINS, evaluation_chain
from encoders.evaluation.effect_draws import draw_settings, set_otherwise
from encoders.evaluation.numpy_effects import NUMPY_EFFECTS, numpy_processor
from fxrep.effects import default_chain
from fxrep.effects.chain_settings import entry_label
from fxrep.errors import ArgumentError

RATE = 44100


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def noise() -> torch.Tensor:
    """Loud, then soft: dynamics and gates have something to do."""
    loudness = torch.tensor([0.3, 0.003]).repeat_interleave(RATE // 4)
    return loudness * torch.randn(2, 2, RATE // 2, generator=generator(9))


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rooms")
    for name, decay in (("hall", 3.0), ("cupboard", 60.0)):
        response = np.exp(-decay * np.arange(RATE) / RATE) * np.random.default_rng(1).standard_normal(RATE)
        soundfile.write(folder / f"{name}.wav", 0.1 * response, RATE)
    return folder


@pytest.mark.parametrize("n_effects", [1, 3, 7])
def test_exactly_so_many_effects_each_as_often(n_effects: int) -> None:
    chain = default_chain()
    drawn = draw_settings(chain, n_effects, generator(), 140)
    assert {len(settings) for settings in drawn} == {n_effects}
    counts = Counter(entry_label(entry) for settings in drawn for entry in settings)
    expected = 140 * n_effects / 7
    assert all(abs(counts[label] - expected) < 0.5 * expected for label in chain.processors)
    assert drawn == draw_settings(chain, n_effects, generator(), 140)
    # The chain's order holds: what makes the room comes after what makes the tone.
    for settings in drawn:
        labels = [entry_label(entry) for entry in settings]
        if {"parametric_eq", "gain"} <= set(labels):
            assert labels.index("parametric_eq") < labels.index("gain")


def test_no_number_of_effects_is_the_chain_itself() -> None:
    assert draw_settings(default_chain(), None, generator(3), 5) == default_chain().sample_batch(generator(3), 5)


@pytest.mark.parametrize("n_effects", [0, 8])
def test_a_number_that_the_chain_does_not_have(n_effects: int) -> None:
    with pytest.raises(ArgumentError, match="the chain has 7: parametric_eq"):
        draw_settings(default_chain(), n_effects, generator(), 1)


def test_the_same_effects_are_set_otherwise() -> None:
    chain = default_chain()
    for settings in chain.sample_batch(generator(1), 20):
        other = set_otherwise(chain, settings, generator(2))
        if settings:
            assert [entry_label(entry) for entry in other] == [entry_label(entry) for entry in settings]
            assert all(a["settings"] != b["settings"] for a, b in zip(settings, other, strict=True))
    assert len(set_otherwise(chain, [], generator())) == 1


@pytest.mark.parametrize("name", EVALUATION_CHAINS)
def test_every_effect_of_every_chain_changes_the_sound(name: str, noise: torch.Tensor) -> None:
    if name == "pedalboard":
        pytest.importorskip("pedalboard")
    chain = evaluation_chain(name)
    drawn = draw_settings(chain, 1, generator(4), 150)
    assert {entry_label(settings[0]) for settings in drawn} == set(chain.processors)
    for label in chain.processors:
        settings = [one for one in drawn if entry_label(one[0]) == label][:2]
        wet = chain(noise, RATE, settings)
        assert wet.shape == noise.shape and bool(wet.isfinite().all())
        assert float((wet - noise).square().mean() / noise.square().mean()) > 1e-7, label
    if name == "wide":
        assert {len(settings) for settings in draw_settings(chain, 8, generator(), 5)} == {8}


def test_rooms_take_the_place_of_the_reverberation(rooms: Path, noise: torch.Tensor) -> None:
    chain = evaluation_chain("rooms", rooms)
    assert "recorded_rooms" in chain.processors and "noise_shaped_reverb" not in chain.processors
    drawn = [entry for settings in chain.sample_batch(generator(), 40) for entry in settings]
    names = {entry["settings"]["room"] for entry in drawn if entry["effect"] == "recorded_rooms"}
    assert names == {"hall.wav", "cupboard.wav"}
    entry = next(entry for entry in drawn if entry["effect"] == "recorded_rooms")
    assert not torch.equal(chain(noise, RATE, [entry]), noise)
    wrong = {**entry, "settings": {**entry["settings"], "room": "cellar.wav"}}
    with pytest.raises(ArgumentError, match=r"cellar\.wav.*cupboard\.wav"):
        chain(noise, RATE, [wrong])


def test_chains_that_cannot_be(tmp_path: Path, rooms: Path) -> None:
    with pytest.raises(ArgumentError, match="choose from default"):
        evaluation_chain("nope")
    with pytest.raises(ArgumentError, match="no impulse responses"):
        evaluation_chain("rooms", tmp_path)
    for name, folder in (("rooms", None), ("default", rooms)):
        with pytest.raises(ArgumentError, match="--impulse-responses"):
            evaluation_chain(name, folder)
    with pytest.raises(ArgumentError, match="three_bands"):
        numpy_processor("nope")


def test_numpy_effects_do_what_they_say() -> None:
    seconds = np.arange(RATE) / RATE
    tone = np.stack([0.5 * np.sin(2 * np.pi * 1000 * seconds)] * 2).astype(np.float32)

    def level_db(audio: np.ndarray) -> float:
        return float(10 * np.log10(np.square(audio[..., RATE // 2 :], dtype=np.float64).mean()))

    def render(name: str, audio: np.ndarray = tone, **settings: float) -> np.ndarray:
        return NUMPY_EFFECTS[name][0](audio, RATE, **settings)

    assert level_db(render("volume", gain_db=-6.0)) == pytest.approx(level_db(tone) - 6.0, abs=1e-3)
    flat = {"low_db": 0.0, "low_hz": 200.0, "middle_db": 0.0, "middle_hz": 1000.0, "high_db": 0.0, "high_hz": 5000.0}
    assert np.allclose(render("three_bands", **flat), tone)
    # In the middle of its band a first-order band-pass has unit gain and no phase.
    assert level_db(render("three_bands", **{**flat, "middle_db": 9.0})) == pytest.approx(level_db(tone) + 9.0, abs=0.1)
    # 0.5 is -9 dB of mean power, 11 dB above the threshold, of which a quarter is left.
    squeezed = render("leveller", threshold_db=-20.0, ratio=4.0, time_ms=50.0, makeup_db=0.0)
    assert level_db(squeezed) == pytest.approx(-20.0 + (level_db(tone) + 20.0) / 4.0, abs=0.1)
    loud = render("arctangent", np.ones((1, 4), np.float32), drive_db=12.0)
    assert np.allclose(loud, 1.0)
    sides = np.stack([tone[0], -0.5 * tone[0]])
    assert np.allclose(render("spread", sides, width=0.5), sides, atol=1e-6)
    assert np.allclose(*render("spread", sides, width=0.0))
    left, right = render("side_level", right_db=12.0)
    assert level_db(right) - level_db(left) == pytest.approx(12.0, abs=1e-3)
    click = np.zeros((1, RATE), np.float32)
    click[0, 0] = 1.0
    tail = render("noise_tail", click, decay_s=0.5, cutoff_hz=8000.0, wet=0.5)
    assert float(np.square(tail - click).sum(-1).mean()) == pytest.approx(0.25, rel=1e-3)
    assert np.abs(tail[:, RATE // 2 + 1 :]).max() < 1e-6

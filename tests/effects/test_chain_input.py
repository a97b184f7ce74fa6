"""What a chain is made of and given: entries of any kind, tensors with a piece for each item, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fxrep.effects import (
    CHAINS,
    PROCESSORS,
    ChainEffect,
    EffectChain,
    Panner,
    compressor,
    create_chain,
    create_processor,
    fir_matching_eq,
    gain,
    render_settings,
)
from fxrep.errors import ArgumentError, AudioError

RATE = 44100


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("chunked", [False, True])
def test_tensors_with_a_piece_for_each_item_follow_their_items(
    chunked: bool, noise: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chunked:
        monkeypatch.setattr("fxrep.effects.chain_rendering.items_per_chunk", lambda audio: 2)
    key = noise.flip(0) * torch.tensor([0.1, 1.0, 4.0]).reshape(3, 1, 1)
    ducked = {"threshold_db": -30.0, "ratio": 8.0, "sidechain": key}
    rendered = render_settings(noise, RATE, [{"effect": "compressor", "settings": ducked}])
    torch.testing.assert_close(rendered, compressor(noise, RATE, **ducked))
    curves = torch.linspace(-1.0, 1.0, 61) * torch.tensor([[3.0], [-6.0], [9.0]])
    toned = {"amount": 1.0, "curve_db": curves}
    rendered = render_settings(noise, RATE, [{"effect": "fir_matching_eq", "settings": toned}])
    torch.testing.assert_close(rendered, fir_matching_eq(noise, RATE, **toned), rtol=1e-4, atol=1e-6)
    # One for all, and one of an item's own among others.
    shared = {**ducked, "sidechain": key[1:2]}
    rendered = render_settings(noise, RATE, [{"effect": "compressor", "settings": shared}])
    torch.testing.assert_close(rendered, compressor(noise, RATE, **shared))
    rendered = render_settings(noise, RATE, [[], [{"effect": "compressor", "settings": shared}], []])
    torch.testing.assert_close(rendered[1:2], compressor(noise[1:2], RATE, **shared))
    with pytest.raises(ArgumentError, match=r"sidechain of compressor has shape \(2, 2, 22051\)"):
        render_settings(noise, RATE, [{"effect": "compressor", "settings": {**ducked, "sidechain": key[:2]}}])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([5], "settings of an item are 5"),
        ([5, [], []], "settings of an item are 5"),
        ([{"effect": 5, "settings": {}}], "effect"),
        ([{"effect": "gain", "settings": {"gain_db": None}}], "gain_db is None"),
        ([{"effect": "gain", "settings": {"gain_db": "3"}}], "gain_db is '3'"),
        ([{"effect": "gain", "settings": {"gain_db": True}}], "gain_db is True"),
        ([{"effect": "gain", "settings": {"gain_db": [3.0]}}], r"gain_db of gain is \[3.0\]"),
        ([{"effect": "gain", "settings": {"gain_db": torch.zeros(2)}}], r"shape \(2,\)"),
        ([{"effect": "panner", "settings": {"law": ["linear"]}}], r"law of panner is \['linear'\]"),
        ([{"effect": "panner", "settings": {"law": 3}}], "law is 3"),
    ],
)
def test_malformed_settings_are_one_line(settings: object, message: str, noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        EffectChain([])(noise, RATE, settings)
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_numbers(noise: torch.Tensor) -> None:
    expected = gain(noise, RATE, gain_db=3.0)
    for number in (np.float32(3.0), np.float64(3.0), np.int64(3), np.int32(3)):
        assert torch.equal(gain(noise, RATE, gain_db=number), expected)
        entry = {"effect": "gain", "settings": {"gain_db": number}}
        assert torch.equal(render_settings(noise, RATE, [entry]), expected)
        assert torch.equal(render_settings(noise, RATE, [{**entry, "mix": np.float32(1.0)}]), expected)
        assert torch.equal(EffectChain([]).stream(RATE, [entry]).push(noise), expected)


def test_arrays_are_not_audio(noise: torch.Tensor) -> None:
    for audio in (noise.numpy(), noise[0].numpy(), [0.0]):
        with pytest.raises(AudioError, match="tensor"):
            EffectChain([])(audio, RATE, [])


@pytest.mark.parametrize("label", ["keys", "items", "pop", "training", "a.b", "registered"])
def test_any_text_is_a_label(label: str, noise: torch.Tensor) -> None:
    chain = EffectChain([ChainEffect("gain", label=label, ranges={"gain_db": (6.0, 6.0)})])
    settings = chain.sample(generator())
    assert settings[0]["label"] == label
    assert torch.equal(chain(noise, RATE, settings), gain(noise, RATE, gain_db=6.0))


def test_a_chain_takes_names_and_processors(noise: torch.Tensor) -> None:
    chain = EffectChain(["gain", Panner(), ChainEffect("saturation", 0.0)])
    assert [entry["effect"] for entry in chain.sample(generator())] == ["gain", "panner"]


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ("gain", "list of names"),
        ([5], "5 is no processor"),
        ([Panner], r"Panner is a class; give a processor, Panner\(…\)"),
        ([ChainEffect("gain", label="")], "cannot be a label"),
        ([ChainEffect("gain", label=5)], "cannot be a label"),
        ([ChainEffect("gain", "often")], "probability of gain"),
        ([ChainEffect("gain", mix="half")], "mix of gain"),
        ([ChainEffect("gain", ranges={"gain_db": 5.0})], "range 5.0 of gain_db"),
        ([ChainEffect("gain", ranges={"gain_db": ("a", "b")})], "of gain_db"),
        ([ChainEffect("panner", ranges={"law": 3})], "law"),
    ],
)
def test_what_is_no_effect_is_named(effects: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        EffectChain(effects)


@pytest.mark.parametrize("name", list(CHAINS))
def test_drawing_for_a_rate_keeps_filters_below_what_it_holds(name: str) -> None:
    chain = create_chain(name)
    unlimited = chain.sample_batch(generator(4), 20)
    for rate in (44100, 48000, 96000):
        assert chain.sample_batch(generator(4), 20, rate) == unlimited
    audio = torch.randn(20, 2, 500, generator=generator()) * 0.1
    for rate in (8000, 16000, 22050):
        drawn = chain.sample_batch(generator(4), 20, rate)
        assert torch.isfinite(chain(audio, rate, drawn)).all()
        # The same effects in the same order, and the same values wherever the rate is no limit.
        assert [[entry["effect"] for entry in one] for one in drawn] == [
            [entry["effect"] for entry in one] for one in unlimited
        ]
    with pytest.raises(ArgumentError, match="just under Nyquist"):
        chain(audio, 8000, unlimited)


@pytest.mark.parametrize("name", list(PROCESSORS))
def test_every_processor_can_be_drawn_for_a_low_rate(name: str) -> None:
    if name in ("convolution_reverb", "fir_matching_eq"):
        pytest.skip("needs a response or a reference, and has no frequency")
    processor = create_processor(name)
    for seed in range(4):
        extra = {p.name: (p.minimum, p.maximum) for p in processor.parameter_table if p.default is None}
        settings = processor.sample(generator(seed), extra, 8000)
        processor(torch.zeros(1, 2, 300), 8000, **settings)
        assert processor.sample(generator(seed), extra, 44100) == processor.sample(generator(seed), extra)

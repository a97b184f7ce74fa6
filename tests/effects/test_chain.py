from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from fxrep.effects import (
    CHAINS,
    ChainEffect,
    ConvolutionReverb,
    EffectChain,
    create_chain,
    gain,
    koo_chain,
    load_settings,
    parametric_eq,
    render_settings,
    save_settings,
)
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError, AudioError, DataError

RATE = 44100


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", list(CHAINS))
def test_bypassed_is_the_identity_bit_for_bit(name: str, noise: torch.Tensor) -> None:
    chain = create_chain(name)
    assert torch.equal(chain(noise, RATE, []), noise)
    assert torch.equal(chain(noise, RATE, [[], [], []]), noise)
    assert torch.equal(chain(noise[0], RATE, []), noise[0])


def test_items_without_effects_pass_untouched_beside_others(noise: torch.Tensor) -> None:
    chain = create_chain("default")
    louder = [{"effect": "gain", "settings": {"gain_db": 6.0}}]
    output = chain(noise, RATE, [[], louder, []])
    assert torch.equal(output[0], noise[0])
    assert torch.equal(output[2], noise[2])
    torch.testing.assert_close(output[1], noise[1] * 10 ** (6 / 20))


@pytest.mark.parametrize("name", list(CHAINS))
def test_a_batch_sounds_like_its_items_alone(name: str, noise: torch.Tensor) -> None:
    chain = create_chain(name)
    settings = chain.sample_batch(generator(3), 3)
    before = noise.clone()
    together = chain(noise, RATE, settings)
    assert torch.equal(before, noise)
    for index in range(3):
        alone = chain(noise[index], RATE, settings[index])
        error = (alone - together[index]).norm() / alone.norm()
        assert error < 10 ** (-95 / 20)


def test_settings_survive_json_and_another_chain(noise: torch.Tensor) -> None:
    chain = create_chain("koo")
    settings = chain.sample(generator(1))
    again = json.loads(json.dumps(settings))
    assert again == settings
    assert torch.equal(chain(noise, RATE, settings), EffectChain([])(noise, RATE, again))


def test_drawing_is_repeatable_and_applying_draws_nothing(noise: torch.Tensor) -> None:
    chain = create_chain("default")
    assert chain.sample_batch(generator(5), 4) == chain.sample_batch(generator(5), 4)
    state = torch.get_rng_state()
    settings = chain.sample_batch(generator(5), 3)
    chain(noise, RATE, settings)
    assert torch.equal(state, torch.get_rng_state())


def test_effects_are_applied_in_the_order_listed(noise: torch.Tensor) -> None:
    tone = {"effect": "parametric_eq", "settings": {"low_shelf_gain_db": 12.0}}
    drive = {"effect": "saturation", "settings": {"drive_db": 20.0}}
    chain = EffectChain([])
    mixed = chain(noise[:2], RATE, [[tone, drive], [drive, tone]])
    torch.testing.assert_close(mixed[0], chain(noise[0], RATE, [tone, drive]))
    torch.testing.assert_close(mixed[1], chain(noise[1], RATE, [drive, tone]))
    assert not torch.allclose(chain(noise[0], RATE, [tone, drive]), chain(noise[0], RATE, [drive, tone]), atol=1e-3)


def test_probabilities_are_kept() -> None:
    chain = EffectChain([ChainEffect("gain", 0.25), ChainEffect("panner", 0.0), ChainEffect("saturation")])
    draws = chain.sample_batch(generator(), 2000)
    share = sum(any(entry["effect"] == "gain" for entry in draw) for draw in draws) / 2000
    assert share == pytest.approx(0.25, abs=0.04)
    assert all([entry["effect"] for entry in draw][-1] == "saturation" for draw in draws)
    assert not any(entry["effect"] == "panner" for draw in draws for entry in draw)


def test_groups_are_shuffled_among_themselves_only() -> None:
    effects = [ChainEffect(name) for name in ("parametric_eq", "compressor", "panner", "stereo_width", "gain")]
    chain = EffectChain(effects, shuffle_groups=[["compressor", "parametric_eq"], ["panner", "stereo_width"]])
    orders = [tuple(entry["effect"] for entry in draw) for draw in chain.sample_batch(generator(), 200)]
    assert len(set(orders)) == 4
    assert all(set(order[:2]) == {"parametric_eq", "compressor"} and order[4] == "gain" for order in orders)
    anything = EffectChain(effects, order="random").sample_batch(generator(), 300)
    assert len({tuple(entry["effect"] for entry in draw) for draw in anything}) > 60


def test_mono_becomes_stereo_only_where_an_effect_needs_it(noise: torch.Tensor) -> None:
    mono, chain = noise[:, :1], EffectChain([])
    assert chain(mono, RATE, [{"effect": "gain", "settings": {"gain_db": 1.0}}]).shape[1] == 1
    panned = [{"effect": "panner", "settings": {"pan": -1.0}}]
    output = chain(mono, RATE, [panned, [], []])
    assert output.shape == noise.shape
    assert torch.equal(output[1], mono[1].expand(2, -1))


def test_match_rms_keeps_the_level_and_leaves_silence_alone(noise: torch.Tensor) -> None:
    entry = {"effect": "gain", "settings": {"gain_db": 12.0}, "match_rms": True}
    audio = torch.cat((noise, torch.zeros_like(noise[:1])))
    torch.testing.assert_close(EffectChain([])(audio, RATE, [entry]), audio)


def test_a_chain_passes_gradients_to_the_audio(noise: torch.Tensor) -> None:
    chain = create_chain("default")
    audio = noise.clone().requires_grad_()
    chain(audio, RATE, chain.sample_batch(generator(2), 3)).square().mean().backward()
    assert audio.grad is not None
    assert torch.isfinite(audio.grad).all()


def test_optional_settings_may_differ_between_items(noise: torch.Tensor) -> None:
    passes = [
        [{"effect": "parametric_eq", "settings": {"high_pass_hz": hz} if hz else {}}] for hz in (100.0, None, 500.0)
    ]
    output = EffectChain([])(noise, RATE, passes)
    assert torch.equal(output[1], noise[1])
    torch.testing.assert_close(output[2:], parametric_eq(noise[2:], RATE, high_pass_hz=500.0))
    assert torch.equal(gain(noise, RATE, gain_db=0.0)[1], output[1])


@pytest.mark.parametrize(
    ("effects", "options", "message"),
    [
        ([ChainEffect("gain"), ChainEffect("gain")], {}, "twice"),
        ([ChainEffect("gain", 1.5)], {}, "probability of gain"),
        ([ChainEffect("gain", mix=1.5)], {}, "mix of gain"),
        ([ChainEffect("gain", mix=(0.5, 0.2))], {}, "mix of gain"),
        ([ChainEffect("no_such")], {}, "no_such"),
        ([ChainEffect("gain", 1.0, {"gain_db": (0.0, 99.0)})], {}, "gain_db"),
        ([ChainEffect("gain")], {"order": "sideways"}, "sideways"),
        (
            [ChainEffect("gain"), ChainEffect("panner"), ChainEffect("saturation")],
            {"shuffle_groups": [["gain", "saturation"]]},
            "neighbours",
        ),
    ],
)
def test_impossible_chains_are_refused(effects: list, options: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        EffectChain(effects, **options)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([[], []], "2 items"),
        ("gain", "list"),
        ([{"gain_db": 3.0}], "gain_db"),
        ([{"effect": "no_such", "settings": {}}], "no_such"),
        ([{"effect": "gain", "settings": {}, "dry": 1.0}], "'dry'"),
        ([{"effect": "gain", "settings": {}, "mix": 1.5}], "mix of gain"),
        ([{"effect": "gain", "settings": {}, "mix": float("nan")}], "mix of gain"),
        ([{"effect": "gain", "settings": {}, "bypass": 1}], "bypass of gain"),
        ([{"effect": "gain", "settings": {"gain": 3.0}}], "gain has no setting"),
        ([{"effect": "gain", "settings": {"gain_db": 300.0}}], "gain_db is 300"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: object, message: str, noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match=message):
        EffectChain([])(noise, RATE, settings)


def test_unusable_audio_is_refused_even_when_bypassed(noise: torch.Tensor) -> None:
    with pytest.raises(AudioError, match="NaN"):
        EffectChain([])(noise * float("nan"), RATE, [])


def test_named_chains_are_the_documented_ones() -> None:
    with pytest.raises(ArgumentError, match="default, koo"):
        create_chain("mastering")
    share = {name: koo_chain(name).effects[4].probability for name in ("drums", "bass", "vocals", "keys")}
    assert share == {"drums": 0.5, "bass": 0.01, "vocals": 0.9, "keys": 0.7}


def test_mix_is_a_share_and_bypass_is_absence(noise: torch.Tensor) -> None:
    chain = EffectChain([])
    louder = {"effect": "gain", "settings": {"gain_db": 6.0}}
    wet = chain(noise, RATE, [louder])
    torch.testing.assert_close(chain(noise, RATE, [{**louder, "mix": 0.25}]), torch.lerp(noise, wet, 0.25))
    assert torch.equal(chain(noise, RATE, [{**louder, "mix": 0.0}]), noise)
    assert torch.equal(chain(noise, RATE, [{**louder, "mix": 1.0}]), wet)
    assert torch.equal(chain(noise, RATE, [{**louder, "bypass": True}]), noise)
    differently = [[{**louder, "mix": 0.5}], [louder], [{**louder, "mix": 0.0}]]
    mixed = chain(noise, RATE, differently)
    torch.testing.assert_close(mixed[0], torch.lerp(noise, wet, 0.5)[0])
    assert torch.equal(mixed[1], wet[1])
    assert torch.equal(mixed[2], noise[2])
    panned = chain(noise[:, :1], RATE, [{"effect": "panner", "settings": {"pan": 1.0, "law": "linear"}, "mix": 0.5}])
    torch.testing.assert_close(panned, noise[:, :1] * torch.tensor([[0.5], [1.5]]))


def test_the_share_can_be_drawn() -> None:
    draws = EffectChain([ChainEffect("gain", mix=(0.2, 0.4)), ChainEffect("panner", mix=0.7)]).sample_batch(
        generator(), 50
    )
    assert all(0.2 <= draw[0]["mix"] <= 0.4 and draw[1]["mix"] == 0.7 for draw in draws)
    assert len({draw[0]["mix"] for draw in draws}) == 50


def test_one_processor_may_stand_in_a_chain_twice(noise: torch.Tensor) -> None:
    near, far = torch.tensor([[1.0, 0.0, 0.5]]), torch.tensor([[1.0] + [0.0] * 400 + [1.0]])
    chain = EffectChain(
        [
            ChainEffect(ConvolutionReverb(near), label="near", ranges={"mix": (0.5, 0.5)}),
            ChainEffect("gain", ranges={"gain_db": (6.0, 6.0)}),
            ChainEffect(ConvolutionReverb(far), label="far", ranges={"mix": (0.5, 0.5)}),
            ChainEffect("gain", label="trim", ranges={"gain_db": (-6.0, -6.0)}),
        ],
        shuffle_groups=[["far", "trim"]],
    )
    settings = chain.sample(generator(1))
    assert {entry.get("label", entry["effect"]) for entry in settings} == {"near", "gain", "far", "trim"}
    expected = noise
    for response in (near, far):
        expected = ConvolutionReverb(response)(expected, RATE, mix=0.5)
    torch.testing.assert_close(chain(noise, RATE, settings), expected, rtol=1e-4, atol=1e-6)
    # Another chain knows the effect, not the label.
    levels = [entry for entry in settings if entry["effect"] == "gain"]
    assert len(levels) == 2
    torch.testing.assert_close(EffectChain([])(noise, RATE, levels), noise)


def test_settings_are_saved_and_loaded(tmp_path: Path) -> None:
    chain = create_chain("koo")
    for settings in (chain.sample(generator(1)), chain.sample_batch(generator(2), 3), []):
        save_settings(tmp_path / "inner" / "settings.json", settings)
        assert load_settings(tmp_path / "inner" / "settings.json") == settings
    assert [path.name for path in (tmp_path / "inner").iterdir()] == ["settings.json"]


@pytest.mark.parametrize("text", ["", "{", "3", '[{"gain_db": 1}]', '[{"effect": "gain", "settings": {}, "dry": 1}]'])
def test_a_file_of_something_else_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(DataError, match=r"other\.json"):
        load_settings(tmp_path / "other.json")
    with pytest.raises(DataError, match=r"absent\.json"):
        load_settings(tmp_path / "absent.json")


@pytest.mark.parametrize("settings", [[{"effect": "gain", "settings": {"gain_db": float("nan")}}], "gain", [3]])
def test_what_is_no_settings_is_not_saved(settings: object, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError):
        save_settings(tmp_path / "settings.json", settings)
    assert not list(tmp_path.iterdir())


def test_settings_may_be_tensors_with_gradients(noise: torch.Tensor) -> None:
    level = torch.tensor([-3.0, 0.0, 3.0], dtype=torch.float64, requires_grad=True)
    share = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    entry = {"effect": "gain", "settings": {"gain_db": level}, "mix": share}
    output = render_settings(noise, RATE, [entry])
    torch.testing.assert_close(output, torch.lerp(noise, gain(noise, RATE, gain_db=level), 0.5))
    output.square().sum().backward()
    assert level.grad is not None and bool((level.grad > 0).all())
    assert share.grad is not None and float(share.grad) > 0


def test_a_stream_is_the_chain_in_blocks(noise: torch.Tensor) -> None:
    chain = EffectChain([])
    settings = [
        {"effect": "gain", "settings": {"gain_db": 6.0}},
        {"effect": "saturation", "settings": {"drive_db": 12.0}, "mix": 0.4},
        {"effect": "panner", "settings": {"pan": 0.3}},
        {"effect": "stereo_width", "settings": {"width": 1.5}},
        {"effect": "gain", "settings": {"gain_db": 20.0}, "bypass": True},
    ]
    for audio in (noise, noise[:, :1]):
        blocks = audio.split([1, 7, 1000, 0, 21043], dim=-1)
        streamed = torch.cat(list(stream_blocks(chain.stream(RATE, settings), blocks)), dim=-1)
        torch.testing.assert_close(streamed, chain(audio, RATE, settings))
    with pytest.raises(ArgumentError, match="whole signal"):
        chain.stream(RATE, [{**settings[0], "match_rms": True}])


def test_a_seed_is_no_generator() -> None:
    with pytest.raises(ArgumentError, match=r"torch\.Generator"):
        EffectChain([]).sample(3)  # type: ignore[arg-type]

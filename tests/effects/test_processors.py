"""What holds for every processor."""

from __future__ import annotations

import json
import math

import pytest
import torch

from fxrep import effects
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError, AudioError, FxrepError

RATE = 44100
NAMES = list(effects.PROCESSORS)
# Rounding has no useful gradient of its own: these give a straight-through one, which their own tests check.
STRAIGHT_THROUGH = {"bit_crusher"}
# No processor looks further ahead than this at 44.1 kHz.
LOOK_AHEAD = 6000


def processor(name: str) -> effects.Processor:
    if name == "convolution_reverb":
        return effects.ConvolutionReverb(torch.tensor([[1.0, 0.0, 0.4]]))
    if name == "fir_matching_eq":
        return effects.FIRMatchingEQ(curve_db=torch.linspace(-5.0, 9.0, 61).sin() * 6.0)
    return effects.create_processor(name)


def drawn(name: str, seed: int = 0) -> dict:
    """Settings drawn over the whole range; what is off by default is on for every even seed."""
    module = processor(name)
    extra = {p.name: (p.minimum, p.maximum) for p in module.parameter_table if p.default is None and seed % 2 == 0}
    return module.sample(torch.Generator().manual_seed(seed), extra)


def every_choice(module: effects.Processor) -> list[dict]:
    """The defaults, and every other option of every choice on its own."""
    return [{}, *({c.name: option} for c in module.choices for option in c.options if option != c.default)]


def columns(module: effects.Processor, position: float, batch: int) -> dict[str, torch.Tensor]:
    """All continuous settings near one place of their range, those without default too, no two quite alike."""
    places = {
        p: position if position in (0.0, 1.0) else position + 0.01 * i for i, p in enumerate(module.parameter_table)
    }
    return {
        p.name: torch.full((batch,), p.denormalize(place), dtype=torch.float64, requires_grad=True)
        for p, place in places.items()
    }


def hard_cases(samples: int) -> torch.Tensor:
    """(4, 2, samples): silence, DC, full-scale noise, clicks."""
    audio = torch.zeros(4, 2, samples)
    audio[1] = 1.0
    audio[2] = torch.rand(2, samples, generator=torch.Generator().manual_seed(5)) * 2.0 - 1.0
    audio[3, 0, :: samples // 3], audio[3, 1, samples // 2] = 1.0, -1.0
    return audio


def error_db(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    difference = (estimate.double() - truth.double()).norm()
    return 20.0 * math.log10(max(float(difference), 1e-12) / max(float(truth.double().norm()), 1e-12))


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_are_the_identity_bit_for_bit(name: str, hits: torch.Tensor) -> None:
    module = processor(name)
    for audio in (hits[..., :3001], hits[:, :1, :3000].double()):
        assert torch.equal(module(audio, RATE), audio.expand(-1, 2, -1) if module.stereo else audio)


@pytest.mark.parametrize("name", NAMES)
def test_beside_neutral_numbers_a_choice_changes_nothing(name: str, hits: torch.Tensor) -> None:
    """A console leaves out what is neutral, whatever its choices: only a switch without numbers is told by them."""
    module = processor(name)
    for choice in every_choice(module) if module.parameter_table else []:
        output = module(hits[..., :3000], RATE, **choice)
        assert torch.equal(output, hits[..., :3000]), choice


@pytest.mark.parametrize("name", NAMES)
def test_blocks_of_any_length_give_the_whole(name: str, hits: torch.Tensor) -> None:
    module, audio = processor(name), hits[..., 5000:17000]
    lengths = [1, 7, 1000, 33, 4096]
    blocks = audio.split([*lengths, audio.shape[-1] - sum(lengths)], -1)
    for seed, choice in enumerate(every_choice(module)):
        settings = {**drawn(name, seed), **choice}
        joined = torch.cat(list(stream_blocks(module.stream(RATE, **settings), blocks)), -1)
        whole = module(audio, RATE, **settings)
        assert joined.shape == whole.shape
        assert error_db(joined, whole) < -90.0, settings


@pytest.mark.parametrize("name", NAMES)
def test_a_mono_stream_with_settings_per_item(name: str, hits: torch.Tensor) -> None:
    module, audio = processor(name), hits[:, :1, 5000:8000]
    draws = [drawn(name, seed) for seed in (0, 2)]
    settings = {
        key: torch.tensor([draw[key] for draw in draws], dtype=torch.float64)
        for key, value in draws[0].items()
        if isinstance(value, float)
    }
    joined = torch.cat(list(stream_blocks(module.stream(RATE, **settings), audio.split(1234, -1))), -1)
    assert error_db(joined, module(audio, RATE, **settings)) < -90.0


@pytest.mark.parametrize("name", NAMES)
def test_no_setting_is_dead(name: str, hits: torch.Tensor) -> None:
    """Every setting moves the sound, if only under the choice that it belongs to; none makes a gradient infinite."""
    module = processor(name)
    # Over a floor at -80 dB, a steady item and one that stops: holding gates need a pause of a third of a second.
    audio = hits[..., :16000] + torch.randn(2, 2, 16000, generator=torch.Generator().manual_seed(7)) * 1e-4
    audio[1, :, 1500:] -= hits[1, :, 1500:16000]
    dead = {p.name for p in module.parameter_table}
    for choice in every_choice(module):
        settings = columns(module, 0.45, 2)
        output = module(audio, RATE, **settings, **choice)
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(6))
        gradients = torch.autograd.grad((output * weights).sum(), list(settings.values())) if settings else ()
        assert all(torch.isfinite(gradient).all() for gradient in gradients), choice
        dead -= {key for key, gradient in zip(settings, gradients, strict=True) if gradient.ne(0).any()}
    assert not dead


@pytest.mark.parametrize("name", [name for name in NAMES if name not in STRAIGHT_THROUGH])
def test_gradients_match_finite_differences(name: str, hits: torch.Tensor) -> None:
    module = processor(name)
    audio = (hits[..., 2000:3200].double() * 0.7).requires_grad_()
    for choice in every_choice(module):
        settings = columns(module, 0.37, 2)

        def apply(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
            return module(x, RATE, **dict(zip(settings, values, strict=True)), **choice)  # noqa: B023

        assert torch.autograd.gradcheck(
            apply, (audio, *settings.values()), eps=1e-7, atol=1e-4, rtol=1e-3, fast_mode=True
        )


@pytest.mark.parametrize("name", NAMES)
def test_the_output_is_finite_and_bounded(name: str) -> None:
    module, audio = processor(name), hard_cases(3000)
    # What the settings in decibels can add, with 40 dB of room for resonances and feedback.
    highest_db = 40.0 + sum(max(0.0, p.maximum) for p in module.parameter_table if p.name.endswith("_db"))
    edges = [{p.name: getattr(p, edge) for p in module.parameter_table} for edge in ("minimum", "maximum")]
    for settings in (*edges, *(drawn(name, seed) for seed in range(4))):
        output = module(audio, RATE, **settings)
        assert torch.isfinite(output).all()
        assert output.abs().max() < 10.0 ** (highest_db / 20.0), settings


@pytest.mark.parametrize("name", NAMES)
def test_settings_kept_as_json_give_the_same_audio(name: str, hits: torch.Tensor) -> None:
    settings = drawn(name, 3)
    again = json.loads(json.dumps(settings))
    audio = hits[..., :4000]
    assert torch.equal(processor(name)(audio, RATE, **settings), processor(name)(audio, RATE, **again))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", NAMES)
def test_the_gpu_gives_what_the_cpu_gives(name: str, hits: torch.Tensor) -> None:
    module, settings = processor(name), drawn(name)
    assert error_db(module(hits.cuda(), RATE, **settings).cpu(), module(hits, RATE, **settings)) < -90.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_gives_the_same_gradients(name: str, hits: torch.Tensor) -> None:
    gradients = []
    for device in ("cpu", "cuda"):
        module = processor(name).to(device)
        audio = hits[..., 2000:14000].double().to(device).requires_grad_()
        settings = {
            p.name: torch.full((2,), p.denormalize(0.4), dtype=torch.float64, device=device, requires_grad=True)
            for p in module.parameter_table
        }
        output = module(audio, RATE, **settings)
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64)
        gradients.append(torch.autograd.grad((output * weights.to(device)).sum(), [audio, *settings.values()]))
    for there, here in zip(gradients[1], gradients[0], strict=True):
        assert error_db(there.cpu(), here) < -60.0 or torch.allclose(there.cpu(), here, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (torch.full((1, 2, 8), float("nan")), "NaN"),
        (torch.tensor([[[0.0, float("inf")]]]), "infinite"),
        (torch.zeros(1, 2, 0), "empty"),
        (torch.zeros(0, 2, 9), "empty"),
        (torch.zeros(1, 6, 9), r"\(1, 6, 9\)"),
        (torch.zeros(2, 9), "shape"),
        (torch.zeros(1, 2, 9, dtype=torch.int16), "int16"),
        (torch.zeros(1, 2, 9, dtype=torch.float16), "float16"),
        (torch.zeros(1, 2, 9, dtype=torch.bfloat16), "bfloat16"),
    ],
)
def test_unusable_audio_is_named(name: str, audio: torch.Tensor, message: str) -> None:
    with pytest.raises(AudioError, match=message):
        processor(name)(audio, RATE)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_checked(name: str, noise: torch.Tensor) -> None:
    module = processor(name)
    for parameter in module.parameter_table:
        for value in (parameter.minimum - 1.0, parameter.maximum + 1.0, float("nan")):
            with pytest.raises(ArgumentError, match=parameter.name):
                module(noise, RATE, **{parameter.name: value})
        with pytest.raises(ArgumentError, match=parameter.name):
            module(noise, RATE, **{parameter.name: torch.full((2,), parameter.minimum)})
    for choice in module.choices:
        with pytest.raises(ArgumentError, match=choice.name):
            module(noise, RATE, **{choice.name: "nonsense"})
    with pytest.raises(ArgumentError, match="loudness"):
        module(noise, RATE, loudness=1.0)
    with pytest.raises(FxrepError, match="sample_rate"):
        module(noise, 0)


@pytest.mark.parametrize("name", NAMES)
def test_range_edges_are_finite_in_value_and_gradient(name: str, noise: torch.Tensor) -> None:
    module = processor(name)
    cases = torch.cat((hard_cases(2001), noise[:1, :, :2001]))
    for position in (0.0, 1.0):
        settings = columns(module, position, 5)
        audio = cases.clone().requires_grad_()
        output = module(audio, RATE, **settings)
        output.square().mean().backward()
        assert torch.isfinite(output).all()
        for key, tensor in {"audio": audio, **settings}.items():
            assert tensor.grad is not None, key
            assert torch.isfinite(tensor.grad).all(), key


@pytest.mark.parametrize("name", NAMES)
def test_silence_stays_silent_and_one_sample_is_enough(name: str) -> None:
    module = processor(name)
    assert not module(torch.zeros(1, 2, 999), RATE, **drawn(name)).any()
    assert module(torch.ones(1, 2, 1), RATE, **drawn(name)).shape == (1, 2, 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rate", [8000, 192000])
def test_default_settings_work_at_every_rate(name: str, rate: int, noise: torch.Tensor) -> None:
    output = processor(name)(noise, rate)
    assert output.shape == noise.shape
    assert torch.isfinite(output).all()


@pytest.mark.parametrize("name", NAMES)
def test_items_do_not_influence_each_other(name: str, noise: torch.Tensor) -> None:
    module = processor(name)
    draws = [drawn(name, seed) for seed in (0, 2, 4)]
    numbers = [key for key, value in draws[0].items() if isinstance(value, float)]
    settings = {key: torch.tensor([draw[key] for draw in draws], dtype=torch.float64) for key in numbers}
    together = module(noise, RATE, **settings)
    for index, draw in enumerate(draws):
        alone = module(noise[index : index + 1], RATE, **draw)
        assert error_db(together[index : index + 1], alone) < -100.0


@pytest.mark.parametrize("name", NAMES)
def test_a_shorter_input_gives_the_beginning_of_the_output(name: str, noise: torch.Tensor) -> None:
    module, settings = processor(name), drawn(name)
    full = module(noise, RATE, **settings)
    for samples in (10000, 10001):
        part = module(noise[..., :samples].contiguous(), RATE, **settings)
        assert part.shape[-1] == samples
        assert error_db(part[..., : samples - LOOK_AHEAD], full[..., : samples - LOOK_AHEAD]) < -90.0


@pytest.mark.parametrize("name", NAMES)
def test_audio_is_not_written_to_and_dtype_is_kept(name: str, noise: torch.Tensor) -> None:
    before = noise.clone()
    assert processor(name)(noise, RATE, **drawn(name)).dtype == torch.float32
    processor(name)(noise, RATE).zero_()
    assert torch.equal(before, noise)
    assert processor(name)(noise.double(), RATE, **drawn(name)).dtype == torch.float64


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_json_in_range_and_repeatable(name: str) -> None:
    table = {p.name: p for p in processor(name).parameter_table}
    for seed in range(20):
        settings = drawn(name, seed)
        assert json.loads(json.dumps(settings)) == settings == drawn(name, seed)
        for key, value in settings.items():
            assert key not in table or table[key].minimum <= value <= table[key].maximum
    assert not table or drawn(name, 0) != drawn(name, 1)


def test_ranges_narrow_the_draw() -> None:
    module, generator = effects.Compressor(), torch.Generator().manual_seed(0)
    for _ in range(20):
        drawn = module.sample(generator, {"ratio": (2.0, 3.0), "link": ("mean", "none")})
        assert 2.0 <= drawn["ratio"] <= 3.0
        assert drawn["link"] in ("mean", "none")


@pytest.mark.parametrize(
    "ranges", [{"ratio": (0.5, 2.0)}, {"ratio": (3.0, 2.0)}, {"link": ("sum",)}, {"link": "max"}, {"speed": (0, 1)}]
)
def test_impossible_ranges_are_refused(ranges: dict) -> None:
    with pytest.raises(ArgumentError, match=next(iter(ranges))):
        effects.Compressor().sample(torch.Generator(), ranges)


def test_an_unknown_processor_lists_the_known_ones() -> None:
    with pytest.raises(ArgumentError, match="parametric_eq"):
        effects.create_processor("talk_box")

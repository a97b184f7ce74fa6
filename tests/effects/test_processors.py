"""What holds for every processor."""

from __future__ import annotations

import json

import pytest
import torch

from fxrep import effects
from fxrep.errors import ArgumentError, AudioError, FxrepError

RATE = 44100
NAMES = list(effects.PROCESSORS)


def processor(name: str) -> effects.Processor:
    if name == "convolution_reverb":
        return effects.ConvolutionReverb(torch.tensor([[1.0, 0.0, 0.4]]))
    return effects.create_processor(name)


def drawn(name: str, seed: int = 0) -> dict:
    return processor(name).sample(torch.Generator().manual_seed(seed))


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
    for edge in ("minimum", "maximum"):
        settings = {
            p.name: torch.full((3,), getattr(p, edge), dtype=torch.float64, requires_grad=True)
            for p in module.parameter_table
            if p.default is not None
        }
        audio = noise[..., :4001].clone().requires_grad_()
        output = module(audio, RATE, **settings)
        output.square().mean().backward()
        assert torch.isfinite(output).all()
        for tensor in (audio, *settings.values()):
            assert tensor.grad is not None
            assert torch.isfinite(tensor.grad).all()


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
    draws = [drawn(name, seed) for seed in range(3)]
    numbers = [key for key, value in draws[0].items() if isinstance(value, float)]
    columns = {key: torch.tensor([draw[key] for draw in draws], dtype=torch.float64) for key in numbers}
    together = module(noise, RATE, **columns)
    for index, draw in enumerate(draws):
        alone = module(noise[index : index + 1], RATE, **draw)
        torch.testing.assert_close(together[index : index + 1], alone, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_shorter_input_gives_the_beginning_of_the_output(name: str, noise: torch.Tensor) -> None:
    module, settings = processor(name), drawn(name)
    full = module(noise, RATE, **settings)
    for samples in (10000, 10001):
        part = module(noise[..., :samples].contiguous(), RATE, **settings)
        torch.testing.assert_close(part, full[..., :samples], rtol=1e-4, atol=2e-5 if "reverb" in name else 2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_audio_is_not_written_to_and_dtype_is_kept(name: str, noise: torch.Tensor) -> None:
    before = noise.clone()
    assert processor(name)(noise, RATE, **drawn(name)).dtype == torch.float32
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
    assert drawn(name, 0) != drawn(name, 1)


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
        effects.create_processor("flanger")

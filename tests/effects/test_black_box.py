"""Foreign functions as effects: values, settings, errors, chains and blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fxrep import effects
from fxrep.effects.black_box import BlackBox
from fxrep.effects.chain_settings import load_settings, save_settings
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError, AudioError, FxrepError

RATE = 44100
LEVEL = effects.Parameter("level_db", "dB", -24.0, 24.0, "db", 0.0)
MODE = effects.Choice("mode", ("plain", "inverted"), "plain")


def amplify(audio: np.ndarray, sample_rate: int, level_db: float) -> np.ndarray:
    audio *= 10.0 ** (level_db / 20.0)  # in place on purpose: the caller's audio must survive it
    return audio


def amplify_batch(audio: np.ndarray, sample_rate: int, level_db: np.ndarray, mode: str) -> np.ndarray:
    sign = -1.0 if mode == "inverted" else 1.0
    return sign * audio * 10.0 ** (level_db[:, None, None] / 20.0)


def open_accumulator(sample_rate: int, level_db: float):
    state = np.zeros((2, 1))

    def push(block: np.ndarray) -> np.ndarray:
        nonlocal state
        sums = state + np.cumsum(block, -1, dtype=np.float64)
        state = sums[:, -1:]
        return (10.0 ** (level_db / 20.0) * sums).astype(np.float32)

    return push


def accumulate(audio: np.ndarray, sample_rate: int, level_db: float) -> np.ndarray:
    return open_accumulator(sample_rate, level_db)(audio)


def test_a_function_works_as_a_processor(noise: torch.Tensor) -> None:
    box, before = BlackBox(amplify, "amplify", [LEVEL]), noise.clone()
    levels = torch.tensor([-6.0, 0.0, 6.0])
    torch.testing.assert_close(box(noise, RATE, level_db=levels), effects.gain(noise, RATE, gain_db=levels))
    assert torch.equal(box(noise, RATE), noise)
    assert torch.equal(noise, before)
    assert box(noise.double(), RATE, level_db=3.0).dtype == torch.float64


@pytest.mark.parametrize("threads", [1, 3])
def test_batches_threads_and_choices_make_no_difference(noise: torch.Tensor, threads: int) -> None:
    levels = torch.tensor([-6.0, 0.0, 6.0])
    whole = BlackBox(amplify_batch, "amplify", [LEVEL], choices=[MODE], batched=True)
    each = BlackBox(amplify, "amplify", [LEVEL], threads=threads)
    torch.testing.assert_close(whole(noise, RATE, level_db=levels), each(noise, RATE, level_db=levels))
    assert torch.equal(whole(noise, RATE, mode="inverted"), -noise)
    with pytest.raises(ArgumentError, match="mode"):
        whole(noise, RATE, mode="odd")


def test_a_stereo_function_widens_mono(noise: torch.Tensor) -> None:
    box = BlackBox(lambda audio, rate: np.stack((audio[0], -audio[-1])), "widen", stereo=True)
    mono = noise[:, :1].clone().requires_grad_()
    wide = box(mono, RATE)
    assert torch.equal(wide, torch.cat((mono, -mono), 1))
    wide.sum().backward()
    assert torch.equal(mono.grad, torch.full_like(mono, 2.0))
    chain = effects.EffectChain([effects.ChainEffect(box)])
    assert chain(noise[:, :1], RATE, chain.sample(torch.Generator())).shape == (3, 2, noise.shape[-1])


def test_in_a_chain_with_json_settings(noise: torch.Tensor, tmp_path) -> None:
    def chain() -> effects.EffectChain:
        box = BlackBox(amplify, "amplify", [LEVEL])
        return effects.EffectChain([effects.ChainEffect("gain"), effects.ChainEffect(box, mix=(0.2, 0.8))])

    drawn = chain().sample_batch(torch.Generator().manual_seed(5), 3)
    save_settings(tmp_path / "settings.json", drawn)
    again = load_settings(tmp_path / "settings.json")
    assert again == drawn
    output = chain()(noise, RATE, drawn)
    assert torch.equal(output, chain()(noise, RATE, again))
    assert not torch.equal(output, noise)


def test_gradients_pass_through_a_chain(noise: torch.Tensor) -> None:
    box = BlackBox(amplify, "amplify", [LEVEL])
    chain = effects.EffectChain([effects.ChainEffect("gain"), effects.ChainEffect(box)])
    first, second = (torch.tensor([1.0, 2.0, 3.0], requires_grad=True) for _ in range(2))
    settings = [
        {"effect": "gain", "settings": {"gain_db": first}},
        {"effect": "amplify", "settings": {"level_db": second}},
    ]
    chain(noise, RATE, settings).square().mean().backward()
    assert first.grad is not None and (first.grad > 0).all()
    # d/dL of 10^(L/10) P is the same for both; straight through, the first lacks only the gain of the second.
    # A step of 0.48 dB is 0.055 nepers: sinh(x)/x - 1 = 0.05 %.
    torch.testing.assert_close(second.grad, first.grad * 10.0 ** (second.detach() / 20.0), rtol=6e-4, atol=0.0)


@pytest.mark.parametrize("block", [None, 4096])
def test_blocks_with_state(noise: torch.Tensor, block: int | None) -> None:
    box = BlackBox(accumulate, "accumulate", [LEVEL], open_stream=open_accumulator, block=block)
    levels = torch.tensor([-6.0, 0.0, 6.0])
    blocks = torch.split(noise, [1, 7, 1000, noise.shape[-1] - 1008], -1)
    joined = torch.cat(list(stream_blocks(box.stream(RATE, level_db=levels), blocks)), -1)
    torch.testing.assert_close(joined, box(noise, RATE, level_db=levels), rtol=1e-5, atol=1e-5)
    memoryless = BlackBox(amplify, "amplify", [LEVEL], memoryless=True).stream(RATE, level_db=6.0)
    assert torch.equal(memoryless.push(noise), BlackBox(amplify, "amplify", [LEVEL])(noise, RATE, level_db=6.0))
    with pytest.raises(ArgumentError, match="amplify cannot be rendered in blocks"):
        BlackBox(amplify, "amplify", [LEVEL]).stream(RATE)


def failing(audio: np.ndarray, sample_rate: int, level_db: float) -> np.ndarray:
    raise OSError("the licence server\nis not there")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (failing, FxrepError, "^odd failed at level_db=3: OSError: the licence server$"),
        (lambda audio, rate, level_db: audio[:, :-1], AudioError, r"^odd returned float32 of shape \(2, 22050\)"),
        (lambda audio, rate, level_db: audio * np.nan, AudioError, "^odd returned NaN or infinite.*level_db=3"),
        (lambda audio, rate, level_db: audio + 0j, AudioError, "^odd returned complex"),
        (lambda audio, rate, level_db: None, AudioError, "^odd returned object"),
        (lambda audio, rate, level_db: [[1.0], [1.0, 2.0]], AudioError, "^odd returned list that is no array"),
    ],
)
def test_what_goes_wrong_names_the_effect(noise, function, error, message, threads) -> None:
    with pytest.raises(error, match=message):
        BlackBox(function, "odd", [LEVEL], threads=threads)(noise, RATE, level_db=3.0)


def test_errors_inside_a_stream_name_the_effect(noise: torch.Tensor) -> None:
    with pytest.raises(FxrepError, match="odd failed at level_db=0"):
        BlackBox(amplify, "odd", [LEVEL], open_stream=failing_to_open).stream(RATE).push(noise)


def failing_to_open(sample_rate: int, level_db: float):
    raise ValueError("no")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "compressor"}, "effect of this library"),
        ({"name": "my.effect"}, "letters"),
        ({"gradient": "exact"}, "finite_differences"),
        ({"audio_gradient": "exact"}, "straight_through"),
        ({"step": 0.0}, "step=0"),
        ({"samples": 0}, "samples=0"),
        ({"threads": 0}, "threads=0"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        BlackBox(amplify, **{"name": "amplify", "parameters": [LEVEL], **arguments})


def test_settings_and_audio_are_checked_as_for_every_processor(noise: torch.Tensor) -> None:
    box = BlackBox(amplify, "amplify", [LEVEL])
    with pytest.raises(ArgumentError, match="level_db is 25; expected -24 to 24 dB"):
        box(noise, RATE, level_db=25.0)
    with pytest.raises(ArgumentError, match="amplify has no setting"):
        box(noise, RATE, drive=1.0)
    with pytest.raises(AudioError, match="NaN"):
        box(noise * float("nan"), RATE)

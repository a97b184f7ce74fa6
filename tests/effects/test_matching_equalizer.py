"""The matching equaliser: known colourations undone, gradients, blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import torch

from fxrep import effects
from fxrep.effects.matching_equalizer import PHASE, matching_curve
from fxrep.effects.spectrum_curves import CURVE_HZ, average_spectrum
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError, AudioError

RATE = 44100
COLOUR = {"low_shelf_gain_db": 8.0, "peak_2_gain_db": -6.0, "high_shelf_gain_db": 5.0}


def noise_of(seconds: float, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, 2, int(seconds * RATE), generator=torch.Generator().manual_seed(seed)) * 0.1


def tone_db(audio: torch.Tensor) -> torch.Tensor:
    """Return the spectrum (N,) without its mean, 50 Hz to 16 kHz: below, the filter is too short to be exact."""
    hz = torch.tensor(CURVE_HZ)
    level = average_spectrum(audio, RATE)[0, (hz > 50) & (hz < 16000)]
    return level - level.mean()


@pytest.mark.parametrize("phase", PHASE.options)
def test_a_known_colouration_is_taken_over(phase: str) -> None:
    dry, reference = noise_of(10), effects.parametric_eq(noise_of(10, 1), RATE, **COLOUR)
    wet = effects.fir_matching_eq(dry, RATE, amount=1.0, reference=reference, phase=phase)
    wanted = tone_db(reference) - tone_db(dry)
    assert float((tone_db(wet) - tone_db(reference)).abs().max()) < 1.0
    half = effects.fir_matching_eq(dry, RATE, amount=0.5, reference=reference, phase=phase)
    assert float((tone_db(half) - tone_db(dry) - wanted / 2).abs().max()) < 1.0


@pytest.mark.parametrize("phase", PHASE.options)
def test_no_latency_and_no_ringing_where_none_is_promised(phase: str) -> None:
    curve = torch.linspace(-6, 6, len(CURVE_HZ))
    click = torch.zeros(1, 1, 20000)
    click[..., 10000] = 1.0
    wet = effects.fir_matching_eq(click, RATE, amount=1.0, curve_db=curve, phase=phase)[0, 0]
    assert int(wet.abs().argmax()) == 10000
    if phase == "linear":
        torch.testing.assert_close(wet[10000:12000], wet[8001:10001].flip(0), rtol=0, atol=1e-6)
    else:
        assert float(wet[:10000].abs().max()) < 1e-6


@pytest.mark.parametrize("phase", PHASE.options)
def test_the_curve_without_its_mean_is_the_response(phase: str) -> None:
    hz = torch.tensor(CURVE_HZ, dtype=torch.float64)
    curve = 9.0 * torch.sin(torch.log2(hz) * 1.5)
    curve -= curve.mean()
    click = torch.zeros(1, 1, 2 * RATE, dtype=torch.float64)
    click[..., RATE] = 1.0
    wet = effects.fir_matching_eq(click, RATE, amount=1.0, smoothing_octaves=0.1, curve_db=curve + 3.0, phase=phase)
    level = 20 * torch.log10(torch.fft.rfft(wet[0, 0]).abs())
    places = (hz * 2).round().long()
    assert float((level[places] - curve)[hz > 60].abs().max()) < 0.5


def test_amount_zero_is_the_identity(noise: torch.Tensor) -> None:
    assert torch.equal(effects.create_processor("fir_matching_eq")(noise, RATE), noise)
    curve = torch.linspace(-6, 6, len(CURVE_HZ))
    for phase in PHASE.options:
        zero = effects.fir_matching_eq(noise, RATE, amount=torch.zeros(3), curve_db=curve, phase=phase)
        assert torch.equal(zero, noise)
        flat = effects.fir_matching_eq(noise, RATE, amount=1.0, curve_db=torch.zeros(len(CURVE_HZ)), phase=phase)
        assert torch.equal(flat, noise)


@pytest.mark.parametrize("phase", PHASE.options)
def test_gradients_match_finite_differences(phase: str) -> None:
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=generator)  # noqa: E731
    audio, reference = draw(1, 1, 400).requires_grad_(), draw(1, 1, 400).cumsum(-1).requires_grad_()
    amount = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    smoothing = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)

    def matched(x: torch.Tensor, y: torch.Tensor, share: torch.Tensor, octaves: torch.Tensor) -> torch.Tensor:
        settings = {"amount": share, "smoothing_octaves": octaves, "reference": y, "phase": phase}
        return effects.fir_matching_eq(x, 2000, **settings)[..., ::40]

    assert torch.autograd.gradcheck(matched, (audio, reference, amount, smoothing), eps=1e-5, atol=1e-5, fast_mode=True)


@pytest.mark.parametrize("phase", PHASE.options)
def test_gradients_are_finite_on_silence(phase: str, noise: torch.Tensor) -> None:
    audio = torch.zeros_like(noise).requires_grad_()
    amount = torch.ones(3, requires_grad=True)
    effects.fir_matching_eq(audio, RATE, amount=amount, reference=noise, phase=phase).sum().backward()
    assert torch.isfinite(audio.grad).all()
    assert torch.isfinite(amount.grad).all()


@pytest.mark.parametrize("phase", PHASE.options)
def test_blocks_with_an_exported_curve_join_to_the_whole(phase: str, noise: torch.Tensor) -> None:
    reference = effects.parametric_eq(noise.flip(0), RATE, **COLOUR)
    processor = effects.FIRMatchingEQ(reference=reference)
    whole = processor(noise, RATE, amount=0.8, phase=phase)
    curve = matching_curve(noise, RATE, reference=reference)
    stream = processor.stream(RATE, amount=0.8, phase=phase, curve_db=curve)
    joined = torch.cat(list(stream_blocks(stream, noise.split([1, 7, 1000, 12000, 9043], dim=-1))), -1)
    assert float(20 * torch.log10((joined - whole).norm() / whole.norm())) < -110
    with pytest.raises(ArgumentError, match="matching_curve"):
        processor.stream(RATE, amount=0.8)


def test_references_can_be_files_and_spectra(noise: torch.Tensor, tmp_path: Path) -> None:
    sound = effects.parametric_eq(noise[0:1], RATE, **COLOUR)
    soundfile.write(tmp_path / "reference.wav", sound[0].T.numpy(), RATE, subtype="FLOAT")
    wanted = effects.fir_matching_eq(noise, RATE, amount=1.0, reference=sound[0])
    for guide in ({"reference": tmp_path / "reference.wav"}, {"target_db": average_spectrum(sound, RATE)}):
        torch.testing.assert_close(effects.fir_matching_eq(noise, RATE, amount=1.0, **guide), wanted, rtol=0, atol=1e-5)


def test_wrong_guides_are_named(noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match="no target"):
        effects.fir_matching_eq(noise, RATE, amount=1.0)
    with pytest.raises(ArgumentError, match="reference and curve_db"):
        effects.fir_matching_eq(noise, RATE, amount=1.0, reference=noise, curve_db=torch.zeros(61))
    with pytest.raises(ArgumentError, match=r"curve_db has shape \(60,\)"):
        effects.fir_matching_eq(noise, RATE, amount=1.0, curve_db=torch.zeros(60))


def test_a_silent_reference_is_refused(noise: torch.Tensor, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", torch.zeros(RATE, 2).numpy(), RATE)
    one_of_two = torch.stack([noise[0], torch.zeros_like(noise[0])])
    for reference in (torch.zeros(2, RATE), one_of_two, tmp_path / "silence.wav"):
        with pytest.raises(AudioError, match="is silent"):
            effects.fir_matching_eq(noise[:2], RATE, amount=1.0, reference=reference)

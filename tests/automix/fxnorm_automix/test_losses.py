"""Both losses against closed forms and an independent reckoning in float64; mono mixes, guards, wrong input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from automix.fxnorm_automix import FxNormLoss
from automix.fxnorm_automix.losses import a_weighting
from fxrep.errors import ArgumentError, AudioError

from .conftest import RATE, sound


def spectra(mix: torch.Tensor) -> list[np.ndarray]:
    """Magnitudes of sum and difference of (2, T), the plain way."""
    left, right = mix.double().numpy()
    taps = np.convolve(a_weighting(RATE), (1.0, 0.85))
    window = np.sin(np.pi * np.arange(4096) / 4096)  # the root of a Hann window
    found = []
    for signal in (left + right, left - right):
        heard = np.convolve(np.pad(signal, 51), taps, "valid")
        frames = np.lib.stride_tricks.sliding_window_view(heard, 4096)[::1024]
        found.append(np.abs(np.fft.rfft(frames * window)))
    return found


@pytest.mark.parametrize("form", ["a", "b"])
@pytest.mark.parametrize("floor_db", [None, -100.0])
def test_the_forms_as_they_are_written(form: str, floor_db: float | None) -> None:
    estimate, reference = sound(1, 0.3), sound(2, 0.3)
    # A sine at full scale has half the sum of the window.
    floor = 0.0 if floor_db is None else 1e-5 * 0.5 * np.sin(np.pi * np.arange(4096) / 4096).sum()
    wanted = 0.0
    for found, true in zip(spectra(estimate), spectra(reference), strict=True):
        wanted += np.abs(np.log(np.maximum(found, floor)) - np.log(np.maximum(true, floor))).mean()
        apart = found - true
        wanted += np.square(apart).mean() if form == "b" else np.linalg.norm(apart) / np.linalg.norm(true)
    loss = FxNormLoss(form, floor_db=floor_db)  # type: ignore[arg-type]
    assert float(loss(estimate[None], reference[None])) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_a_gain_in_closed_form(gain: float) -> None:
    mix = sound(3, 0.3)[None]
    logs, forms = 2.0 * abs(np.log(gain)), [FxNormLoss(form, floor_db=None) for form in ("a", "b")]  # type: ignore[arg-type]
    assert float(forms[0](gain * mix, mix)) == pytest.approx(logs + 2.0 * abs(gain - 1.0), abs=1e-4)
    power = sum(np.square(one).mean() for one in spectra(mix[0]))
    assert float(forms[1](gain * mix, mix)) == pytest.approx(logs + (gain - 1.0) ** 2 * power, rel=1e-3, abs=1e-4)


def test_the_weighting_is_that_of_the_standard() -> None:
    """IEC 61672, table 3; 101 taps are too short for what lies under 500 Hz."""
    response = np.abs(np.fft.rfft(a_weighting(RATE), RATE))
    for frequency, gain_db in ((500, -3.2), (1000, 0.0), (2000, 1.2), (4000, 1.0), (8000, -1.1), (16000, -6.6)):
        assert 20.0 * np.log10(response[frequency]) == pytest.approx(gain_db, abs=0.6)


@pytest.mark.parametrize("form", ["a", "b"])
def test_a_mono_mix_counts_what_is_heard(form: str) -> None:
    mono = sound(4, 0.3, channels=1).repeat(2, 1)[None]
    nearly = mono + torch.tensor([1e-7, -1e-7])[:, None] * sound(5, 0.3)[None]
    corrected = FxNormLoss(form)  # type: ignore[arg-type]
    estimate = (0.9 * mono).requires_grad_()
    loss = corrected(estimate, mono)
    loss.backward()
    assert float(loss.detach()) < 1.0 and bool(estimate.grad.isfinite().all())  # type: ignore[union-attr]
    assert float(corrected(nearly, mono)) < 0.01
    assert float(FxNormLoss(form, floor_db=None)(nearly, mono)) > 5.0  # type: ignore[arg-type]


def test_the_places_of_instruments_count_and_sides_do_not() -> None:
    left = sound(6, 0.3)[None] * torch.tensor([1.0, 0.0])[:, None]
    centre = left.mean(1, keepdim=True).repeat(1, 2, 1)
    loss = FxNormLoss("a")
    assert float(loss(centre, left)) > 1.0
    assert float(loss(left.flip(1), left)) < 1e-5  # sum and difference cannot tell


def test_what_is_guarded_does_not_count() -> None:
    mix = sound(7, 0.6)[None]
    other = mix.clone()
    other[..., :4000] = 0.0
    loss = FxNormLoss("b", guard_s=0.1)
    assert float(loss(other, mix)) == 0.0 and float(FxNormLoss("b")(other, mix)) > 0.1
    with pytest.raises(AudioError, match="at least 12916"):
        loss(mix[..., :12915], mix[..., :12915])


def test_silence_has_a_gradient() -> None:
    silence = torch.zeros(1, 2, 8000, requires_grad=True)
    for form in ("a", "b"):
        loss = FxNormLoss(form)(silence, sound(8, 0.3)[None, :, :8000])  # type: ignore[arg-type]
        loss.backward()
        assert bool(loss.isfinite()) and bool(silence.grad.isfinite().all())  # type: ignore[union-attr]
        assert float(FxNormLoss(form)(silence, silence)) < 1e-6  # type: ignore[arg-type]


def test_wrong_input() -> None:
    with pytest.raises(ArgumentError, match="choose a or b"):
        FxNormLoss("c")  # type: ignore[arg-type]
    for wrong in ({"guard_s": -1.0}, {"floor_db": 3.0}, {"sample_rate": 0}):
        with pytest.raises(ArgumentError, match="expected Hz"):
            FxNormLoss("a", **wrong)  # type: ignore[arg-type]
    with pytest.raises(AudioError):
        FxNormLoss()(torch.zeros(1, 2, 8000), torch.zeros(1, 2, 8001))

"""Sample peak and true peak against closed forms and SciPy's interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep.audio import SILENCE_DB, sample_peak_db, true_peak_db


def test_true_peak_between_the_samples_of_a_quarter_rate_tone():
    # Sampled at 45 degrees, a full-scale tone at a quarter of the rate shows -3.01 dB and peaks at 0 dB.
    tone = torch.sin(np.pi / 2 * torch.arange(4800, dtype=torch.float64) + np.pi / 4)
    fade = torch.sin(torch.linspace(0, np.pi, 4800, dtype=torch.float64)) ** 2
    audio = (tone * fade)[None]
    assert float(sample_peak_db(audio)) == pytest.approx(-3.01, abs=0.01)
    # Tolerance of EBU Tech 3341 for true-peak meters: +0.2 and -0.4 dB.
    assert -0.4 < float(true_peak_db(audio, 48000)) < 0.2


def test_true_peak_follows_ideal_interpolation():
    audio = np.random.default_rng(0).standard_normal((4, 2, 20000))
    audio = scipy.signal.sosfilt(scipy.signal.butter(8, 0.6, output="sos"), audio) * 0.1
    expected = 20 * np.log10(np.abs(scipy.signal.resample_poly(audio, 16, 1, axis=-1)).max(axis=(1, 2)))
    np.testing.assert_allclose(true_peak_db(torch.tensor(audio), 48000).numpy(), expected, atol=0.4)


@pytest.mark.parametrize("samples", [1, 5, 31, 33, 1024 * 32, 1024 * 32 + 1])
def test_true_peak_is_the_filter_of_the_standard_at_every_length(samples):
    from fxrep.audio.peaks import _PHASE_0, _PHASE_1

    audio = np.random.default_rng(samples).standard_normal((1, samples))
    phases = (_PHASE_0, _PHASE_1, _PHASE_1[::-1], _PHASE_0[::-1])
    expected = max([np.abs(audio).max(), *(np.abs(np.convolve(audio[0], phase)).max() for phase in phases)])
    assert float(true_peak_db(torch.tensor(audio), 48000)) == pytest.approx(20 * np.log10(expected), abs=1e-5)


def test_shapes_and_floor():
    batch = torch.zeros(3, 2, 100)
    batch[1, 1, 50] = -0.5
    batch[2, 0, 0] = 2.0
    assert sample_peak_db(batch).tolist() == pytest.approx([SILENCE_DB, -6.0206, 6.0206], abs=1e-3)
    assert true_peak_db(batch, 44100).shape == (3,)
    assert float(true_peak_db(batch[0], 44100)) == pytest.approx(SILENCE_DB, abs=1e-4)
    assert sample_peak_db(batch[1]).ndim == 0
    assert (true_peak_db(batch, 44100) >= sample_peak_db(batch)).all()

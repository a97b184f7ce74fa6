from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from fxrep.errors import AudioError
from fxrep.normalization import (
    GRID_HZ,
    average_spectrum,
    band_levels_db,
    detect_onsets,
    onset_peak_level,
    panning_spectrum,
    track_loudness,
)
from fxrep.normalization.envelope import Envelope
from fxrep.normalization.filtering import fir_from_gains
from fxrep.normalization.step import FeatureMean

RATE = 44100
Maker = Callable[..., np.ndarray]


def test_average_spectrum_reads_a_known_filter(pink_noise: Maker) -> None:
    noise = pink_noise(20.0)
    sos = signal.butter(2, [300, 5000], "bandpass", fs=RATE, output="sos")
    filtered = signal.sosfilt(sos, noise, axis=-1)
    heard = (GRID_HZ > 200) & (GRID_HZ < 15000)
    _, response = signal.sosfreqz(sos, GRID_HZ[heard], fs=RATE)
    measured = 20 * np.log10(average_spectrum(filtered, RATE)[heard] / average_spectrum(noise, RATE)[heard])
    difference = measured - 20 * np.log10(np.abs(response))
    assert np.abs(difference - difference.mean()).max() < 1.0


@given(gain=st.floats(1e-3, 10.0), flip=st.booleans())
@settings(max_examples=5, deadline=None)
def test_features_ignore_gain_and_polarity(gain: float, flip: bool, hits: Maker, pink_noise: Maker) -> None:
    audio = hits(2.0) + 0.2 * pink_noise(2.0)
    other = audio * np.float32(-gain if flip else gain)
    np.testing.assert_allclose(average_spectrum(other, RATE), average_spectrum(audio, RATE), rtol=1e-3)
    np.testing.assert_allclose(panning_spectrum(other, RATE), panning_spectrum(audio, RATE), atol=1e-4)
    np.testing.assert_allclose(onset_peak_level(other, RATE), onset_peak_level(audio, RATE), atol=1e-2)


def test_average_spectrum_ignores_silence_and_channel_swap(pink_noise: Maker) -> None:
    audio = pink_noise(6.0)
    padded = np.concatenate([audio, np.zeros_like(audio)], axis=1)
    assert (
        np.nanmax(
            np.abs(band_levels_db(average_spectrum(padded, RATE)) - band_levels_db(average_spectrum(audio, RATE)))
        )
        < 0.5
    )
    np.testing.assert_allclose(average_spectrum(audio[::-1], RATE), average_spectrum(audio, RATE), rtol=1e-6)


def test_average_spectrum_of_two_rates_agrees(pink_noise: Maker) -> None:
    high = pink_noise(8.0, rate=88200)
    low = signal.resample_poly(high, 1, 2, axis=-1)
    difference = band_levels_db(average_spectrum(high, 88200)) - band_levels_db(average_spectrum(low, 44100))
    assert np.abs(difference - difference.mean()).max() < 0.7


def test_average_spectrum_stops_at_nyquist(pink_noise: Maker) -> None:
    spectrum = average_spectrum(pink_noise(2.0, rate=8000), 8000)
    assert np.isnan(spectrum[GRID_HZ > 4000]).all()
    assert np.isfinite(spectrum[GRID_HZ <= 4000]).all()


@pytest.mark.parametrize(("left", "right"), [(1.0, 1.0), (1.0, 0.5), (0.2, 1.0), (1.0, 0.0), (0.0, 1.0)])
def test_panning_spectrum_is_the_published_formula(left: float, right: float, pink_noise: Maker) -> None:
    source = pink_noise(1.0)[0]
    expected = np.sign(right - left) * (1 - 2 * left * right / (left**2 + right**2))
    measured = panning_spectrum(np.stack([left * source, right * source]), RATE)
    np.testing.assert_allclose(measured[np.isfinite(measured)], expected, atol=1e-5)


def test_panning_spectrum_changes_sign_when_channels_are_swapped(pink_noise: Maker) -> None:
    audio = pink_noise(2.0) * np.array([[1.0], [0.4]], dtype=np.float32)
    np.testing.assert_allclose(panning_spectrum(audio[::-1], RATE), -panning_spectrum(audio, RATE), atol=1e-9)


def test_onsets_are_found_where_they_are(hits: Maker) -> None:
    audio = hits(6.0, interval_s=0.4)
    expected = np.arange(0.4, 5.9, 0.4)
    found = detect_onsets(audio, RATE)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 0.015


def test_onset_at_the_very_start_is_found(hits: Maker) -> None:
    found = detect_onsets(hits(3.0, interval_s=0.5)[:, round(0.5 * RATE) :], RATE)
    assert found[0] < 0.01


def test_steady_sound_and_silence_have_no_onsets() -> None:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(4 * RATE) / RATE)
    tone *= np.minimum(1.0, np.arange(tone.size) / RATE)
    assert detect_onsets(np.zeros((2, RATE), np.float32), RATE).size == 0
    assert np.isnan(onset_peak_level(np.zeros((2, RATE), np.float32), RATE)).all()
    assert detect_onsets(tone, RATE).size <= 1


def test_onset_peaks_are_peaks_over_loudness() -> None:
    audio = np.zeros((2, 4 * RATE), np.float32)
    for index, level in enumerate((0.1, 0.2, 0.4, 0.8, 0.8, 0.8, 0.8)):
        first = round((0.34 + 0.5 * index) * RATE)
        audio[:, first : first + 2000] = level * np.sin(2 * np.pi * 3000 * np.arange(2000) / RATE)
    mean, deviation = onset_peak_level(audio, RATE)
    assert mean == pytest.approx(20 * np.log10(0.8) - track_loudness(audio, RATE), abs=0.1)
    assert deviation < 0.05


def test_compression_gain_prediction_matches_the_audio(hits: Maker) -> None:
    audio = hits(6.0)
    envelope = Envelope.of(audio, RATE)
    assert envelope.loudness() == pytest.approx(track_loudness(audio / np.abs(audio).max(), RATE), abs=0.1)
    slow = 0.5 + 0.4 * np.sin(np.linspace(0, 30, envelope.peaks.size))
    rendered = audio * np.interp(np.arange(audio.shape[1]), (np.arange(slow.size) + 0.5) * envelope.hop, slow)
    again = Envelope.of(rendered.astype(np.float32), RATE)
    assert envelope.loudness(slow) - envelope.loudness() == pytest.approx(
        track_loudness(rendered, RATE) - track_loudness(audio, RATE), abs=0.05
    )
    assert envelope.onset_peaks_db(slow).mean() == pytest.approx(again.onset_peaks_db().mean(), abs=0.1)


def test_fir_is_scipys_and_flat_is_an_impulse() -> None:
    frequencies = np.linspace(0, RATE / 2, 513)
    gains = 1 + 0.5 * np.sin(frequencies / 2000)
    reference = signal.firwin2(1001, frequencies, gains, fs=RATE)
    np.testing.assert_allclose(fir_from_gains(frequencies, gains, RATE, 1001), reference, atol=2e-5)
    flat = fir_from_gains(frequencies, np.ones(513), RATE, 1001)
    np.testing.assert_allclose(flat, np.eye(1001)[500], atol=1e-15)


def test_feature_mean_leaves_unknown_entries_out() -> None:
    mean = FeatureMean()
    mean.add(np.array([1.0, 2.0, np.nan]))
    mean.add(np.array([3.0, np.nan, np.nan]))
    value = mean.value()
    assert value is not None
    assert value.tolist() == [2.0, 2.0, 2.0]
    assert FeatureMean().value() is None


@pytest.mark.parametrize(
    "audio", [np.zeros((6, 100)), np.zeros((2, 0)), np.full((2, 100), np.nan), np.zeros((1, 2, 100))]
)
def test_features_refuse_what_is_not_audio(audio: np.ndarray) -> None:
    with pytest.raises(AudioError):
        average_spectrum(audio, RATE)


def test_features_take_tensors_and_mono(pink_noise: Maker) -> None:
    mono = pink_noise(1.0)[:1]
    expected = average_spectrum(np.repeat(mono, 2, axis=0), RATE)
    np.testing.assert_array_equal(average_spectrum(torch.from_numpy(mono), RATE), expected)
    np.testing.assert_array_equal(average_spectrum(mono[0], RATE), expected)

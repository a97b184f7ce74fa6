"""The published percentage errors in closed form, with the faults that the corrected ones are without."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fxrep.errors import ArgumentError
from fxrep.metrics import FAMILIES, feature_errors

RATE = 44100
SECONDS = 3.0
TIME = np.arange(int(SECONDS * RATE)) / RATE
# Periods of a whole number of samples, so that every frame of 4096 has nearly the same values.
SINE = np.sin(2 * np.pi * 441.0 * TIME + 0.1)


def stereo(left: np.ndarray, right: np.ndarray | None = None) -> np.ndarray:
    return np.stack([left, left if right is None else right]).astype(np.float32)


def published(estimate: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    return feature_errors(estimate, reference, RATE, aligned=True, form="published")


def test_a_mix_is_like_itself_and_gain_is_a_percentage_of_decibels() -> None:
    rng = np.random.default_rng(0)
    noise = stereo(0.1 * rng.standard_normal(len(TIME)), 0.1 * rng.standard_normal(len(TIME)))
    assert all(value == 0.0 for value in published(noise, noise).values())
    found = published(0.5 * noise, noise)
    # 6.02 dB of a level of about -17 LUFS; the corrected form says 50 % whatever the level is.
    lufs = -0.691 + 20 * math.log10(0.1 * math.sqrt(2))
    assert found["loudness: momentary (LUFS)"] == pytest.approx(100 * 6.02 / abs(lufs + 3.5), rel=0.25)
    assert feature_errors(0.5 * noise, noise, RATE, aligned=True)["loudness: momentary (LUFS)"] == pytest.approx(
        50.0, abs=0.1
    )
    # All else is measured at one peak.
    assert max(value for name, value in found.items() if not name.startswith("loudness")) < 1e-3


def test_peak_in_closed_form() -> None:
    # Peaks of 0.5 and 0.25: -6.02 and -12.04 dB, an error of 100 %.
    found = published(0.25 * stereo(SINE), 0.5 * stereo(SINE))
    assert found["loudness: peak (dB)"] == pytest.approx(100.0, abs=0.5)


def test_crest_is_a_quotient_of_decibels() -> None:
    square = np.sign(SINE)
    found, corrected = (
        feature_errors(stereo(square), stereo(SINE), RATE, aligned=True, form=form)["dynamics: crest" + unit]
        for form, unit in (("published", " (dB / dB)"), ("corrected", " (dB)"))
    )
    # At a peak of -1 dB: -1 / -1 beside -1 / -4.01, though the crest factors differ by 3.01 dB.
    assert found == pytest.approx(100 * (1 - 1 / 4.0103) / (1 / 4.0103), rel=0.01)
    assert corrected == pytest.approx(100 * (1 - math.sqrt(0.5)), abs=1.0)


def test_zero_samples_decide_the_spread() -> None:
    gated = SINE * (np.arange(len(SINE)) % 2 == 0)
    found = published(stereo(gated), stereo(SINE))
    # Over the 50 places of |sin| in a period the product of sin(θ + k π / 50) is |sin(50 θ)| / 2^49, with θ = 0.1.
    mean_db = 20 * (math.log10(abs(math.sin(5.0))) - 49 * math.log10(2)) / 50
    right = 1 - (mean_db + 3.01)
    # Every other sample at -600 dB, the others at -1 dB and |sin|, and an RMS 3.01 dB lower.
    wrong = 1 - ((-600 - 1 + mean_db) / 2 + 7.02)
    assert found["dynamics: spread (dB)"] == pytest.approx(100 * (wrong - right) / right, rel=0.005)
    assert feature_errors(stereo(gated), stereo(SINE), RATE, aligned=True)["dynamics: spread (dB)"] < 10.0


def test_swapped_channels_are_perfect() -> None:
    noise = np.random.default_rng(1).standard_normal(len(TIME))
    leaning = stereo(0.1 * noise, 0.2 * noise)
    swapped = leaning[::-1].copy()
    assert published(swapped, leaning)["panning"] == pytest.approx(0.0, abs=1e-6)
    # (1 - 4 / 5) in every bin, beside (1 - 6 / 10) of one three times as strong.
    farther = stereo(0.1 * noise, 0.3 * noise)
    assert published(farther, leaning)["panning"] == pytest.approx(100.0, abs=0.5)
    assert feature_errors(swapped, leaning, RATE, aligned=True)["panning"] > 15.0
    assert math.isnan(published(leaning, stereo(noise))["panning"])


def test_spectrum_in_closed_form() -> None:
    # A click has a flat spectrum: centroid and roll-off are where they must be, and its flatness is 1.
    clicks = np.zeros(len(TIME))
    clicks[512::1024] = 1.0
    found = published(stereo(SINE), stereo(clicks))
    assert set(FAMILIES) < set(found) and len(found) == 16 + 4
    assert found["spectrum: flatness"] > 99.0
    assert found["spectrum: centroid (Hz)"] == pytest.approx(100 * (1 - 442 / 11026), abs=1.0)
    assert found["spectrum: roll-off (Hz)"] == pytest.approx(100 * (1 - 442 / (0.85 * 22050)), abs=1.0)


def test_trimmed_and_refused() -> None:
    padded = np.pad(stereo(SINE), ((0, 0), (RATE, RATE)))
    assert published(0.5 * padded, padded)["loudness: peak (dB)"] < math.inf
    for wrong in ({"form": "published"}, {"form": "new", "aligned": True}):
        with pytest.raises(ArgumentError, match="choose corrected, or published with aligned=True"):
            feature_errors(padded, padded, RATE, **wrong)  # type: ignore[arg-type]

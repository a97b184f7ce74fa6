"""How far the features of a mix are from those of another one, in per cent: the MAPE families of the field.

FxNorm-automix and automix-toolkit report the mean absolute percentage error of features, by family. A percentage needs
a zero, and what it is taken of differs here where theirs has none:

- a level or ratio in dB counts by its amplitude: 6 dB too loud is 100 %, 6 dB too soft 50 %, whatever 0 dB is;
- a position counts in per cent of the way from the middle to one side, with its sign: swapped channels are wrong;
- what can be 0 (the spread of levels, the RMS of positions) is compared with no less than 1 dB and 0.05.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np

from fxrep.errors import ArgumentError, AudioError
from fxrep.metrics.frame_features import (
    HOP,
    PANNING_BANDS_HZ,
    Array,
    dynamic_frames,
    loudness_frames,
    panning_frames,
    spectral_frames,
)
from fxrep.metrics.published_errors import published_feature_errors
from fxrep.metrics.track_features import check_recording

FAMILIES = ("spectrum", "panning", "dynamics", "loudness")

TRIM_DB = -45.0
"""Frames of the reference so far under its loudest are left out, as the field trims silence."""

RUNNING_S = 1.0
"""Length of the running means of aligned mixes: near the field's 40 frames of 1024 samples."""

LEAST = {"dynamics: spread (dB)": 1.0, **{f"panning: RMS {band}": 0.05 for band in PANNING_BANDS_HZ}}
"""What a reference value counts as at least, for those that may be 0."""


def feature_errors(
    estimate: Array,
    reference: Array,
    sample_rate: int,
    aligned: bool = False,
    form: Literal["corrected", "published"] = "corrected",
) -> dict[str, float]:
    """Absolute percentage error of every feature, and the mean of every family.

    Args:
        estimate: (2, T), half a second or more.
        reference: (2, T'), what it should be like.
        sample_rate: Hz.
        aligned: whether both play the same at the same time, and are equally long: then running means of 1 s are
            compared one by one, else means over the whole.
        form: ``published`` is what automix-toolkit and FxNorm-automix print, of aligned mixes only, see
            `fxrep.metrics.published_errors`; ``corrected`` is without their faults.

    Returns:
        Per cent, by "family: name", and by the family alone. NaN where the reference has nothing to compare with, the
        panning of a band without sound for example; such a feature does not count in its family.

    Raises:
        ArgumentError: no such form, or the published one of mixes that are not aligned.
        AudioError: another shape, too short, not finite or silent; different lengths where they are aligned.
    """
    if form not in ("corrected", "published") or (form == "published" and not aligned):
        raise ArgumentError(f"form is {form!r}: choose corrected, or published with aligned=True")
    for name, audio in (("estimate", estimate), ("reference", reference)):
        try:
            check_recording(audio, sample_rate)
        except AudioError as error:
            raise AudioError(f"{name}: {error}") from error
    if aligned and estimate.shape != reference.shape:
        raise AudioError(f"estimate {estimate.shape} and reference {reference.shape}: aligned mixes are equally long")
    if form == "published":
        return _with_families(published_feature_errors(estimate, reference, sample_rate))
    found, wanted = _series(estimate, sample_rate), _series(reference, sample_rate)
    errors: dict[str, float] = {}
    for group, (frame_s, (levels, values)) in wanted.items():
        heard = levels > levels.max() + TRIM_DB
        own_levels, own = found[group][1]
        own_heard = heard if aligned else own_levels > own_levels.max() + TRIM_DB
        length = max(1, round(RUNNING_S / frame_s)) if aligned else None
        for name, target in values.items():
            pair = [_means(own[name], own_heard, length), _means(target, heard, length)]
            errors[name] = _error(name, *pair)
    return _with_families(errors)


def _with_families(errors: dict[str, float]) -> dict[str, float]:
    """Add the mean of what is known of each family."""
    for family in FAMILIES:
        members = [value for name, value in errors.items() if name.startswith(f"{family}: ")]
        kept = [value for value in members if np.isfinite(value)]
        errors[family] = float(np.mean(kept)) if kept else float("nan")
    return errors


Series = dict[str, tuple[float, tuple[Array, dict[str, Array]]]]
"""By group: seconds a frame, level of each frame in dB, and the values of each frame by name."""


def _series(audio: Array, sample_rate: int) -> Series:
    rows = spectral_frames(audio, sample_rate).T
    level = 20 * np.log10(rows[0] + 1e-9)
    spectrum = {
        "spectrum: centroid (Hz)": rows[1],
        "spectrum: bandwidth (Hz)": rows[2],
        "spectrum: roll-off (Hz)": rows[3],
        "spectrum: flatness (dB)": rows[4],
        "spectrum: contrast low (dB)": rows[5:7].mean(0),
        "spectrum: contrast mid (dB)": rows[7:10].mean(0),
        "spectrum: contrast high (dB)": rows[10:].mean(0),
    }
    panning = {}
    squares, positions, counts = np.moveaxis(panning_frames(audio, sample_rate), 2, 0)
    with np.errstate(invalid="ignore"):
        for i, band in enumerate(PANNING_BANDS_HZ):
            panning[f"panning: RMS {band}"] = np.sqrt(squares[:, i] / counts[:, i])
            panning[f"panning: position {band}"] = positions[:, i] / counts[:, i]
    rms_db, peak_db = dynamic_frames(audio, sample_rate).T
    heard = rms_db > rms_db.max() + TRIM_DB
    dynamics = {
        "dynamics: RMS level (dB)": rms_db,
        "dynamics: spread (dB)": np.abs(rms_db - rms_db[heard].mean()),
        "dynamics: crest (dB)": peak_db - rms_db,
    }
    momentary, loud_peak = loudness_frames(audio, sample_rate).T
    loudness = {"loudness: momentary (LUFS)": momentary, "loudness: peak (dB)": loud_peak}
    return {
        "spectrum": (HOP / sample_rate, (level, spectrum)),
        "panning": (HOP / sample_rate, (level, panning)),
        "dynamics": (0.2, (rms_db, dynamics)),
        # By the peak: the filters of the meter ring on in silence.
        "loudness": (0.2, (loud_peak, loudness)),
    }


def _means(values: Array, heard: Array, length: int | None) -> Array:
    """Mean over the frames that are heard, (1,), or running means over `length` of them."""
    kept = values[heard]
    with warnings.catch_warnings():
        # A band without sound in any frame has no mean.
        warnings.simplefilter("ignore", RuntimeWarning)
        if length is None or len(kept) <= length:
            return np.atleast_1d(np.nanmean(kept))
        found: Array = np.nanmean(np.lib.stride_tricks.sliding_window_view(kept, length), axis=1)
        return found


def _error(name: str, found: Array, wanted: Array) -> float:
    if name in LEAST:
        errors = np.abs(found - wanted) / np.maximum(np.abs(wanted), LEAST[name])
    elif "position" in name:
        errors = np.abs(found - wanted)
    elif name.endswith(("(dB)", "(LUFS)")):
        errors = np.abs(10 ** ((found - wanted) / 20) - 1)
    else:
        errors = np.abs(found - wanted) / np.maximum(np.abs(wanted), 1e-9)
    # A band in which only the estimate or only the reference sounds cannot be compared.
    errors = errors[np.isfinite(errors)]
    return 100.0 * float(errors.mean()) if errors.size else float("nan")

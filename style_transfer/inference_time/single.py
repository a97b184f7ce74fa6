"""One recording in the style of another: a stem, or a finished mix that is mastered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from encoders import EffectEncoder
from fxrep.audio import AudioInput
from fxrep.effects.console import MixingConsole, mastering_console
from fxrep.errors import ArgumentError
from fxrep.mixing.session import TRACK_LUFS, MixSession
from fxrep.mixing.tracks import TrackSet
from style_transfer.inference_time.inference_time import InferenceTime
from style_transfer.references import References


def match_stem(
    stem: AudioInput,
    reference: AudioInput | Sequence[AudioInput],
    console: MixingConsole | None = None,
    *,
    sample_rate: int | None = None,
    encoder: EffectEncoder | str | None = "default",
    seed: int = 0,
    **options: Any,
) -> MixSession:
    """Search settings that make a stem sound as a reference stem does.

    Args:
        stem: a path, or an array (samples,) or (channels, samples).
        reference: one or several.
        console: that is set; None: the project's console.
        sample_rate: Hz of arrays.
        encoder: in whose space distance is measured.
        seed: of all chance.
        options: of `InferenceTime`.

    Returns:
        A session with one track, ``stem``, to be edited, rendered and saved; both were brought to -24 LUFS.

    Raises:
        ArgumentError: an argument is out of range.
        AudioError: a recording cannot be used.
    """
    tracks = TrackSet({"stem": stem}, sample_rate)
    references = References(reference, sample_rate=sample_rate)
    method = InferenceTime(console, encoder, **{"reference_lufs": TRACK_LUFS, **options})
    settings = method.estimate(tracks, references, seed=seed)
    return MixSession(settings, tracks, tracks.input_gain_db(method.track_lufs))


def master(
    mix: AudioInput,
    reference: AudioInput | Sequence[AudioInput],
    console: MixingConsole | None = None,
    *,
    ceiling_db: float = -1.0,
    sample_rate: int | None = None,
    encoder: EffectEncoder | str | None = "default",
    seed: int = 0,
    **options: Any,
) -> MixSession:
    """Search settings that make a finished mix sound as a mastered reference does, at its loudness.

    As ITO-Master (Koo et al. 2025) does, but on settings that a person can read: equaliser, multiband compressor,
    width, fader and limiter. The limiter is on while settings are searched, so that they allow for it.

    Args:
        mix: a path, or an array (samples,) or (channels, samples).
        reference: one or several.
        console: that is set, with a limiter on its master; None: `fxrep.effects.console.mastering_console`.
        ceiling_db: true peak that the limiter leaves, in dBTP.
        sample_rate: Hz of arrays.
        encoder: in whose space distance is measured.
        seed: of all chance.
        options: of `InferenceTime`.

    Returns:
        A session with one track, ``mix``, to be edited, rendered and saved.

    Raises:
        ArgumentError: an argument is out of range.
        AudioError: a recording cannot be used.
    """
    tracks = TrackSet({"mix": mix}, sample_rate)
    references = References(reference, sample_rate=sample_rate)
    console = mastering_console() if console is None else console
    if not isinstance(console, MixingConsole):
        raise ArgumentError(f"console is {type(console).__name__}: expected a MixingConsole, or None")
    start = console.default_settings(tracks.names).edit("master", "limiter.ceiling_db", ceiling_db)
    heard = zip(references.weights, references.loudness_lufs, strict=True)
    loudness = sum(weight * lufs for weight, lufs in heard if weight > 0.0)
    method = InferenceTime(console, encoder, **{"track_lufs": loudness, "reference_lufs": loudness, **options})
    settings = method.estimate(tracks, references, seed=seed, start=start)
    return MixSession(settings, tracks, tracks.input_gain_db(method.track_lufs))

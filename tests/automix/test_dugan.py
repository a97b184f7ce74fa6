"""Gain sharing: closed forms of the gains, and that a song is mixed alike however it is cut."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from automix import automix
from automix.dugan import DuganGainSharing, follow_levels, share_gain
from automix.methods import StemMethod
from fxrep.audio import load_audio
from fxrep.errors import ArgumentError
from fxrep.mixing import TrackSet

from .sounds import RATE, played, sine

AS_THEY_ARE = {"track_lufs": None}


def settled(method: DuganGainSharing, tracks: TrackSet) -> np.ndarray:
    """Gains in dB (N,) in the last quarter second of the song."""
    gains = np.concatenate([part[1] for part in method.blocks(tracks, dict.fromkeys(tracks.names, 0.0))], 1)
    return 20.0 * np.log10(gains[:, -RATE // 4 :].mean(1))


def tones(*levels_db: float, seconds: float = 2.0) -> TrackSet:
    """One tone each, of these levels."""
    sounds = {f"t{n}": sine(1000.0 + n, 10 ** (level / 20), seconds) for n, level in enumerate(levels_db)}
    return TrackSet(sounds, RATE)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_equal_tracks_share_the_gain(count: int) -> None:
    """-3 dB for two, -6 for four, -9 for eight, as Dugan's guide shows. To the ripple of the detector."""
    found = settled(DuganGainSharing(), tones(*[-12.0] * count))
    np.testing.assert_allclose(found, -10.0 * math.log10(count), atol=0.02)


def test_each_gain_is_the_distance_from_the_sum() -> None:
    levels = np.array([-10.0, -16.0, -40.0])
    total = 10.0 * np.log10((10 ** (levels / 10)).sum())
    np.testing.assert_allclose(settled(DuganGainSharing(), tones(*levels)), levels - total, atol=0.05)
    weighted = DuganGainSharing(weights_db={"t2": 30.0})
    counted = levels + np.array([0.0, 0.0, 30.0])
    total = 10.0 * np.log10((10 ** (counted / 10)).sum())
    np.testing.assert_allclose(settled(weighted, tones(*levels)), counted - total, atol=0.05)


def test_squares_add_up_to_one_always() -> None:
    song = TrackSet({"a": played(1), "b": played(2, 2.0, channels=2, beat=3), "c": torch.zeros(1, RATE)}, RATE)
    for _, gains, _ in DuganGainSharing().blocks(song, song.input_gain_db(-24.0)):
        np.testing.assert_allclose(np.square(gains).sum(0), 1.0, rtol=1e-12)


def test_music_expands_below_the_threshold() -> None:
    """2 : 1 below the sensing track, no interaction, and never further than the depth."""
    song = tones(-10.0, -16.0, -22.0, -60.0, -14.0)
    found = settled(DuganGainSharing("music", threshold="t4"), song)
    np.testing.assert_allclose(found[:4], [0.0, -2.0, -8.0, -15.0], atol=0.05)
    raised = settled(DuganGainSharing("music", threshold="t4", threshold_db=-3.0, depth_db=6.0), song)
    np.testing.assert_allclose(raised[:4], [0.0, 0.0, -5.0, -6.0], atol=0.05)
    open_tracks = tones(-10.0, -10.0, -10.0, -10.0)
    limited = settled(DuganGainSharing("music", open_limit=2), open_tracks)
    np.testing.assert_allclose(limited, -10.0 * math.log10(2), atol=0.02)
    np.testing.assert_allclose(settled(DuganGainSharing("music"), open_tracks), 0.0, atol=0.1)


def test_detector_follows_poles() -> None:
    """With one time for both directions it is two poles in series, which SciPy knows."""
    keep = np.exp(-1.0 / (RATE * np.array([0.02, 0.1, 0.1])))
    power = played(3)[0].square().double().numpy()[None]
    levels, states = np.empty_like(power), np.zeros((1, 2))
    follow_levels(power, keep, states, levels)
    exact = power
    for pole in keep[:2]:
        exact = lfilter([1.0 - pole], [1.0, -pole], exact)
    np.testing.assert_allclose(levels, exact, rtol=1e-9, atol=1e-15)
    assert states[0, 1] == pytest.approx(exact[0, -1])


@pytest.mark.parametrize("block", [17, 1000, 22050])
def test_blocks_have_no_influence(block: int) -> None:
    song = TrackSet({"a": played(1, 1.0), "b": played(2, 0.7, channels=2)}, RATE)
    for mode in ("speech", "music"):
        method = DuganGainSharing(mode)
        whole = [np.concatenate(part, -1) for part in zip(*method.blocks(song, {"a": 0.0, "b": 3.0}), strict=True)]
        cut = [np.concatenate(part, -1) for part in zip(*method.blocks(song, {"a": 0.0, "b": 3.0}, block), strict=True)]
        for one, other in zip(whole, cut, strict=True):
            np.testing.assert_array_equal(one, other)


def test_gain_is_smooth_and_stereo_linked(tmp_path: Path) -> None:
    """When a track starts, the other goes down in some milliseconds and without a step; both sides alike."""
    late = torch.cat((torch.zeros(1, RATE), sine(500.0, seconds=1.0)), -1)
    early = torch.cat((sine(300.0, seconds=2.0), 0.5 * sine(300.0, seconds=2.0)))
    song = TrackSet({"early": early, "late": late}, RATE)
    method = DuganGainSharing(**AS_THEY_ARE)
    gains = np.concatenate([part[1] for part in method.blocks(song, {"early": 0.0, "late": 0.0})], 1)
    assert gains[0, RATE - 1] > 0.999 and gains[0, RATE + RATE // 10] < 0.7
    assert max(abs(b - a) for a, b in pairwise(gains[0, RATE - 10 : RATE + 2000])) < 0.02
    stems = method.render_stems(song, tmp_path)
    assert list(stems) == song.names and isinstance(method, StemMethod)
    audio, rate = load_audio(stems["early"])
    assert rate == RATE and audio.shape == (2, song.samples)
    torch.testing.assert_close(audio[1], 0.5 * audio[0])
    torch.testing.assert_close(audio[0].double(), early[0].double() * torch.from_numpy(gains[0]), rtol=0, atol=1e-6)
    assert any(said.startswith("late: trimmed by +0.0 dB") for said in method.decisions)


def test_whole_way() -> None:
    song = TrackSet({"talk": played(1), "room": 0.1 * played(2), "off": torch.zeros(1, 100)}, RATE)
    made = automix(song, "dugan", options={"mode": "music", "threshold": "room", "threshold_db": -6})
    assert made.console.tracks.names == ["talk", "off"] and bool(torch.isfinite(made.mix).all())
    assert "room only sets the threshold and is not heard." in made.details["decisions"]
    assert "off is silent." in made.details["decisions"]


def test_bad_settings(tmp_path: Path) -> None:
    for options, match in (
        ({"mode": "choir"}, "choose from speech, music"),
        ({"threshold": "a"}, "for mode music"),
        ({"depth_db": -1}, "depth_db is -1"),
        ({"weights_db": {"a": 99}}, "weight of a"),
        ({"mode": "music", "open_limit": 0}, "open_limit is 0"),
    ):
        with pytest.raises(ArgumentError, match=match):
            DuganGainSharing(**options)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="no track 'x'"):
        DuganGainSharing(weights_db={"x": 1.0}).render_stems(tones(-10.0), tmp_path)


def test_share_of_a_single_moment() -> None:
    np.testing.assert_allclose(share_gain(np.array([[9.0], [16.0]])), [[0.6], [0.8]])

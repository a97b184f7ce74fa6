"""Gains that are known come out again, and what cannot be known is said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import nnls

from automix.least_squares import LeastSquares, estimate_gains
from fxrep.audio import save_audio
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing import MixSession, TrackSet

from .sounds import RATE, played, sine

GAINS_DB = {"drums": -3.0, "bass": 4.5, "keys": -12.0, "vocals": 0.0}
PANS = {"drums": 0.0, "bass": -0.25, "keys": 0.8, "vocals": -1.0}


@pytest.fixture
def tracks() -> TrackSet:
    """Two mono and two stereo tracks of different lengths."""
    sounds = {name: played(n, 3.0 - 0.3 * n, channels=1 + n % 2) for n, name in enumerate(GAINS_DB)}
    return TrackSet(sounds, RATE)


def mixed(tracks: TrackSet) -> torch.Tensor:
    settings = LeastSquares(torch.zeros(2, 10)).console.default_settings(tracks.names)
    for name, pan in PANS.items():
        settings.tracks[name]["panner"]["pan"] = pan
    return MixSession(settings, tracks, dict(GAINS_DB)).render()


def test_gains_and_positions_of_a_known_mix(tracks: TrackSet) -> None:
    """To what float32 leaves of them: the console's own mix goes in, its own settings come out."""
    method = LeastSquares(mixed(tracks))
    found = method.estimate(tracks, [0.0])
    assert found.input_gain_db is not None and method.fit is not None
    for name in GAINS_DB:
        assert found.input_gain_db[name] == pytest.approx(GAINS_DB[name], abs=1e-4)
        assert found.settings.tracks[name]["panner"]["pan"] == pytest.approx(PANS[name], abs=1e-5)
    assert method.fit.residual_db < -110.0
    again = MixSession(found.settings, tracks, dict(found.input_gain_db)).render()
    torch.testing.assert_close(again, mixed(tracks), rtol=0, atol=1e-5)
    assert any("drums: -3.00 dB, pan +0.000" in said for said in found.decisions)


def test_solution_is_that_of_the_whole_matrix(tracks: TrackSet) -> None:
    """Against SciPy on the samples themselves, with noise that no gain explains, and with and without a sign."""
    noise = 0.05 * torch.randn(2, tracks.samples, generator=torch.Generator().manual_seed(9))
    target = mixed(tracks) + noise - 0.5 * tracks.read(0.0, tracks.duration_s)[0, 0]
    matrix = tracks.read(0.0, tracks.duration_s)[0].double().numpy()
    for non_negative in (True, False):
        fit = estimate_gains(tracks, target, non_negative)
        for side in (0, 1):
            wanted = target[side].double().numpy()
            exact = (nnls if non_negative else np.linalg.lstsq)(matrix[:, side].T, wanted)[0]
            np.testing.assert_allclose(fit.gains[:, side], exact, rtol=1e-9, atol=1e-12)
            unit = matrix[:, side] / np.linalg.norm(matrix[:, side], axis=1, keepdims=True)
            assert fit.condition[side] == pytest.approx(np.linalg.cond(unit.T), rel=1e-6)


def test_what_cannot_be_known(tracks: TrackSet) -> None:
    sounds = dict(tracks.sources) | {"copy": tracks.sources["keys"], "off": played(8), "silent": torch.zeros(1, RATE)}
    more = TrackSet(sounds, RATE)
    method = LeastSquares(mixed(tracks))
    found = method.estimate(more, [0.0])
    assert method.fit is not None and found.input_gain_db is not None
    assert math.isinf(max(method.fit.condition)) and math.isinf(method.fit.inflation[2])
    assert method.fit.inflation[0] < 1.1
    text = " ".join(found.decisions)
    assert "copy is hard to tell" in text and "silent is silent" in text and "off is not in the target" in text
    assert found.input_gain_db["drums"] == pytest.approx(-3.0, abs=1e-4)
    assert found.settings.tracks["off"]["fader"]["gain_db"] == -100.0
    found.settings.check()


def test_inverted_track(tracks: TrackSet) -> None:
    target = mixed(tracks) - 2 * 10 ** (GAINS_DB["drums"] / 20) * tracks.read(0.0, tracks.duration_s)[0, 0]
    fit = estimate_gains(tracks, target, non_negative=False)
    np.testing.assert_allclose(fit.gains[0], -(10 ** (-3 / 20)), rtol=1e-5)
    found = LeastSquares(target, non_negative=False).estimate(tracks, [0.0])
    assert found.settings.tracks["drums"]["fader"]["gain_db"] == -100.0
    assert any("drums is upside down" in said for said in found.decisions)


@pytest.mark.parametrize("shift", [1, -37, 4410])
def test_track_that_is_not_aligned(tracks: TrackSet, shift: int) -> None:
    moved = torch.roll(torch.as_tensor(tracks.sources["bass"]), -shift, -1)
    apart = TrackSet({**tracks.sources, "bass": moved}, RATE)
    when = f"{abs(shift)} samples \\({1000 * abs(shift) / RATE:.2f} ms\\) {'later' if shift > 0 else 'earlier'}"
    with pytest.raises(AudioError, match=f"not aligned with the mix: bass is {when} in the mix than in the file. Sh"):
        estimate_gains(apart, mixed(tracks))
    assert estimate_gains(apart, mixed(tracks), check=False).residual_db > -20.0


def test_repetition_is_no_offset() -> None:
    """A loop and a tone fit themselves a beat later as well."""
    loop = played(0, 0.25, beat=4).repeat(1, 12)
    tracks = TrackSet({"loop": loop, "tone": sine(441.0), "masked": played(3) * 1e-3}, RATE)
    masked, tone = (one[:, : loop.shape[1]] for one in (played(3), sine(441.0)))
    target = (0.5 * loop + tone + 1e-3 * masked).expand(2, -1)
    fit = estimate_gains(tracks, target)
    np.testing.assert_allclose(fit.level_db()[:2], [20 * math.log10(0.5), 0.0], atol=1e-3)


def test_files_of_another_rate(tmp_path: Path, tracks: TrackSet) -> None:
    path = tmp_path / "mix.wav"
    save_audio(path, mixed(tracks), RATE)
    found = LeastSquares(path).estimate(tracks, [0.0])
    assert found.input_gain_db is not None
    assert found.input_gain_db["bass"] == pytest.approx(4.5, abs=0.01)


def test_bad_input(tracks: TrackSet) -> None:
    with pytest.raises(AudioError, match="target is silent"):
        estimate_gains(tracks, torch.zeros(2, RATE))
    with pytest.raises(AudioError, match="all tracks are silent"):
        estimate_gains(TrackSet({"a": torch.zeros(1, RATE)}, RATE), mixed(tracks))
    with pytest.raises(ArgumentError, match="is a int"):
        estimate_gains(tracks, 3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="non_negative is 'no'"):
        LeastSquares(mixed(tracks), non_negative="no")  # type: ignore[arg-type]

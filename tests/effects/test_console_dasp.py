"""Parity with the console of Diff-MST where dasp-pytorch is right, and the stated differences where it is not."""

from __future__ import annotations

import dasp_pytorch.functional
import numpy as np
import pytest
import scipy.signal
import torch

from fxrep.effects import compressor, dasp_console
from fxrep.effects.console.dasp import dasp_compressor, dasp_fader, dasp_panner

RATE = 44100
CONSOLE = dasp_console()
# Diff-MST's table: every parameter of a track in its order, with its range; all are mapped linearly.
BANDS = {
    "low_shelf": (20.0, 2000.0),
    "band0": (80.0, 2000.0),
    "band1": (2000.0, 8000.0),
    "band2": (8000.0, 12000.0),
    "band3": (12000.0, 21050.0),
    "high_shelf": (6000.0, 21050.0),
}
DYNAMICS = {
    "threshold_db": (-60.0, 0.0),
    "ratio": (1.0, 10.0),
    "attack_ms": (5.0, 250.0),
    "release_ms": (10.0, 250.0),
    "knee_db": (3.0, 12.0),
    "makeup_db": (0.0, 6.0),
}


def equalizer_ranges() -> dict[str, tuple[float, float]]:
    ranges = {}
    for band, hz in BANDS.items():
        ranges |= {f"{band}_hz": hz, f"{band}_gain_db": (-12.0, 12.0), f"{band}_q": (0.1, 5.0)}
    return ranges


def test_every_range_is_the_published_one_and_linear() -> None:
    assert (CONSOLE.track_size, CONSOLE.bus_size, CONSOLE.master_size) == (26, 0, 26)
    edges = [
        CONSOLE.denormalize(torch.full((1, 1, 26), p), torch.zeros(1, 0), torch.full((1, 26), p))
        for p in (0.0, 0.25, 1.0)
    ]
    for part in ("tracks", "master"):
        low, quarter, high = (getattr(edge, part) for edge in edges)
        for label, ranges in (("parametric_eq", equalizer_ranges()), ("compressor", DYNAMICS)):
            assert set(low[label]) == set(ranges)
            for name, (least, most) in ranges.items():
                values = [float(edge[label][name]) for edge in (low, quarter, high)]
                assert values == pytest.approx([least, least + 0.25 * (most - least), most])
    assert [float(edge.tracks["fader"]["gain_db"]) for edge in edges] == pytest.approx([-48.0, -24.0, 48.0])
    assert [float(edge.tracks["panner"]["pan"]) for edge in edges] == pytest.approx([0.0, 0.25, 1.0])
    assert list(edges[0].tracks) == ["fader", "parametric_eq", "compressor", "panner"]
    assert list(edges[0].master) == ["input_fader", "parametric_eq", "compressor", "output_fader"]


def test_the_panner_is_the_same() -> None:
    pan = torch.tensor([0.0, 0.1, 0.5, 0.8, 1.0])
    theirs = dasp_pytorch.functional.stereo_panner(torch.ones(5, 1, 1), RATE, pan[:, None])[:, :, 0]
    torch.testing.assert_close(dasp_panner(torch.ones(5, 1, 1), RATE, pan=pan), theirs, rtol=0.0, atol=1e-6)
    assert float(dasp_panner(torch.ones(1, 1, 1), RATE, pan=0.5)[0, 0]) == pytest.approx(0.5946, abs=1e-4)


def test_the_panner_has_a_gradient_at_its_ends() -> None:
    pan = torch.tensor([0.0, 1.0], dtype=torch.float64, requires_grad=True)
    dasp_panner(torch.ones(2, 1, 1), RATE, pan=pan)[:, 0].sum().backward()
    assert torch.isfinite(pan.grad).all() and bool((pan.grad != 0).all())


def equalizer_settings() -> dict[str, float]:
    middle = {
        "low_shelf": 400.0,
        "band0": 900.0,
        "band1": 3000.0,
        "band2": 9000.0,
        "band3": 13000.0,
        "high_shelf": 9000.0,
    }
    gains = {"low_shelf": 6.0, "band0": -4.0, "band1": 5.0, "band2": -6.0, "band3": 3.0, "high_shelf": -3.0}
    return {
        f"{band}_{part}": value
        for band in BANDS
        for part, value in (("hz", middle[band]), ("gain_db", gains[band]), ("q", 0.9))
    }


def test_the_equalizer_is_the_same_where_float32_suffices() -> None:
    settings = equalizer_settings()
    names = {"hz": "cutoff_freq", "gain_db": "gain_db", "q": "q_factor"}
    theirs_named = {
        f"{band}_{names[part]}": torch.tensor([settings[f"{band}_{part}"]]) for band in BANDS for part in names
    }
    audio = 0.1 * torch.randn(1, 1, 32768, generator=torch.Generator().manual_seed(0))
    # Silence at the end: their filter wraps around there.
    audio[..., 24000:] = 0.0
    theirs = dasp_pytorch.functional.parametric_eq(audio, RATE, **theirs_named)
    ours = CONSOLE.track.processors["parametric_eq"](audio, RATE, **settings)
    assert float(20 * torch.log10((ours - theirs).norm() / theirs.norm())) < -70


def test_a_low_shelf_is_exact_where_theirs_is_not() -> None:
    audio = torch.randn(1, 1, 44100, generator=torch.Generator().manual_seed(0)).double()
    ours = CONSOLE.track.processors["parametric_eq"](
        audio, RATE, low_shelf_hz=20.0, low_shelf_gain_db=12.0, low_shelf_q=5.0
    )
    amplitude, w0 = 10 ** (12.0 / 40.0), 2 * np.pi * 20.0 / RATE
    alpha, cosine, root = np.sin(w0) / 10.0, np.cos(w0), 10 ** (12.0 / 80.0)
    plus, minus = amplitude + 1, amplitude - 1
    b = [
        plus - minus * cosine + 2 * root * alpha,
        2 * (minus - plus * cosine),
        plus - minus * cosine - 2 * root * alpha,
    ]
    a = [
        plus + minus * cosine + 2 * root * alpha,
        -2 * (minus + plus * cosine),
        plus + minus * cosine - 2 * root * alpha,
    ]
    expected = scipy.signal.lfilter(amplitude * np.array(b), a, audio.numpy())
    assert np.linalg.norm(ours.numpy() - expected) < 1e-6 * np.linalg.norm(expected)


def test_the_attack_takes_them_the_time_it_takes_here() -> None:
    step = torch.full((1, 1, 44100), 0.5)
    settings = {"threshold_db": -20.0, "ratio": 4.0, "attack_ms": 50.0, "release_ms": 100.0, "knee_db": 3.0}
    tensors = {name: torch.tensor([value]) for name, value in settings.items()}
    theirs = dasp_pytorch.functional.compressor(step, RATE, **tensors, makeup_gain_db=torch.zeros(1))
    torch.testing.assert_close(dasp_compressor(step, RATE, **settings), theirs, rtol=0.0, atol=2e-3)


def test_the_release_has_an_effect_and_a_gradient() -> None:
    audio = torch.cat((torch.ones(4410), 0.05 * torch.ones(8820))).expand(1, 1, -1)
    release = torch.tensor([20.0, 200.0], dtype=torch.float64, requires_grad=True)
    wet = dasp_compressor(audio.expand(2, -1, -1), RATE, threshold_db=-20.0, ratio=8.0, release_ms=release)
    wet.square().sum().backward()
    assert bool((release.grad != 0).all())
    early, late = wet.detach()[:, 0, 6000].tolist()
    assert early > 1.2 * late


def test_the_level_of_a_pair_is_its_mean() -> None:
    audio = 0.3 * torch.randn(1, 1, 8000, generator=torch.Generator().manual_seed(0))
    settings = {"threshold_db": -30.0, "ratio": 5.0}
    mono = dasp_compressor(audio, RATE, **settings)
    torch.testing.assert_close(dasp_compressor(audio.expand(-1, 2, -1), RATE, **settings), mono.expand(-1, 2, -1))
    same = compressor(audio, RATE, **settings, attack_ms=10.0 / np.log(9.0), knee_db=6.0)
    torch.testing.assert_close(mono, same)


def test_the_console_is_neutral_but_for_its_panning_law() -> None:
    impulse = torch.zeros(1, 2, 2, 30001)
    impulse[0, 0, :, 10000] = 1.0
    mix = CONSOLE.render(impulse, CONSOLE.default_settings(["a", "b"]), RATE)
    torch.testing.assert_close(mix, 2**-0.75 * impulse[:, 0], rtol=1e-5, atol=1e-6)


def test_the_fader_reaches_48_db() -> None:
    audio = torch.ones(1, 2, 3)
    assert float(dasp_fader(audio, RATE, gain_db=48.0)[0, 0, 0]) == pytest.approx(10 ** (48 / 20))
    assert torch.equal(dasp_fader(audio, RATE), audio)

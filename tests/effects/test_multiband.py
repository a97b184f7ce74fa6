"""Multiband compressor and de-esser: their bands, and a float64 reference by the discrete Fourier transform."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fxrep import effects
from fxrep.effects.streaming import stream_blocks
from fxrep.effects.zero_phase_bands import band_reach, split_zero_phase
from fxrep.errors import ArgumentError

RATE = 44100
BANDS = ("low", "low_mid", "high_mid", "high")
PARTS = {"threshold_db": -40.0, "ratio": 3.0, "attack_ms": 5.0, "release_ms": 60.0, "makeup_db": 2.0}
SETTINGS = {
    f"{band}_{part}": value - (i if part == "threshold_db" else 0)
    for i, band in enumerate(BANDS)
    for part, value in PARTS.items()
}
HZ = {"low_crossover_hz": 150.0, "mid_crossover_hz": 1000.0, "high_crossover_hz": 5000.0}


def error_db(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    return float(20 * torch.log10((estimate.double() - truth.double()).norm() / truth.double().norm()))


def impulse(samples: int = 65536) -> torch.Tensor:
    audio = torch.zeros(1, 1, samples, dtype=torch.float64)
    audio[..., samples // 2] = 1.0
    return audio


def column(value: float, items: int = 1) -> torch.Tensor:
    return torch.full((items,), value, dtype=torch.float64)


def test_bands_have_linkwitz_riley_slopes_and_sum_to_the_input() -> None:
    frequencies = [column(hz) for hz in HZ.values()]
    bands = split_zero_phase(impulse(), RATE, frequencies, band_reach(40.0, RATE))
    torch.testing.assert_close(sum(bands), impulse(), rtol=0, atol=1e-12)
    low_db = 20 * torch.log10(torch.fft.rfft(bands[0][0, 0]).abs())
    at = lambda hz: float(low_db[round(hz * 65536 / RATE)])  # noqa: E731
    assert at(150) == pytest.approx(-6.02, abs=0.1)
    assert at(40) == pytest.approx(0.0, abs=0.1)
    assert at(600) - at(1200) == pytest.approx(24.0, abs=0.3)
    for band in bands:
        # Symmetric around the impulse: no phase.
        centred = band[0, 0, 1:]
        torch.testing.assert_close(centred, centred.flip(0), rtol=0, atol=1e-9)


def test_equal_gains_in_all_bands_are_that_gain_at_every_frequency() -> None:
    """With all-pass bands a cut by 6 dB would be a boost by 3.5 dB at each crossover."""
    settings = {f"{band}_makeup_db": -6.0 for band in BANDS}
    response = torch.fft.rfft(effects.multiband_compressor(impulse(), RATE, **settings))
    torch.testing.assert_close(
        20 * torch.log10(response.abs()), torch.full(response.shape, -6.0).double(), atol=1e-6, rtol=0
    )


def test_one_band_moves_only_its_own_range() -> None:
    response = torch.fft.rfft(effects.multiband_compressor(impulse(), RATE, low_mid_makeup_db=12.0, **HZ))
    gain_db = 20 * torch.log10(response[0, 0].abs())
    for hz, expected in ((387, 12.0), (20, 0.0), (20000, 0.0)):
        assert float(gain_db[round(hz * 65536 / RATE)]) == pytest.approx(expected, abs=0.3)


def test_nothing_jumps_near_the_neutral_settings(hits: torch.Tensor) -> None:
    near = {f"{band}_ratio": torch.full((2,), 1.0 + 1e-6, dtype=torch.float64) for band in BANDS}
    assert error_db(effects.multiband_compressor(hits, RATE, **near), hits) < -100.0
    neutral = {f"{band}_ratio": torch.ones(2, dtype=torch.float64) for band in BANDS}
    assert torch.equal(effects.multiband_compressor(hits, RATE, **neutral), hits)


def compressed(band: np.ndarray, threshold_db, ratio, attack_ms, release_ms, makeup_db, knee_db=6.0) -> np.ndarray:  # type: ignore[no-untyped-def]
    gains, state = np.zeros(band.shape[1]), 0.0
    for n, magnitude in enumerate(np.abs(band).max(0)):
        over = 20 * math.log10(max(magnitude, 1e-8)) - threshold_db
        bent = min(max(over + knee_db / 2, 0.0), knee_db)
        target = (1 / ratio - 1) * (bent**2 / (2 * knee_db) + max(over - knee_db / 2, 0.0))
        keep = math.exp(-1000 / (RATE * (attack_ms if target < state else release_ms)))
        state = keep * state + (1 - keep) * target
        gains[n] = state + makeup_db
    return band * 10 ** (gains / 20)


def low_share(samples: int, hz: float) -> np.ndarray:
    ratio = np.tan(np.pi * np.arange(samples // 2 + 1) / samples) / math.tan(math.pi * hz / RATE)
    return 1 / (1 + ratio**4)


@pytest.mark.parametrize("count", [3, 4])
def test_it_agrees_with_the_definition(count: int, hits: torch.Tensor) -> None:
    audio = torch.nn.functional.pad(hits[0, :, :14000], (0, 2000)).double()
    names = BANDS if count == 4 else ("low", "low_mid", "high")
    # The filters ring into a padding that nothing wraps around from.
    points = 65536
    spectrum, rest, truth = np.fft.rfft(audio.numpy(), n=points), 1.0, audio.numpy().copy()
    for i, name in enumerate(names):
        share = low_share(points, list(HZ.values())[i]) if i < count - 1 else 1.0
        band = np.fft.irfft(spectrum * rest * share, n=points)[:, :16000]
        rest = rest * (1 - share)
        settings = {part: SETTINGS[f"{name}_{part}"] for part in PARTS}
        truth += compressed(band, **settings) - band
    given = {**SETTINGS, **HZ, **({} if count == 4 else {"high_crossover_hz": None})}
    for dtype, limit in ((torch.float32, -95.0), (torch.float64, -200.0)):
        estimate = effects.multiband_compressor(audio[None].to(dtype), RATE, **given)
        assert error_db(estimate[0], torch.from_numpy(truth)) < limit


def test_a_crossover_above_nyquist_is_refused(hits: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match="high_crossover_hz"):
        effects.multiband_compressor(hits, 8000, **SETTINGS)
    effects.multiband_compressor(hits, 8000, **{**SETTINGS, "high_crossover_hz": 3000.0})


@pytest.mark.parametrize("change", [{}, {"high_crossover_hz": None, "link": "none"}])
def test_streams_split_in_time(change: dict, hits: torch.Tensor) -> None:
    module, settings = effects.MultibandCompressor(), {**SETTINGS, "low_crossover_hz": 60.0, **change}
    joined = torch.cat(list(stream_blocks(module.stream(RATE, **settings), hits.split([1, 7, 1000, 43092], -1))), -1)
    assert error_db(joined, module(hits, RATE, **settings)) < -100.0


def test_gradients_match_finite_differences() -> None:
    audio = torch.randn(2, 2, 60, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    values = {**SETTINGS, "low_crossover_hz": 300.0, "mid_crossover_hz": 1500.0, "high_crossover_hz": 6000.0}
    columns = [column(value, 2).requires_grad_() for value in (*values.values(), 5.0)]

    def apply(x: torch.Tensor, *settings: torch.Tensor) -> torch.Tensor:
        return effects.multiband_compressor(x, 48000, **dict(zip((*values, "knee_db"), settings, strict=True)))

    assert torch.autograd.gradcheck(apply, ((audio * 0.4).requires_grad_(), *columns), eps=1e-7, atol=1e-5, rtol=1e-3)


def hiss(level: float) -> torch.Tensor:
    """(1, 1, 44100): a voice-like tone with a burst of noise above 6 kHz in its middle."""
    n = torch.arange(44100, dtype=torch.float64)
    noise = torch.randn(1, 1, 44100, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    high = split_zero_phase(noise, RATE, [column(7000.0)], 6000)[1]
    burst = ((n > 20000) & (n < 26000)) * level
    return 0.3 * torch.sin(2 * math.pi * 220 / RATE * n) + high * burst


def test_the_de_esser_takes_hiss_and_leaves_the_voice() -> None:
    audio, voice = hiss(0.1), hiss(0.0)
    settings = {"threshold_db": -45.0, "ratio": 10.0}
    split = effects.de_esser(audio, RATE, **settings)
    before, after = (audio - voice)[..., 21000:26000], (split - voice)[..., 21000:26000]
    assert float(after.square().mean() / before.square().mean()) < 0.2
    assert error_db(split[..., :19000], audio[..., :19000]) < -60.0
    wide = effects.de_esser(audio, RATE, mode="wide", **settings)
    assert wide[..., 21000:26000].abs().max() < 0.5 * audio[..., 21000:26000].abs().max()


@pytest.mark.parametrize("mode", ["split", "wide"])
def test_the_de_esser_agrees_with_the_definition(mode: str, hits: torch.Tensor) -> None:
    audio = torch.nn.functional.pad(hits[0, :, :14000], (0, 2000)).double()
    points, settings = 65536, {"threshold_db": -40.0, "ratio": 5.0, "attack_ms": 1.0, "release_ms": 40.0}
    high = np.fft.irfft(np.fft.rfft(audio.numpy(), n=points) * (1 - low_share(points, 5000.0)), n=points)[:, :16000]
    squeezed = compressed(high, makeup_db=0.0, **settings)
    truth = audio.numpy() + squeezed - high
    if mode == "wide":
        truth = audio.numpy() * (compressed(high, makeup_db=0.0, **settings) / high)
    for dtype, limit in ((torch.float32, -90.0), (torch.float64, -180.0)):
        estimate = effects.de_esser(audio[None].to(dtype), RATE, frequency_hz=5000.0, mode=mode, **settings)
        assert error_db(estimate[0], torch.from_numpy(truth)) < limit


@pytest.mark.parametrize("mode", ["split", "wide"])
def test_the_de_esser_streams_and_has_gradients(mode: str, hits: torch.Tensor) -> None:
    module, settings = effects.DeEsser(), {"threshold_db": -50.0, "ratio": 5.0, "mode": mode}
    joined = torch.cat(list(stream_blocks(module.stream(RATE, **settings), hits.split([1, 7, 1000, 43092], -1))), -1)
    assert error_db(joined, module(hits, RATE, **settings)) < -100.0
    values = {"frequency_hz": 5000.0, "threshold_db": -30.0, "ratio": 3.0, "attack_ms": 0.2, "release_ms": 6.0}
    columns = [column(value, 2).requires_grad_() for value in (*values.values(), 5.0)]
    audio = (hits[..., :60].double() * 0.5).requires_grad_()

    def apply(x: torch.Tensor, *given: torch.Tensor) -> torch.Tensor:
        return effects.de_esser(x, 48000, mode=mode, **dict(zip((*values, "knee_db"), given, strict=True)))

    assert torch.autograd.gradcheck(apply, (audio, *columns), eps=1e-7, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("phase", ["zero", "minimum"])
def test_crossovers_out_of_order_leave_a_faint_band_and_a_flat_sum(phase: str) -> None:
    click = torch.zeros(1, 1, 65536, dtype=torch.float64)
    click[..., 30000] = 1.0
    crossed = {"low_crossover_hz": 500.0, "mid_crossover_hz": 200.0, "phase": phase}
    louder = effects.multiband_compressor(click, RATE, **crossed, **{f"{band}_makeup_db": 6.0 for band in BANDS})
    level_db = 20.0 * torch.fft.rfft(louder).abs().log10()
    torch.testing.assert_close(level_db, torch.full_like(level_db, 6.0), rtol=0.0, atol=1e-9)
    # Neutral settings are the identity; only next to them has the phase turned.
    neutral, lifted = (
        effects.multiband_compressor(click, RATE, **crossed, low_mid_makeup_db=makeup_db) for makeup_db in (1e-9, 6.0)
    )
    faint = torch.fft.rfft(lifted - neutral).abs().max() / (10 ** (6 / 20) - 1)
    assert float(20.0 * faint.log10()) < -34.0

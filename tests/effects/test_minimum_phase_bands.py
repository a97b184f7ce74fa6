"""The processors that work in bands with causal crossovers: against SciPy, in blocks, at the neutral settings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch

from fxrep import effects
from fxrep.effects.imager import BANDS
from fxrep.effects.streaming import stream_blocks

RATE = 44100
SIGNAL = torch.randn(1, 2, 20000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 0.2

WIDTHS = dict(zip((f"{band}_width" for band in BANDS), (0.2, 1.7, 0.6, 1.3), strict=True))


def error_db(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    return float(20 * torch.log10((estimate - truth).norm() / truth.norm()))


def butterworth(kind: str, hz: float, audio: np.ndarray) -> np.ndarray:
    """A fourth-order Linkwitz-Riley filter, from SciPy."""
    sections = scipy.signal.butter(2, hz, kind, fs=RATE, output="sos")
    return np.asarray(scipy.signal.sosfilt(np.concatenate((sections, sections)), audio))


def split_with_scipy(audio: np.ndarray, edges: tuple[float, ...]) -> list[np.ndarray]:
    """Bands of causal crossovers; a lower band also passes the sum of low and high of every higher crossover."""
    bands, rest = [], audio
    for number, hz in enumerate(edges):
        low, rest = butterworth("lowpass", hz, rest), butterworth("highpass", hz, rest)
        for higher in edges[number + 1 :]:
            low = butterworth("lowpass", higher, low) + butterworth("highpass", higher, low)
        bands.append(low)
    return [*bands, rest]


def test_minimum_phase_widths_are_linkwitz_riley_filters_of_scipy() -> None:
    audio = SIGNAL[0].numpy()
    mid, side = (sum(split_with_scipy((audio[0] + sign * audio[1]) / 2, (120.0, 800.0, 3500.0))) for sign in (1, -1))
    bands = split_with_scipy((audio[0] - audio[1]) / 2, (120.0, 800.0, 3500.0))
    side = sum(width * band for width, band in zip(WIDTHS.values(), bands, strict=True))
    truth = torch.from_numpy(np.stack((mid + side, mid - side)))
    output = effects.stereo_imager(SIGNAL, RATE, phase="minimum", **WIDTHS)
    assert error_db(output[0], truth) < -200.0
    assert error_db(effects.stereo_imager(SIGNAL.float(), RATE, phase="minimum", **WIDTHS)[0], truth) < -120.0


def test_minimum_phase_leaves_neutral_items_alone() -> None:
    both = SIGNAL.repeat(2, 1, 1)
    output = effects.stereo_imager(both, RATE, phase="minimum", low_width=torch.tensor([1.0, 0.5]))
    assert torch.equal(output[0], both[0])
    torch.testing.assert_close(output[1:], effects.stereo_imager(SIGNAL, RATE, phase="minimum", low_width=0.5))


@pytest.mark.parametrize("phase", ["zero", "minimum"])
def test_streams_equal_the_whole_and_minimum_phase_holds_nothing_back(phase: str) -> None:
    module = effects.StereoImager()
    blocks = SIGNAL.split([1, 7, 1000, 18992], -1)
    joined = torch.cat(list(stream_blocks(module.stream(RATE, phase=phase, **WIDTHS), blocks)), -1)
    assert error_db(joined, module(SIGNAL, RATE, phase=phase, **WIDTHS)) < -100.0
    assert module.stream(RATE, phase="minimum", **WIDTHS).push(blocks[1]).shape == blocks[1].shape


def test_minimum_phase_has_exact_gradients() -> None:
    audio = torch.randn(2, 2, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    names = (*WIDTHS, "low_crossover_hz", "mid_crossover_hz", "high_crossover_hz")
    values = [torch.tensor([v, 1.0]).double().requires_grad_() for v in WIDTHS.values()]
    values += [torch.tensor([v, 1.2 * v]).double().requires_grad_() for v in (200.0, 900.0, 5000.0)]

    def widened(audio: torch.Tensor, *settings: torch.Tensor) -> torch.Tensor:
        return effects.stereo_imager(audio, RATE, phase="minimum", **dict(zip(names, settings, strict=True)))

    # The second item is neutral: its output jumps when a width moves, and its gradient is that beside the jump.
    first = [audio.detach()[:1].requires_grad_(), *(value.detach()[:1].requires_grad_() for value in values)]
    assert torch.autograd.gradcheck(widened, first, eps=1e-5, atol=1e-7)
    slopes = torch.autograd.grad(widened(audio, *values).square().sum(), values[:4])
    assert all(float(slope[1]) != 0.0 for slope in slopes)


EDGES = {"low_crossover_hz": 150.0, "mid_crossover_hz": 1000.0, "high_crossover_hz": 5000.0}
COMPRESSION = {
    f"{band}_{part}": value
    for band, threshold_db in zip(BANDS, (-30.0, -35.0, -25.0, -40.0), strict=True)
    for part, value in (("threshold_db", threshold_db), ("ratio", 4.0), ("makeup_db", 2.0))
}


def compressed(band: np.ndarray, threshold_db: float, ratio: float, makeup_db: float) -> np.ndarray:
    """The compressor sample by sample, with the default times and knee; both channels get one gain."""
    gains, state, knee_db = np.zeros(band.shape[1]), 0.0, 6.0
    for n, magnitude in enumerate(np.abs(band).max(0)):
        over = 20 * math.log10(max(magnitude, 1e-8)) - threshold_db
        bent = min(max(over + knee_db / 2, 0.0), knee_db)
        target = (1 / ratio - 1) * (bent**2 / (2 * knee_db) + max(over - knee_db / 2, 0.0))
        keep = math.exp(-1000 / (RATE * (10.0 if target < state else 100.0)))
        state = keep * state + (1 - keep) * target
        gains[n] = state + makeup_db
    return band * 10 ** (gains / 20)


@pytest.mark.parametrize("names", [BANDS, ("low", "low_mid", "high")])
def test_the_multiband_compressor_adds_up_bands_of_scipy(names: tuple[str, ...]) -> None:
    edges = {**EDGES, "high_crossover_hz": EDGES["high_crossover_hz"] if len(names) == 4 else None}
    bands = split_with_scipy(SIGNAL[0].numpy(), tuple(hz for hz in edges.values() if hz))
    truth = np.zeros_like(bands[0])
    for name, band in zip(names, bands, strict=True):
        truth += compressed(band, *(COMPRESSION[f"{name}_{part}"] for part in ("threshold_db", "ratio", "makeup_db")))
    for dtype, limit in ((torch.float32, -100.0), (torch.float64, -200.0)):
        output = effects.multiband_compressor(SIGNAL.to(dtype), RATE, phase="minimum", **edges, **COMPRESSION)
        assert error_db(output[0].double(), torch.from_numpy(truth)) < limit


def test_equal_gains_are_that_gain_at_every_frequency() -> None:
    click = torch.zeros(1, 1, 1 << 16, dtype=torch.float64)
    click[..., 0] = 1.0
    gains = {f"{band}_makeup_db": -6.0 for band in BANDS}
    spectrum = torch.fft.rfft(effects.multiband_compressor(click, RATE, phase="minimum", **gains)).abs()
    assert float((20 * spectrum.log10() + 6.0).abs().max()) < 1e-6  # a hundredth of a dB is asked for
    # Causal: nothing before the click, and the largest part of the energy within a period of the lowest crossover.
    late = effects.multiband_compressor(click.roll(1000, -1), RATE, phase="minimum", **gains)
    assert not late[..., :1000].any()


def test_neutral_items_of_the_multiband_compressor_stay_as_they_are() -> None:
    both = SIGNAL.repeat(2, 1, 1)
    settings = {"high_ratio": torch.tensor([1.0, 3.0]), "low_makeup_db": torch.tensor([0.0, 1.0])}
    output = effects.multiband_compressor(both, RATE, phase="minimum", **settings)
    assert torch.equal(output[0], both[0])
    alone = effects.multiband_compressor(SIGNAL, RATE, phase="minimum", high_ratio=3.0, low_makeup_db=1.0)
    torch.testing.assert_close(output[1:], alone, rtol=0, atol=1e-12)
    assert torch.equal(effects.multiband_compressor(SIGNAL, RATE, phase="minimum"), SIGNAL)
    ratio = torch.ones(1, dtype=torch.float64, requires_grad=True)
    effects.multiband_compressor(SIGNAL, RATE, phase="minimum", low_mid_ratio=ratio).square().sum().backward()
    assert float(ratio.grad) != 0.0


def test_the_multiband_compressor_streams_without_latency() -> None:
    module = effects.MultibandCompressor()
    stream, blocks = module.stream(RATE, phase="minimum", **COMPRESSION), SIGNAL.split([1, 7, 1000, 18992], -1)
    pieces = [stream.push(block) for block in blocks]
    assert [piece.shape for piece in pieces] == [block.shape for block in blocks]
    assert error_db(torch.cat(pieces, -1), module(SIGNAL, RATE, phase="minimum", **COMPRESSION)) < -120.0


def test_the_multiband_compressor_has_exact_gradients() -> None:
    audio = torch.randn(2, 1, 40, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 0.4
    values = {**COMPRESSION, "low_crossover_hz": 300.0, "mid_crossover_hz": 1500.0, "high_crossover_hz": 6000.0}
    columns = [torch.full((2,), value, dtype=torch.float64, requires_grad=True) for value in values.values()]

    def apply(x: torch.Tensor, *settings: torch.Tensor) -> torch.Tensor:
        return effects.multiband_compressor(x, 48000, phase="minimum", **dict(zip(values, settings, strict=True)))

    assert torch.autograd.gradcheck(apply, (audio.requires_grad_(), *columns), eps=1e-7, atol=1e-5, rtol=1e-3)

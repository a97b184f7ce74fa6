"""The limiter: its promise on hostile signals, and a sample-by-sample float64 reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fxrep import effects
from fxrep.audio import sample_peak_db, true_peak_db
from fxrep.audio.peaks import INTERPOLATOR_PHASES
from fxrep.effects.streaming import stream_blocks
from fxrep.effects.window_kernels import average_rows, hold_rows

RATE = 44100


def hostile(name: str, samples: int = 30000) -> torch.Tensor:
    random, n = torch.Generator().manual_seed(2), torch.arange(samples)
    signals = {
        "noise": torch.randn(2, samples, generator=random) * 3,
        "square": torch.sign(torch.sin(n * 0.9)).expand(2, -1) * 4,
        "clicks": (torch.rand(2, samples, generator=random) < 0.002) * torch.randn(2, samples, generator=random) * 10,
        "bursts": (torch.sin(n * 0.43) * ((n % 6000) < 600) * 8).expand(2, -1),
        "between samples": (torch.sin(math.pi / 2 * n + math.pi / 4) * 2).expand(2, -1),
        "jumps": torch.randn(2, samples, generator=random).sign() * torch.rand(2, samples, generator=random) ** 4 * 15,
        "near Nyquist": (torch.sin(n * 3.1) * (1 + torch.sin(n * 0.13)) * 5).expand(2, -1),
        "first and last": torch.eye(samples)[[0, -1]] * 20 if samples < 5000 else torch.full((2, samples), 9.0),
    }
    return signals[name].float()[None]


SIGNALS = ["noise", "square", "clicks", "bursts", "between samples", "jumps", "near Nyquist", "first and last"]


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("rate", [8000, 44100, 192000])
def test_nothing_exceeds_the_ceiling(signal: str, rate: int) -> None:
    """torchcomp's limiter overshoots by 7 to 11 dB."""
    for samples in (1, 50, 30000):
        audio = hostile(signal, samples)
        for ceiling_db, release_ms in ((0.0, 5.0), (-1.0, 100.0), (-12.0, 20.0)):
            limited = effects.limiter(audio, rate, ceiling_db=ceiling_db, release_ms=release_ms)
            assert float(sample_peak_db(limited)) <= ceiling_db
            assert float(true_peak_db(limited, rate)) < ceiling_db + 0.1


def test_what_needs_no_limit_passes_bit_for_bit(hits: torch.Tensor) -> None:
    assert torch.equal(effects.limiter(3 * hits, RATE), 3 * hits)
    quiet = hits * 0.4
    assert float(true_peak_db(quiet, RATE).max()) < -6.0
    assert torch.equal(effects.limiter(quiet, RATE, ceiling_db=-6.0), quiet)


def test_the_gain_is_no_lower_than_needed() -> None:
    """One peak: the true peak comes out at the ceiling, not below it, and is the only thing that moves."""
    audio = torch.zeros(1, 1, RATE)
    audio[..., :] = 0.01
    audio[0, 0, 20000:20006] = torch.tensor([0.5, 1.5, 2.0, 2.0, 1.5, 0.5])
    limited = effects.limiter(audio, RATE, ceiling_db=-1.0, release_ms=50.0)
    assert float(true_peak_db(limited, RATE)) == pytest.approx(-1.0, abs=0.01)
    assert torch.equal(limited[..., :19900], audio[..., :19900])
    # Released to 63 % of the way after the time constant, within the length of the window.
    gain_db = 20 * torch.log10(limited / audio)[0, 0]
    lowest = float(gain_db.min())
    assert float(gain_db[20005 + 2205 + 38]) == pytest.approx(lowest * math.exp(-1), rel=0.02)


def reference(audio: np.ndarray, rate: int, ceiling_db: float, release_ms: float) -> np.ndarray:
    """By the definition in the docstring, with windows instead of running maxima and sums."""
    phases, lookahead, samples = np.array(INTERPOLATOR_PHASES), round(1.5 * rate / 1000), audio.shape[1]
    padded = np.pad(audio, ((0, 0), (11, 11 + lookahead)))
    times = samples + 11 + lookahead
    peaks = np.zeros(times)
    for m in range(times):
        stretch = padded[:, m : m + 12]
        peaks[m] = max(np.abs(stretch @ phases[:, ::-1].T).max(), np.abs(stretch[:, 5]).max())
    excess = np.maximum(20 * np.log10(np.maximum(peaks, 1e-9)) - ceiling_db + 1e-4, 0)
    keep, smooth = math.exp(-1000 / (rate * release_ms)), np.zeros(times)
    for m in range(times):
        held = excess[max(0, m - 11 - lookahead) : m + 1].max()
        smooth[m] = max(held, keep * (smooth[m - 1] if m else 0.0) + (1 - keep) * held)
    gain_db = np.array([-smooth[n + 11 : n + 12 + lookahead].mean() for n in range(samples)])
    return audio * 10 ** (gain_db / 20)


@pytest.mark.parametrize("ceiling_db", [-3.0, -18.0])
def test_it_agrees_with_the_definition(ceiling_db: float, hits: torch.Tensor) -> None:
    audio = hits[0, :, :12000]
    truth = reference(audio.double().numpy(), RATE, ceiling_db, 40.0)
    for dtype, limit in ((torch.float32, -105.0), (torch.float64, -200.0)):
        estimate = effects.limiter(audio.to(dtype)[None], RATE, ceiling_db=ceiling_db, release_ms=40.0)[0]
        error = np.linalg.norm(estimate.double().numpy() - truth) / np.linalg.norm(truth)
        assert 20 * math.log10(error) < limit


@pytest.mark.parametrize("channels", [1, 2])
def test_gradients_match_finite_differences(channels: int) -> None:
    generator = torch.Generator().manual_seed(4)
    audio = torch.randn(2, channels, 70, generator=generator, dtype=torch.float64).requires_grad_()
    ceiling = torch.tensor([-6.0, -3.0], dtype=torch.float64, requires_grad=True)
    release = torch.tensor([5.0, 9.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x, c, r: effects.limiter(x, 8000, ceiling_db=c, release_ms=r), (audio, ceiling, release), eps=1e-7
    )


def test_a_stream_looks_ahead_too(hits: torch.Tensor) -> None:
    module, settings = effects.Limiter(), {"ceiling_db": torch.tensor([-3.0, -20.0]), "release_ms": 30.0}
    joined = torch.cat(list(stream_blocks(module.stream(RATE, **settings), hits.split([1, 7, 1000, 43092], -1))), -1)
    whole = module(hits, RATE, **settings)
    # The averages are summed in blocks, which begin elsewhere: float32 rounding.
    assert float(20 * torch.log10((joined - whole).norm() / whole.norm())) < -120.0
    assert torch.equal(torch.cat(list(stream_blocks(module.stream(RATE), hits.split(999, -1))), -1), hits)


@pytest.mark.parametrize("samples", [1, 7, 1024, 1025, 3000])
@pytest.mark.parametrize("width", [2, 5, 78, 1500])
def test_the_held_maximum_and_the_mean_are_those_of_every_window(width: int, samples: int) -> None:
    values = torch.rand(2, samples, generator=torch.Generator().manual_seed(5))
    held = torch.empty_like(values)
    hold_rows(values.numpy(), width, held.numpy())
    padded = torch.nn.functional.pad(values, (width - 1, 0))
    assert torch.equal(held, padded.unfold(-1, width, 1).amax(-1))
    means = torch.empty(2, samples)
    average_rows(padded.numpy(), 0, width, -1.0, means.numpy())
    torch.testing.assert_close(means, -padded.double().unfold(-1, width, 1).mean(-1).float(), rtol=1e-5, atol=1e-6)

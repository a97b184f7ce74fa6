"""Kernels over rows: every row once and in order, alone, on threads, and in a forked process."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from fxrep.effects import compressor, limiter
from fxrep.effects.channel_gain import scale_channels
from fxrep.effects.finite import check_finite
from fxrep.effects.row_threads import SAMPLES_PER_THREAD, over_rows
from fxrep.errors import AudioError


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
@pytest.mark.parametrize("step", [1, 2])
def test_every_row_is_done_once(rows: int, step: int) -> None:
    source = np.arange(rows * SAMPLES_PER_THREAD, dtype=np.float32).reshape(rows, -1)
    target = np.zeros_like(source)
    starts = over_rows(_add, source, target, settings=(2.0,), step=step)
    assert np.array_equal(target, source + 2.0)
    assert starts == sorted(starts)
    assert all(start % (step * SAMPLES_PER_THREAD) == 0 for start in starts)
    assert len(starts) == min(3, -(-rows // step))


def _add(source: np.ndarray, target: np.ndarray, number: float) -> float:
    target += source + number
    return float(source[0, 0])


def test_an_error_in_a_thread_is_raised() -> None:
    def fail(rows: np.ndarray) -> None:
        if rows[0, 0] > 0:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        over_rows(fail, np.arange(2.0 * SAMPLES_PER_THREAD).reshape(2, -1))


def test_a_forked_process_has_threads_of_its_own() -> None:
    audio = torch.ones(4, 2, SAMPLES_PER_THREAD)
    scale_channels(audio, torch.full((4, 1), 2.0))
    process = multiprocessing.get_context("fork").Process(target=scale_channels, args=(audio, torch.ones(4, 1)))
    process.start()
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.parametrize("link", ["max", "none"])
@pytest.mark.parametrize("threads", [2, 3])
def test_dynamics_do_not_depend_on_the_number_of_threads(threads: int, link: str) -> None:
    """Nine items and a side-chain: stretches of unequal length, groups of rows that are cut short."""
    random = torch.Generator().manual_seed(0)
    audio, key = 0.5 * torch.randn(2, 9, 2, SAMPLES_PER_THREAD // 4, generator=random)
    threshold_db = torch.linspace(-40.0, -6.0, 9)

    def render(number: int) -> list[torch.Tensor]:
        torch.set_num_threads(number)
        inputs = [audio.clone().requires_grad_(), key.clone().requires_grad_(), threshold_db.clone().requires_grad_()]
        squeezed = compressor(inputs[0], 44100, threshold_db=inputs[2], ratio=4.0, sidechain=inputs[1], link=link)
        limited = limiter(squeezed, 44100, ceiling_db=-9.0)
        return [limited, *torch.autograd.grad(limited.square().sum(), inputs)]

    before = torch.get_num_threads()
    try:
        for one, several in zip(render(1), render(threads), strict=True):
            assert torch.equal(one, several)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("item", [0, 3])
def test_one_sample_that_is_not_finite_is_found(wrong: float, dtype: torch.dtype, item: int) -> None:
    audio = torch.full((4, 2, SAMPLES_PER_THREAD), torch.finfo(dtype).max, dtype=dtype)
    check_finite(audio)
    audio[item, 1, -1] = wrong
    for view in (audio, audio[..., 1:]):
        with pytest.raises(AudioError, match="NaN or infinite"):
            check_finite(view)
        with pytest.raises(AudioError, match="NaN or infinite"):
            scale_channels(view, torch.zeros(4, 1))


@pytest.mark.parametrize(("channels", "gains"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_channel_gains_have_their_gradients(channels: int, gains: int) -> None:
    random = torch.Generator().manual_seed(0)
    audio = torch.randn(3, channels, 7, generator=random, dtype=torch.float64).requires_grad_()
    gain = torch.randn(3, gains, generator=random, dtype=torch.float64).requires_grad_()
    assert torch.equal(scale_channels(audio, gain), audio * gain.unsqueeze(-1))
    assert torch.autograd.gradcheck(scale_channels, (audio, gain))
    assert torch.autograd.gradgradcheck(scale_channels, (audio, gain))

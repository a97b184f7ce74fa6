"""Resampling: length, level, aliasing, streaming and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep.audio import resample, resample_differentiable
from fxrep.audio.resampling import StreamResampler
from fxrep.errors import ArgumentError

BOTH = pytest.mark.parametrize("function", [resample, resample_differentiable])


def _tone(rate, hertz, seconds=1.0):
    return torch.sin(2 * np.pi * hertz * torch.arange(int(rate * seconds), dtype=torch.float64) / rate).float()


@BOTH
@pytest.mark.parametrize(("from_rate", "to_rate"), [(44100, 48000), (192000, 44100), (8000, 44100), (48000, 16000)])
def test_a_tone_keeps_its_place_and_level(function, from_rate, to_rate):
    result = function(_tone(from_rate, 997.0)[None], from_rate, to_rate)
    middle = slice(to_rate // 10, -to_rate // 10)
    assert (result[0] - _tone(to_rate, 997.0))[middle].abs().max() < 2e-4


@BOTH
@pytest.mark.parametrize(("hertz", "limit_db"), [(30000.0, -80.0), (40000.0, -80.0)])
def test_what_the_new_rate_cannot_hold_is_removed(function, hertz, limit_db):
    result = function(_tone(96000, hertz)[None], 96000, 44100)[0, 4410:-4410]
    assert 20 * torch.log10(result.abs().max() + 1e-12) < limit_db


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3000), st.sampled_from([8000, 11025, 44100, 48000, 192000]), st.sampled_from([16000, 44100]))
def test_length_is_the_rounded_ratio(samples, from_rate, to_rate):
    result = resample(torch.zeros(2, 3, samples), from_rate, to_rate)
    expected = max(1, int(np.floor(samples * to_rate / from_rate + 0.5)))
    assert result.shape == (2, 3, expected)


@pytest.mark.parametrize("to_rate", [8000, 44100, 96000])
def test_pieces_join_to_the_whole(to_rate):
    audio = torch.randn(2, 50000, generator=torch.Generator().manual_seed(0))
    stream = StreamResampler(48000, to_rate, 2)
    pieces = [stream.push(piece) for piece in audio.split(777, dim=-1)]
    joined = torch.cat([*pieces, stream.finish()], dim=-1)
    torch.testing.assert_close(joined, resample(audio, 48000, to_rate), atol=1e-5, rtol=0)


def test_equal_rates_change_nothing():
    audio = torch.randn(2, 100)
    assert resample(audio, 44100, 44100) is audio


def test_the_gradient_is_kept_or_the_caller_is_told():
    audio = torch.randn(2, 4410, requires_grad=True)
    resample_differentiable(audio, 44100, 16000).square().sum().backward()
    assert torch.isfinite(audio.grad).all()
    assert audio.grad.abs().sum() > 0
    with pytest.raises(ArgumentError, match="resample_differentiable"):
        resample(audio, 44100, 16000)
    with torch.no_grad():
        assert resample(audio, 44100, 16000).shape == (2, 1600)


@BOTH
@pytest.mark.parametrize("rate", [0, -44100, 44100.5, float("nan")])
def test_impossible_rates_are_refused(function, rate):
    with pytest.raises(ArgumentError, match="sample rate"):
        function(torch.zeros(2, 10), rate, 44100)

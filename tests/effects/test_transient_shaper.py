"""The transient shaper against a sample-by-sample float64 loop written from its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fxrep import effects
from fxrep.effects.streaming import stream_blocks

RATE = 44100


def follow(held: np.ndarray, fall_ms: float, rise_ms: float) -> np.ndarray:
    envelope, value = np.zeros_like(held), 0.0
    for n, peak in enumerate(held):
        keep = math.exp(-1000 / (RATE * (fall_ms if peak < value else rise_ms)))
        value = keep * value + (1 - keep) * peak
        envelope[n] = value
    return envelope + 1e-6


def reference(audio: np.ndarray, attack_db: float, sustain_db: float) -> np.ndarray:
    peaks, width = np.abs(audio).max(0), round(0.010 * RATE)
    held = np.array([peaks[max(0, n - width + 1) : n + 1].max() for n in range(len(peaks))])
    fast, late, long = follow(held, 30.0, 0.5), follow(held, 30.0, 20.0), follow(held, 300.0, 0.5)
    gain_db = attack_db * (1 - late / fast) + sustain_db * (1 - fast / long)
    return audio * 10 ** (gain_db / 20)


@pytest.mark.parametrize(("attack_db", "sustain_db"), [(9.0, 0.0), (0.0, 12.0), (-12.0, -20.0)])
def test_it_agrees_with_the_definition(attack_db: float, sustain_db: float, hits: torch.Tensor) -> None:
    levels = torch.tensor([0.5, 0.01, 0.1, 0.0, 0.9]).repeat_interleave(3000)
    steps = levels * torch.randn(2, 15000, generator=torch.Generator().manual_seed(0)).sign()
    for audio in (hits[0, :, :20000], steps):
        truth = reference(audio.double().numpy(), attack_db, sustain_db)
        for dtype, limit in ((torch.float32, -105.0), (torch.float64, -220.0)):
            estimate = effects.transient_shaper(
                audio[None].to(dtype), RATE, attack_db=attack_db, sustain_db=sustain_db
            )[0]
            error = np.linalg.norm(estimate.double().numpy() - truth) / np.linalg.norm(truth)
            assert 20 * math.log10(error) < limit


def test_level_does_not_matter(hits: torch.Tensor) -> None:
    """Down to the floor of -120 dB."""
    settings = {"attack_db": 9.0, "sustain_db": -6.0}
    loud, quiet = (effects.transient_shaper(scale * hits.double(), RATE, **settings) for scale in (1.0, 0.1))
    assert float((quiet * 10 - loud).norm() / loud.norm()) < 1e-3


def test_attacks_and_tails_are_moved_by_what_is_asked_and_steady_tones_are_not() -> None:
    n = torch.arange(RATE, dtype=torch.float64)
    tone = 0.3 * torch.sin(2 * math.pi * 55 / RATE * n)
    audio = torch.cat((torch.zeros(4410, dtype=torch.float64), tone, 1e-3 * tone))[None, None]
    gain_db = {}
    for name in ("attack_db", "sustain_db"):
        wet = effects.transient_shaper(audio, RATE, **{name: 12.0})
        gain_db[name] = 20 * torch.log10((wet / audio)[0, 0].abs().nan_to_num(1.0).clamp_min(1e-9))
    # At the onset nearly all is attack; once the late envelope has arrived, nothing.
    assert float(gain_db["attack_db"][4410 + 44 : 4410 + 100].median()) > 10.0
    assert float(gain_db["attack_db"][4410 + 20000 : 4410 + 40000].abs().max()) < 0.05
    # After the tone the fast envelope falls by 60 dB, the long one not yet: nearly all is sustain.
    assert float(gain_db["sustain_db"][4410 + 20000 : 4410 + 40000].abs().max()) < 0.05
    assert float(gain_db["sustain_db"][4410 + RATE + 10000]) > 8.0


def test_both_channels_get_one_gain(hits: torch.Tensor) -> None:
    wet = effects.transient_shaper(hits, RATE, attack_db=12.0)
    torch.testing.assert_close(wet[:, 0] * hits[:, 1], wet[:, 1] * hits[:, 0])


def test_gradients_match_finite_differences(hits: torch.Tensor) -> None:
    audio = (hits[..., :80].double() * 0.5).requires_grad_()
    columns = [torch.full((2,), value, dtype=torch.float64, requires_grad=True) for value in (5.0, -7.0)]
    assert torch.autograd.gradcheck(
        lambda x, a, s: effects.transient_shaper(x, 8000, attack_db=a, sustain_db=s), (audio, *columns), eps=1e-7
    )


def test_a_stream_keeps_its_envelopes(hits: torch.Tensor) -> None:
    module, settings = effects.TransientShaper(), {"attack_db": 9.0, "sustain_db": -6.0}
    joined = torch.cat(list(stream_blocks(module.stream(RATE, **settings), hits.split([1, 7, 1000, 43092], -1))), -1)
    assert torch.equal(joined, module(hits, RATE, **settings))

"""Gradients of gradients: exact where there is one, refused aloud where not; and zero, not none, for what is off."""

from __future__ import annotations

import pytest
import torch

from fxrep import effects
from fxrep.errors import ArgumentError

CASES = {
    "compressor": {"threshold_db": -30.0, "ratio": 4.0},
    "limiter": {"ceiling_db": -20.0},
    "noise_gate": {"threshold_db": -10.0, "range_db": 40.0},
    "chorus": {"mix": 0.5},
    "delay": {"mix": 0.5},
    "phaser": {"mix": 0.5},
    "tube_drive": {"drive_db": 12.0},
    "noise_shaped_reverb": {"mix": 0.5},
}


@pytest.mark.parametrize("name", CASES)
def test_a_second_gradient_is_never_wrong_in_silence(name: str) -> None:
    audio = (torch.randn(1, 2, 2000, generator=torch.Generator().manual_seed(0)) * 0.5).requires_grad_()
    output = effects.create_processor(name)(audio, 44100, **CASES[name])
    with pytest.raises(ArgumentError, match="create_graph"):
        torch.autograd.grad(output.square().sum(), audio, create_graph=True)
    (slope,) = torch.autograd.grad(output.square().sum(), audio)
    assert slope.isfinite().all()


@pytest.mark.parametrize("name", ["low_pass", "high_pass", "band_pass", "notch", "all_pass"])
def test_the_q_of_a_filter_that_is_off_has_a_gradient_of_zero(name: str) -> None:
    q = torch.full((2,), 2.0, requires_grad=True)
    audio = torch.randn(2, 1, 100)
    output = effects.create_processor(name)(audio, 44100, q=q)
    assert torch.equal(output, audio)
    output.sum().backward()
    assert q.grad is not None
    assert not q.grad.any()

"""Losses of samples against closed forms."""

from __future__ import annotations

import pytest
import torch

from fxrep.errors import ArgumentError, AudioError
from fxrep.losses import L1Loss, SiSdrLoss

TIME = torch.arange(22050) / 22050
SINE = torch.sin(2 * torch.pi * 100 * TIME)
COSINE = torch.cos(2 * torch.pi * 100 * TIME)


def test_l1_is_the_mean_difference() -> None:
    reference = torch.stack([SINE, COSINE])[None]
    estimate = (reference + torch.tensor([[0.1], [-0.3]])).requires_grad_(True)
    loss = L1Loss()(estimate, reference)
    assert float(loss.detach()) == pytest.approx(0.2, abs=1e-6)
    loss.backward()
    torch.testing.assert_close(estimate.grad[0, :, 0], torch.tensor([1.0, -1.0]) / (2 * 22050))
    assert float(L1Loss()(reference, reference)) == 0.0


@pytest.mark.parametrize("form", ["corrected", "published"])
def test_ratio_of_signal_and_what_is_orthogonal_to_it(form: str) -> None:
    reference = torch.stack([SINE, COSINE])[None]
    # A tenth of what is orthogonal is 20 dB down; a gain and an offset make no difference.
    estimate = 3.0 * (reference + 0.1 * torch.stack([COSINE, SINE])[None]) + 0.5
    loss = SiSdrLoss(form)  # type: ignore[arg-type]
    assert float(loss(estimate, reference)) == pytest.approx(-20.0, abs=0.01)
    assert float(loss(-estimate, reference)) == pytest.approx(-20.0, abs=0.01)
    silence = torch.zeros_like(reference).requires_grad_(True)
    for pair in ((silence, reference), (reference, silence), (silence, silence)):
        assert bool(loss(*pair).isfinite())
    loss(silence, reference).backward()
    assert bool(silence.grad.isfinite().all())


def test_balance_of_the_sides_counts_in_the_corrected_form_only() -> None:
    reference = torch.stack([SINE, SINE])[None]
    estimate = torch.stack([SINE, 0.0 * SINE])[None]
    # One side of two equal ones: half of it is signal, half is not.
    assert float(SiSdrLoss()(estimate, reference)) == pytest.approx(0.0, abs=0.01)
    leaning = torch.stack([SINE, 0.5 * SINE])[None]
    # (1, 0.5) along (1, 1) is (0.75, 0.75) with (0.25, -0.25) left: 9.54 dB.
    assert float(SiSdrLoss()(leaning, reference)) == pytest.approx(-9.542, abs=0.01)
    assert float(SiSdrLoss("published")(leaning, reference)) < -60.0


def test_what_cannot_be_compared() -> None:
    for loss in (L1Loss(), SiSdrLoss()):
        with pytest.raises(AudioError, match="all of one length"):
            loss(torch.zeros(1, 2, 10), torch.zeros(1, 2, 11))
    with pytest.raises(ArgumentError, match="form is 'new'"):
        SiSdrLoss("new")  # type: ignore[arg-type]

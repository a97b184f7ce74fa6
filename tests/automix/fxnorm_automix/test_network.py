"""The network: the published sizes, what it begins as, silence, and that all of it counts."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from automix.fxnorm_automix import GROUPS, PUBLISHED, SMALL, FxNormAutomix, FxNormNetwork
from automix.fxnorm_automix.groups import group_number
from automix.fxnorm_automix.lapped_filters import lapped_filters
from automix.fxnorm_automix.network import limited
from fxrep.errors import ArgumentError, AudioError, CheckpointError

from .conftest import TINY, scrambled, sound

PUBLISHED_WEIGHTS = 2_752_817
LAST_RESIDUAL = 128 * 256 + 256


def stems(samples: int = 3000, batch: int = 1) -> torch.Tensor:
    return torch.stack(
        [torch.stack([sound(4 * item + one, 0.2)[:, :samples] for one in range(4)]) for item in range(batch)]
    )


def weights(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_the_published_sizes() -> None:
    """All the published weights but the residual path of the last block, whose output nothing reads."""
    assert weights(FxNormNetwork()) == weights(FxNormNetwork(**PUBLISHED)) == PUBLISHED_WEIGHTS - LAST_RESIDUAL
    assert weights(FxNormNetwork(**SMALL)) < 70_000


@pytest.mark.parametrize(("features", "taps"), [(128, 64), (32, 16), (64, 16), (16, 9)])
def test_lapped_filters_give_back_what_they_take_apart(features: int, taps: int) -> None:
    filters = lapped_filters(features, 8, taps)
    assert filters is not None
    audio = torch.randn(1, 8, 300, generator=torch.Generator().manual_seed(0))
    back = F.conv_transpose1d(F.conv1d(audio, filters), filters)[..., taps:-taps]
    assert float((back - audio[..., taps:-taps]).abs().max()) < 1e-5
    assert lapped_filters(130, 8, 64) is None and lapped_filters(128, 8, 31) is None


def test_it_begins_near_the_sum_of_the_stems() -> None:
    torch.manual_seed(0)
    network, dry = FxNormNetwork(**PUBLISHED).eval(), stems()
    with torch.no_grad():
        found = network.outputs(dry)
    assert float((found - dry).norm() / dry.norm()) < 0.05


def test_every_weight_counts() -> None:
    """The published program multiplies by the pooled front end in the place of the mask: most weights do nothing."""
    torch.manual_seed(0)
    mixer = scrambled(FxNormAutomix(**TINY))
    mixer(stems(2000)).square().mean().backward()
    idle = [name for name, one in mixer.named_parameters() if one.grad is None or not bool(one.grad.abs().max() > 0.0)]
    assert idle == []
    assert all(bool(one.grad.isfinite().all()) for one in mixer.parameters() if one.grad is not None)


@pytest.mark.parametrize("samples", [1, 63, 64, 1000])
def test_any_length_silence_and_full_scale(samples: int) -> None:
    mixer = scrambled(FxNormAutomix(**TINY))
    with torch.no_grad():
        assert torch.equal(mixer(torch.zeros(2, 4, 2, samples)), torch.zeros(2, 2, samples))
        loud = mixer(100.0 * stems(samples))
    assert loud.shape == (1, 2, samples) and float(loud.abs().max()) <= 1.0


def test_items_of_a_batch_do_not_hear_each_other() -> None:
    mixer = scrambled(FxNormAutomix(**TINY))
    with torch.no_grad():
        torch.testing.assert_close(mixer(stems(1000, 2))[1:], mixer(stems(1000, 2)[1:]), rtol=0.0, atol=1e-5)


def test_the_limit_is_shared() -> None:
    outputs = torch.randn(2, 4, 2, 500, generator=torch.Generator().manual_seed(0))
    outputs[..., :100] = 0.0
    shared = limited(outputs)
    torch.testing.assert_close(shared.sum(1), outputs.sum(1).tanh())
    assert float(limited(1e-6 * outputs).sub(1e-6 * outputs).abs().max()) < 1e-12


def test_instruments_have_a_stem() -> None:
    assert GROUPS == ("vocals", "bass", "drums", "other")
    named = {"vocals": 0, "bass": 1, "drums": 2, "percussion": 2, "other": 3, "guitar": 3, "keys": 3, "mixture": 3}
    assert {name: group_number(name) for name in named} == named


def test_wrong_input() -> None:
    for sizes in ({"features": 15}, {"blocks": 0}, {"pool": 64, "stride": 7}):
        with pytest.raises(ArgumentError, match="sizes"):
            FxNormNetwork(**{**TINY, **sizes})
    for shape in ((1, 3, 2, 100), (4, 2, 100), (1, 4, 1, 100), (1, 4, 2, 0)):
        with pytest.raises(AudioError, match="vocals, bass, drums, other"):
            FxNormNetwork(**TINY)(torch.zeros(shape))
    with pytest.raises(CheckpointError, match="drums, vocals, bass, other in this order"):
        FxNormAutomix(**TINY, stems=["drums", "vocals", "bass", "other"])
    with pytest.raises(ArgumentError, match="sample_rate is 0"):
        FxNormAutomix(**TINY, sample_rate=0)

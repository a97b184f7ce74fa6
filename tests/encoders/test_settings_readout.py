"""The auxiliary objective: what it takes for the truth, and what it costs to know nothing or everything."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from encoders.spectral_encoder import SpectralEncoder
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.settings_readout import CURVE_HZ, SettingsReadout
from fxrep.data.pairs import PairRenderer
from fxrep.effects import ChainEffect, EffectChain, create_chain
from fxrep.errors import ArgumentError

RATE = 44100


def draws(count: int, name: str = "default"):
    chain = create_chain(name)
    return chain, chain.sample_batch(torch.Generator().manual_seed(0), count, RATE)


def test_knowing_nothing_costs_one_for_each_kind_of_target() -> None:
    chain, settings = draws(2000)
    readout = SettingsReadout(chain, 8)
    torch.nn.init.zeros_(readout.linear.weight)
    torch.nn.init.zeros_(readout.linear.bias)
    _, positions, mask, curves = readout.targets(settings, RATE)
    loss = float(readout(F.normalize(torch.randn(2000, 8), dim=1), settings, RATE).detach())
    # A coin costs 1, positions are uniform with unit variance, and the curve is what the equaliser draws.
    assert float((positions.square() * mask).sum() / mask.sum()) == pytest.approx(1.0, abs=0.03)
    assert loss == pytest.approx(2.0 + float(curves.square().mean()), abs=0.03)


def test_knowing_everything_costs_nothing() -> None:
    chain, settings = draws(40)
    readout = SettingsReadout(chain, 64)
    present, positions, _, curves = readout.targets(settings, RATE)
    # 40 orthogonal embeddings: a linear layer can write any target for each of them.
    embeddings = torch.eye(64)[:40]
    with torch.no_grad():
        readout.linear.bias.zero_()
        readout.linear.weight[:, :40] = torch.cat([(present - 0.5) * 100.0, positions, curves], dim=1).T / 8.0
    assert float(readout(embeddings, settings, RATE)) == pytest.approx(0.0, abs=1e-6)


def test_curves_are_those_of_the_cookbook() -> None:
    chain = EffectChain([ChainEffect("parametric_eq")])
    flat = chain.sample(torch.Generator().manual_seed(0), RATE)[0]["settings"]
    flat |= {name: 0.0 for name in flat if name.endswith("_gain_db")}
    frequency = CURVE_HZ[9]
    peak = flat | {"peak_2_hz": frequency, "peak_2_gain_db": 9.0, "peak_2_q": 1.0}
    settings = [[{"effect": "parametric_eq", "settings": one}] for one in (flat, peak)] + [[]]
    curves = SettingsReadout(chain, 8).targets(settings, RATE)[3] * 6.0
    assert curves[[0, 2]].abs().max() < 1e-4
    # RBJ cookbook: the gain at the centre; bilinear transform of (s² + s A / Q + 1) / (s² + s / (A Q) + 1) around it.
    amplitude, centre = 10.0 ** (9.0 / 40.0), math.tan(math.pi * frequency / RATE)
    for number, hz in enumerate(CURVE_HZ):
        s = 1j * math.tan(math.pi * hz / RATE) / centre
        expected = 20.0 * math.log10(abs((s * s + s * amplitude + 1.0) / (s * s + s / amplitude + 1.0)))
        # The curve is read at the nearest of 4096 frequencies.
        assert float(curves[1, number]) == pytest.approx(expected, abs=0.15)


def test_a_chain_without_equaliser_or_settings_has_fewer_targets() -> None:
    chain = EffectChain([ChainEffect("gain", 0.5), ChainEffect("polarity", 0.5)])
    settings = chain.sample_batch(torch.Generator().manual_seed(0), 6, RATE)
    readout = SettingsReadout(chain, 4)
    assert readout.sizes[0] == 2 and readout.sizes[2] == 0
    assert torch.isfinite(readout(F.normalize(torch.randn(6, 4), dim=1), settings, RATE))
    assert torch.isfinite(readout(F.normalize(torch.randn(6, 4), dim=1), [[]] * 6, RATE))


def test_the_encoder_learns_from_it() -> None:
    """Its gradient reaches the encoder, beside that of the contrastive objective, by its weight."""
    torch.manual_seed(0)
    encoder = SpectralEncoder(dim=16, channels=16, n_blocks=1, hidden=16)
    training = ContrastiveTraining(encoder, PairRenderer("default"), projection_dim=None, readout_weight=0.5)
    rendered = training.renderer(
        {"a": 0.1 * torch.randn(2, 2, RATE // 2), "b": 0.1 * torch.randn(2, 2, RATE // 2)},
        RATE,
        torch.Generator().manual_seed(0),
    )
    embedded = training._embed(rendered)
    contrastive = training.objective(embedded["a"], embedded["b"])
    loss, _ = training._joined_loss(embedded)
    assert float(loss) == pytest.approx(float(contrastive) + 0.5 * float(embedded["readout"]))
    (gradient,) = torch.autograd.grad(embedded["readout"], encoder.joint[-1].weight)
    assert float(gradient.abs().max()) > 0.0


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(ArgumentError, match="readout_weight is -1"):
        ContrastiveTraining(SpectralEncoder(), PairRenderer(), readout_weight=-1.0)

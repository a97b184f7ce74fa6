"""Pairs with the roles swapped: content is shared by positives, effects by negatives."""

from __future__ import annotations

import pytest
import torch

from fxrep.data.content_pairs import ContentRenderer
from fxrep.effects import ChainEffect, EffectChain
from fxrep.errors import ArgumentError

RATE = 44100


def test_rows_share_content_and_neighbours_share_effects() -> None:
    renderer = ContentRenderer(EffectChain([ChainEffect("gain", ranges={"gain_db": (-12.0, 12.0)})]))
    contents = torch.rand(6, 1, 1).expand(6, 2, 1001).clone()
    batch = {"a": contents[:3], "b": contents[3:]}
    rendered = renderer(batch, RATE, torch.Generator().manual_seed(0))
    assert rendered.a.shape == rendered.b.shape == (6, 2, 500)
    gain_a, gain_b = rendered.a / contents[..., :500], rendered.b / contents[..., :500]
    torch.testing.assert_close(gain_b[1:], gain_a[:-1])
    torch.testing.assert_close(gain_b[0], gain_a[-1])
    assert float((gain_a - gain_b).abs().amin()) > 0.01, "a recording met its own chain again"


def test_halves_are_of_one_recording() -> None:
    batch = {"a": torch.arange(8.0).expand(1, 2, 8) / 8, "b": torch.arange(8.0).flip(0).expand(1, 2, 8) / 8}
    rendered = ContentRenderer(EffectChain([]))(batch, RATE, torch.Generator())
    assert torch.equal(torch.cat([rendered.a, rendered.b], -1), torch.cat([batch["a"], batch["b"]]))


def test_too_short() -> None:
    batch = {"a": torch.zeros(1, 2, 1), "b": torch.zeros(1, 2, 1)}
    with pytest.raises(ArgumentError, match="longer segments"):
        ContentRenderer("default")(batch, RATE, torch.Generator())

"""Blocks join to what one pass over the whole stem gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from fxrep.errors import AudioError
from style_transfer.mixfx_cloner import PUBLISHED, ClonerNetwork, ClonerStream

from .conftest import scrambled, unit

WIDE: dict[str, Any] = {"channels": 64, "blocks": 4, "kernel": 7, "dilation_growth": 4}
NARROW: dict[str, Any] = {"channels": 16, "blocks": 4, "kernel": 5, "dilation_growth": 3, "batch_norm": False}


def joined(network: ClonerNetwork, embedding: torch.Tensor, audio: torch.Tensor, lengths: Sequence[int]) -> Any:
    stream, parts, start = ClonerStream(network, embedding), [], 0
    for length in lengths:
        parts.append(stream.push(audio[..., start : start + length]))
        start += length
    assert start >= audio.shape[-1]
    rest = stream.finish()
    return torch.cat(parts if rest is None else [*parts, rest], dim=-1)


def error_db(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float(20.0 * torch.log10((found - wanted).abs().max() / wanted.abs().max()))


def exact(network: ClonerNetwork, embedding: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """One pass over the whole, by plain convolutions in float64."""
    with torch.no_grad():
        whole = network.double()(audio.double(), embedding.double()[None])
    network.float()
    return whole


@pytest.mark.parametrize(
    "sizes",
    [
        {**WIDE, "output": "samples"},
        {**NARROW, "output": "gains"},
        {**NARROW, "output": "gains", "equalizer_bands": 5},
    ],
)
@pytest.mark.parametrize("samples", [1, 40, 3000])
def test_blocks_of_any_length_join_to_the_whole(sizes: dict[str, Any], samples: int) -> None:
    network, embedding = scrambled(ClonerNetwork(8, **sizes)), unit(8)
    audio = 0.1 * torch.randn(1, 2, samples)
    wanted = exact(network, embedding, audio)
    for lengths in ([samples], [7] * 3 + [0, 500] * 6, [257] * 12):
        found = joined(network, embedding, audio, lengths)
        assert found.shape == audio.shape
        assert error_db(found, wanted) < -110.0  # -80 dB would be inaudible; this is the rounding of float32


def test_the_published_form_in_blocks_far_shorter_than_its_receptive_field() -> None:
    network, embedding = scrambled(ClonerNetwork(32, **PUBLISHED)), unit(32)
    audio = 0.1 * torch.randn(1, 2, 1200)
    with torch.no_grad():
        wanted = network(audio, embedding[None])
    assert error_db(joined(network, embedding, audio, [700, 500]), wanted) < -90.0


def test_memory_does_not_grow_with_the_stem() -> None:
    network = scrambled(ClonerNetwork(8, **NARROW, output="gains"))
    stream, held = ClonerStream(network, unit(8)), []
    for _ in range(6):
        stream.push(0.1 * torch.randn(1, 2, 1000))
        kept = [layer.kept.untyped_storage().nbytes() for layer in stream.layers]
        held.append(sum(kept) + sum(one.nbytes for one in stream.memory) + stream.waiting.untyped_storage().nbytes())
    assert held[1] == held[-1]


def test_the_stream_does_not_care_for_the_mode_and_leaves_gradients_alone() -> None:
    network = scrambled(ClonerNetwork(8, **WIDE))
    audio, embedding = 0.1 * torch.randn(1, 2, 500), unit(8)
    one = joined(network, embedding, audio, [500])
    other = joined(network.train(), embedding.clone().requires_grad_(), audio, [500])
    assert torch.equal(one, other) and not other.requires_grad


def test_silence_before_the_stem_changes_nothing_of_it() -> None:
    """What a block hears at its beginning is what was there, not silence."""
    network, embedding = scrambled(ClonerNetwork(8, **NARROW, output="gains")), unit(8)
    audio = 0.1 * torch.randn(1, 2, 2000)
    apart = torch.cat([joined(network, embedding, part, [1000]) for part in audio.split(1000, -1)], -1)
    assert error_db(apart, exact(network, embedding, audio)) > -60.0


@pytest.mark.parametrize("shape", [(2, 100), (1, 1, 100), (2, 2, 100)])
def test_wrong_blocks(shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioError, match="one stereo stem"):
        ClonerStream(ClonerNetwork(8, **NARROW), unit(8)).push(torch.zeros(shape))

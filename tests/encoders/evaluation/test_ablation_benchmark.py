"""The benchmark of ablations: a variant lacks what its name says, and nothing else."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch.nn import functional as F

from encoders import SpectralEncoder
from encoders.objectives import nt_xent

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
AUDIO = 0.1 * torch.randn(2, 2, 48000, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("ablation")


@torch.no_grad()
def test_with_all_parts_it_is_the_encoder(benchmark: ModuleType) -> None:
    torch.manual_seed(0)
    whole = benchmark.Ablated().eval()
    torch.manual_seed(0)
    assert torch.equal(whole(AUDIO), SpectralEncoder().eval()(AUDIO))


@torch.no_grad()
def test_what_is_removed_is_not_heard(benchmark: ModuleType) -> None:
    level_free, whole = benchmark.Ablated(level=False).eval(), benchmark.Ablated().eval()
    # Both ends are padded with silence, which no gain makes softer.
    loud, soft = (whole.frames(audio)[..., 2:-2] for audio in (AUDIO, 0.25 * AUDIO))
    torch.testing.assert_close(level_free.standardize(loud), level_free.standardize(soft), atol=1e-4, rtol=0.0)
    assert (whole.standardize(loud) - whole.standardize(soft))[:, benchmark.BANDS].min() > 0.1
    frames = whole.frames(AUDIO)
    for group, place in benchmark.GROUPS.items():
        encoder, other = benchmark.Ablated([group]).eval(), frames.clone()
        other[:, place] += 0.5
        assert torch.equal(encoder.embed_frames(frames), encoder.embed_frames(other)), group
        assert not torch.equal(whole.embed_frames(frames), whole.embed_frames(other)), group
    assert sum(place.stop - place.start for place in benchmark.GROUPS.values()) == frames.shape[1]


def test_losses_are_those_of_their_formulas(benchmark: ModuleType) -> None:
    generator = torch.Generator().manual_seed(1)
    first, second, third, fourth = (F.normalize(torch.randn(3, 8, generator=generator), dim=1) for _ in range(4))
    active = torch.tensor([[1, 0, 0, 1], [1, 1, 0, 0], [1, 0, 0, 1]], dtype=torch.bool)
    memory = benchmark.Memory(batches=1)
    torch.testing.assert_close(memory(first, second, active), nt_xent(first, second))
    later, loss = torch.cat([third, fourth]), 0.0
    graded, joined = 0.0, torch.cat([first, second])
    for i in range(6):
        partner = (i + 3) % 6
        others = [math.exp(float(later[i] @ later[k]) / 0.1) for k in range(6) if k != i]
        others += [math.exp(float(later[i] @ earlier) / 0.1) for earlier in joined]
        loss -= math.log(math.exp(float(later[i] @ later[partner]) / 0.1) / sum(others)) / 6
        total = 0.0
        for k in (k for k in range(6) if k != i):
            differing = float((active[i % 3] != active[k % 3]).float().mean())
            total += (1.0 if k == partner else 0.5 + differing) * math.exp(float(joined[i] @ joined[k]) / 0.1)
        graded -= math.log(math.exp(float(joined[i] @ joined[partner]) / 0.1) / total) / 6
    assert float(memory(third, fourth, active)) == pytest.approx(loss, rel=1e-4)
    assert float(benchmark.graded_loss(first, second, active)) == pytest.approx(graded, rel=1e-4)


def test_one_chain_of_each_content(benchmark: ModuleType) -> None:
    chosen = benchmark.one_chain(5)
    assert chosen.shape == (5, 32) and (chosen[:, :16] != chosen[:, 16:]).all()

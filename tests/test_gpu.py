"""What a GPU computes is what the CPU computes. Skipped where there is none.

Single processors and their gradients are compared in tests/effects/test_processors.py.
"""

from __future__ import annotations

import math

import pytest
import torch

from encoders import ContentEncoder, EffectEncoder, FxEncoderPlusPlus
from encoders.queries import ContentQueries
from fxrep import effects, load_encoder
from fxrep.audio import integrated_loudness, resample, true_peak_db
from fxrep.data.mixtures import MixtureRenderer

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

RATE = 44100
# Oscillators and long recursions add the rounding of another order of operations.
CLOSE_DB = -80.0


def bursts(items: int = 3, samples: int = 30000) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    decay = torch.exp(-(torch.arange(samples) % 9000) / 2000.0)
    return torch.randn(items, 2, samples, generator=generator) * decay * 0.3


def error_db(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    difference = (estimate.detach().cpu().double() - truth.detach().double()).norm()
    return 20.0 * math.log10(max(float(difference), 1e-12) / max(float(truth.detach().double().norm()), 1e-12))


@pytest.mark.parametrize("name", list(effects.CHAINS))
def test_chains_give_what_the_cpu_gives(name: str) -> None:
    chain = effects.create_chain(name)
    settings = chain.sample_batch(torch.Generator().manual_seed(1), 8)
    audio = bursts(8)
    assert error_db(chain(audio.cuda(), RATE, settings), chain(audio, RATE, settings)) < CLOSE_DB


def test_the_console_gives_what_the_cpu_gives() -> None:
    console = effects.default_console()
    tracks = bursts(2, 30000).unsqueeze(1).repeat(1, 3, 1, 1)
    generator = torch.Generator().manual_seed(2)
    shapes = ((2, 3, console.track_size), (2, console.bus_size), (2, console.master_size))
    positions = [0.3 + 0.4 * torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    here = console.render(tracks, console.denormalize(*positions), RATE)
    there = console.cuda().render(tracks.cuda(), console.denormalize(*(part.cuda() for part in positions)), RATE)
    assert error_db(there, here) < CLOSE_DB


def test_loudness_peaks_and_resampling() -> None:
    audio = bursts(2, 100000)
    assert torch.allclose(integrated_loudness(audio.cuda(), RATE).cpu(), integrated_loudness(audio, RATE), atol=1e-3)
    assert torch.allclose(true_peak_db(audio.cuda(), RATE).cpu(), true_peak_db(audio, RATE), atol=1e-3)
    assert error_db(resample(audio.cuda(), RATE, 48000), resample(audio, RATE, 48000)) < CLOSE_DB


def test_embeddings_within_a_thousandth() -> None:
    encoder: EffectEncoder = load_encoder("default")
    audio = bursts(2, 5 * RATE)
    here = encoder.embed(audio, sample_rate=RATE)
    there = encoder.cuda().embed(audio.cuda(), sample_rate=RATE)
    assert float((there.cpu() - here).abs().max()) < 1e-3


def test_answers_to_queries_within_a_thousandth() -> None:
    torch.manual_seed(0)
    queries = ContentQueries(ContentEncoder(dim=8, channels=[8, 16]))
    encoder = FxEncoderPlusPlus(channels=[8, 16, 32], projection_dim=16, queries=queries)
    queries.named("bass")
    audio = bursts(2, 2 * RATE)
    for query in ("bass", audio[0].clone()):
        here = encoder.cpu().embed(audio, RATE, query=query)
        there = encoder.cuda().embed(audio.cuda(), RATE, query=query)
        assert float((there.cpu() - here).abs().max()) < 1e-3


def test_mixtures_are_those_of_the_cpu() -> None:
    batch = {"a": bursts(4).unflatten(0, (2, 2)), "b": bursts(4).unflatten(0, (2, 2)), "target": torch.tensor([1, 1])}
    renderer = MixtureRenderer()
    here = renderer(batch, RATE, torch.Generator().manual_seed(0))
    there = renderer({name: value.cuda() for name, value in batch.items()}, RATE, torch.Generator().manual_seed(0))
    for name in ("a", "b", "query", "target"):
        assert error_db(getattr(there, name), getattr(here, name)) < CLOSE_DB, name


def test_losses_give_what_the_cpu_gives() -> None:
    from fxrep.losses import EmbeddingLoss, ProductionStyleLoss, StftLoss

    estimate, reference = bursts(2, 60000), bursts(3, 60000)[1:].flip(1)
    losses = [ProductionStyleLoss(RATE), ProductionStyleLoss(RATE, "published"), StftLoss(sum_and_difference=True)]
    for loss in [*losses, EmbeddingLoss(load_encoder(), RATE)]:
        here = loss(estimate, reference)
        heard = estimate.cuda().requires_grad_(True)
        there = loss.cuda()(heard, reference.cuda())
        there.backward()
        assert float(there) == pytest.approx(float(here), rel=1e-3)
        assert heard.grad is not None and bool(torch.isfinite(heard.grad).all())

"""A step in chunks gives the loss, the gradient and the statistics of the step in one go."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch import Tensor, nn

from encoders.base import EffectEncoder
from encoders.fx_encoder import FxEncoder
from encoders.objectives import nt_xent
from encoders.spectral_encoder import SpectralEncoder
from encoders.training.command import run_training
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.gradient_cache import FeatureExtraction
from fxrep.data.pairs import PairRenderer
from fxrep.errors import ArgumentError


class Noisy(EffectEncoder):
    """Dropout and batch normalisation, and a note of how many rows are seen with a graph at a time."""

    def __init__(self) -> None:
        super().__init__(dim=8, sample_rate=44100, window_s=1.0)
        self.first = nn.Sequential(nn.Conv1d(2, 6, 64, 32), nn.BatchNorm1d(6), nn.GELU(), nn.Dropout(0.3))
        self.second = nn.Linear(6, 8)
        self.rows: list[int] = []

    def features(self, audio: Tensor) -> Tensor:
        self.rows.append(len(audio))
        found: Tensor = nn.functional.dropout(self.second(self.first(audio).mean(-1)), 0.2, self.training)
        return found


def pairs(rows: int = 7, seconds: float = 0.5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    levels = torch.logspace(-2, 0, rows)[:, None, None]
    a, b = torch.randn(2, rows, 2, round(44100 * seconds), generator=generator) * 0.1 * levels
    return a, b


def spectral() -> SpectralEncoder:
    torch.manual_seed(0)
    return SpectralEncoder(dim=8, channels=8, n_blocks=1, hidden=16)


def take_step(encoder: EffectEncoder, chunk: int | None, steps: int = 1) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss and gradients of the last of some steps of descent."""
    features = FeatureExtraction(encoder.train(), chunk)
    a, b = pairs()
    for _ in range(steps):
        encoder.zero_grad()
        loss = nt_xent(features(a), features(b))
        loss.backward()
        with torch.no_grad():
            for value in encoder.parameters():
                value -= 0.01 * value.grad
    return loss.detach(), {name: value.grad for name, value in encoder.named_parameters()}


def assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-5) -> None:
    """To `tolerance` of the largest value of each tensor."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        error = (found[name] - value).abs().max() / value.abs().max().clamp(min=1e-9)
        assert error < tolerance, (name, float(error))


@pytest.mark.parametrize("chunk", [1, 3])
def test_chunks_equal_the_whole_with_running_standardization(chunk):
    """Three steps, so that the statistics that the chunks leave behind count too."""
    whole, parts = spectral(), spectral()
    loss, gradients = take_step(whole, None, steps=3)
    chunked_loss, chunked_gradients = take_step(parts, chunk, steps=3)
    assert abs(loss - chunked_loss) < 1e-5
    assert_close(chunked_gradients, gradients)
    assert_close(dict(parts.named_buffers()), dict(whole.named_buffers()))
    assert int(parts.standardize.seen) == 6
    assert max(value.abs().max() for value in gradients.values()) > 1e-3


def test_dropout_and_batch_normalization_are_those_of_the_first_pass():
    """Against the chunks with their graphs kept, under the same random numbers: the masks and the batch statistics."""
    torch.manual_seed(0)
    kept = Noisy().train()
    cached = Noisy().train()
    cached.load_state_dict(kept.state_dict())
    a, b = pairs()
    losses = []
    for embed in (lambda x: torch.cat([kept.features(part) for part in x.split(3)]), FeatureExtraction(cached, 3)):
        torch.manual_seed(5)
        loss = nt_xent(embed(a), embed(b))
        drawn = torch.rand(1)
        loss.backward()
        losses.append((loss.detach(), drawn))
    assert torch.equal(losses[0][0], losses[1][0])
    assert torch.equal(losses[0][1], losses[1][1]), "the second pass disturbs the random numbers after it"
    assert_close(
        *({name: value.grad for name, value in model.named_parameters()} for model in (cached, kept)), tolerance=1e-6
    )
    assert_close(dict(cached.named_buffers()), dict(kept.named_buffers()), tolerance=1e-6)
    # Six chunks twice, none of them above three rows: nothing else was embedded, nothing larger was held.
    assert sorted(cached.rows) == [1] * 4 + [3] * 8


def test_bfloat16_chunks_equal_the_whole():
    whole, parts = spectral(), spectral()
    with torch.autocast("cpu", torch.bfloat16):
        loss, gradients = take_step(whole, None)
        chunked_loss, chunked_gradients = take_step(parts, 3)
    assert abs(loss - chunked_loss) < 1e-3
    # Products round differently by the number of their rows; bfloat16 has 8 bits.
    assert_close(chunked_gradients, gradients, tolerance=3e-2)


def test_validation_is_not_chunked():
    encoder = Noisy().eval()
    with torch.no_grad():
        FeatureExtraction(encoder, 2)(pairs()[0])
    assert encoder.rows == [7]


def test_training_with_chunks_is_the_same_training(manifest, tmp_path):
    common = ["--data.manifest", str(manifest), "--data.segment_s", "0.5", "--trainer.max_steps", "2"]
    losses, statistics = [], []
    for name, more in (("whole", []), ("chunks", ["--model.embedding_chunk", "3"])):
        override = [*common, *more, "--trainer.default_root_dir", str(tmp_path / name)]
        report = run_training(["encoders/debug/spectral"], "fit", override)
        losses.append(report.metrics["train/loss"])
        state = torch.load(report.checkpoint, weights_only=True)["state_dict"]
        statistics.append({name: value for name, value in state.items() if ".standardize." in name})
    # The second loss is that after a step of Adam, whose first step is the sign of each gradient, however small.
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert_close(statistics[1], statistics[0])


def test_fx_encoder_plus_plus_trains_in_chunks(manifest, tmp_path):
    override = ["--data.manifest", str(manifest), "--data.segment_s", "0.5", "--trainer.max_steps", "3"]
    override += ["--model.embedding_chunk", "3", "--trainer.default_root_dir", str(tmp_path)]
    report = run_training(["encoders/debug/fx_encoder_plus_plus"], "fit", override)
    assert report.steps == 3 and report.metrics["train/instrument_loss"] > 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"embedding_chunk": 0}, "embedding_chunk is 0"), ({"compile_backend": "nope"}, "choose from .*inductor")],
)
def test_wrong_settings(settings, words):
    with pytest.raises(ArgumentError, match=words):
        ContrastiveTraining(Noisy(), PairRenderer("default"), **settings)


def test_compiled_training(configuration):
    """That the setting reaches torch.compile; without the compiler for this processor, which takes most of the time."""
    report = run_training([str(configuration)], "fit", ["--model.compile_backend", "eager", "--trainer.max_steps", "2"])
    plain = run_training([str(configuration)], "fit", ["--trainer.max_steps", "2"])
    assert report.metrics["train/loss"] == pytest.approx(plain.metrics["train/loss"], rel=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="the compiler of torch.compile needs g++ on a CPU")
def test_compiled_to_machine_code_and_in_chunks():
    torch.manual_seed(0)
    whole, compiled = (FxEncoder([4, 8], [9, 5], [64, 16], minimum_s=0.2).train() for _ in range(2))
    compiled.load_state_dict(whole.state_dict())
    a, b = pairs(rows=4)
    features = FeatureExtraction(compiled, 2, "inductor")
    # Batch normalisation goes by the chunk, compiled or not.
    nt_xent(*(torch.cat([whole.features(part) for part in side.split(2)]) for side in (a, b))).backward()
    nt_xent(features(a), features(b)).backward()
    # To the largest gradient of all: that of a bias before batch normalisation is rounding of 0.
    largest = max(value.grad.abs().max() for value in whole.parameters())
    for one, other in zip(compiled.parameters(), whole.parameters(), strict=True):
        assert (one.grad - other.grad).abs().max() < 1e-3 * largest
    assert_close(dict(compiled.named_buffers()), dict(whole.named_buffers()), tolerance=1e-4)

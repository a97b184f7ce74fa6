"""AFx-Rep: published size, what it hears and cannot hear, and the pre-training that names effects."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch
import yaml

import encoders
from encoders import build_encoder
from encoders.afx_rep import AFxRepEncoder, mask_stripes
from encoders.export import export_encoder
from encoders.training.command import run_training
from encoders.training.configurations import find_configuration
from encoders.training.effect_naming import EffectNamingTraining
from fxrep.data.preset_pairs import PresetRenderer
from fxrep.errors import ArgumentError

DEBUG = "encoders/debug/afx_rep"
RATE = 48000


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def small(**more) -> AFxRepEncoder:
    torch.manual_seed(0)
    return AFxRepEncoder(channels=[4, 8, 8], head_dim=6, **more).eval()


def noise(seconds: float = 1.0, items: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(items, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def test_published_size():
    tree = yaml.safe_load(find_configuration("encoders/afx_rep").read_text())
    with torch.device("meta"):
        encoder = build_encoder(tree["model"]["init_args"]["encoder"])
    assert encoder.dim == 1024 and encoder.sample_rate == 48000
    # Beside these the released module trains a normalisation of 128 bands that it never uses, and holds the Fourier
    # transform and the mel filters as frozen weights.
    unused, frozen = 2 * 128, 2 * 1025 * 2048 + 1025 * 128
    assert count(encoder) == 77_575_488
    assert round((count(encoder) + unused) / 1e6, 2) == 77.58
    assert round((count(encoder) + unused + frozen) / 1e6, 2) == 81.91


def test_smaller_configuration():
    tree = yaml.safe_load(find_configuration("encoders/afx_rep_small").read_text())
    assert count(build_encoder(tree["model"]["init_args"]["encoder"])) == 1_212_368


def test_it_hears_width_but_neither_level_nor_sides():
    encoder, audio = small(), noise() * torch.tensor([[1.0], [0.3]])
    own = encoder(audio)
    torch.testing.assert_close(encoder(0.05 * audio), own, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(encoder(audio.flip(1)), own, rtol=0.0, atol=1e-5)
    narrow = audio.mean(1, keepdim=True).expand_as(audio)
    assert (encoder(narrow) - own).norm() > 1e-3


def test_both_halves_have_one_length_and_the_audio_stays_as_it_was():
    encoder, audio = small(), noise(items=3)
    before = audio.clone()
    embedding = encoder(audio)
    assert torch.equal(audio, before)
    torch.testing.assert_close(embedding.unflatten(1, (2, 6)).norm(dim=-1), torch.full((3, 2), math.sqrt(0.5)))
    torch.testing.assert_close(torch.cat([encoder(item[None]) for item in audio]), embedding, rtol=0.0, atol=1e-5)


def test_recordings_of_any_kind_and_silence_of_the_side():
    encoder = small()
    for audio in (noise(0.05)[0], noise(7.0)[0], noise(1.0)[0, 0]):
        assert encoder.embed(audio, 44100).norm().item() == pytest.approx(1.0, abs=1e-6)


def test_stripes_are_masked_in_training_alone():
    levels = torch.ones(2, 2, 40, 64)
    masked = mask_stripes(levels)
    assert masked.shape == levels.shape and 0.5 < float(masked.mean()) < 1.0
    assert set(masked.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(masked[0], masked[1])
    encoder, audio = small(), noise()
    assert torch.equal(encoder(audio), encoder(audio))
    encoder.train()
    assert not torch.equal(encoder(audio), encoder(audio))


def test_too_many_halvings_are_refused():
    with pytest.raises(ArgumentError, match="use fewer blocks"):
        AFxRepEncoder(channels=[2] * 9, n_mels=128)


@pytest.fixture(scope="module")
def trained(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    given = ["--data.manifest", str(manifest), "--data.segment_s", "0.5", "--trainer.default_root_dir", str(folder)]
    return run_training([DEBUG], "fit", [*given, "--trainer.max_epochs", "1"])


def test_what_is_logged_and_released(trained, tmp_path):
    assert {"validation/effect_accuracy", "validation/preset_accuracy", "validation/loss_ratio"} <= set(trained.metrics)
    with (Path(trained.logs) / "metrics.csv").open() as lines:
        steps = [row for row in csv.DictReader(lines) if row["train/loss"]]
    for row in steps:
        guessing = math.log(3) + math.log(2)
        assert float(row["train/loss_ratio"]) == pytest.approx(float(row["train/loss"]) / guessing, rel=1e-5)
    encoder = encoders.load_encoder(export_encoder(trained.checkpoint, tmp_path / "release"))
    assert isinstance(encoder, AFxRepEncoder)
    card = json.loads((tmp_path / "release" / "metrics.json").read_text())
    assert card["training"]["objective"] == "EffectNamingTraining" and "validation/effect_accuracy" in card["metrics"]


def losses(report) -> list[str]:
    with (Path(report.logs) / "metrics.csv").open() as lines:
        return [row["train/loss"] for row in csv.DictReader(lines) if row["train/loss"]]


def test_same_seed_same_steps(trained, manifest, tmp_path):
    given = ["--data.manifest", str(manifest), "--data.segment_s", "0.5", "--trainer.default_root_dir", str(tmp_path)]
    again = run_training([DEBUG], "fit", [*given, "--trainer.max_steps", "2", "--trainer.limit_val_batches", "0"])
    assert losses(again) == losses(trained)[:2]


def test_effects_are_learned():
    """Two effects that leave plain traces: the network names them after some steps, on noise it has not heard."""
    torch.manual_seed(0)
    encoder = AFxRepEncoder([8, 8], 6, 512, 256, 24, 50.0, 11000.0, 0.0, masks=0, sample_rate=24000)
    training = EffectNamingTraining(encoder, PresetRenderer(["low_pass", "high_pass"], presets=1))
    optimizer = torch.optim.AdamW(training.parameters(), lr=5e-3)

    def clips(items: int, seed: int) -> dict[str, torch.Tensor]:
        return {side: noise(0.1, items, 2 * seed + place) for place, side in enumerate("ab")}

    for step in range(30):
        loss, _, _ = training.train().answers(clips(8, step), torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # In training mode: so few steps are too few for the running statistics of batch normalisation.
    with torch.no_grad():
        _, _, scores = training.answers(clips(40, 1000), torch.Generator().manual_seed(1))
    assert float(scores["effect_accuracy"]) > 0.85

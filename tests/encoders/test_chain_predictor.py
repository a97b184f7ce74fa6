"""From embeddings to chains: what the decoder learns it writes, and what it writes can be rendered and released."""

from __future__ import annotations

import json

import pytest
import torch
import torch.nn.functional as F

import encoders
from encoders.band_split_encoder import BandSplitEncoder
from encoders.chain_predictor import ChainPredictor
from encoders.export import export_encoder
from encoders.fx_encoder import FxEncoder
from encoders.training.chain_prediction import ChainPredictionTraining
from encoders.training.command import run_training
from fxrep.data.chain_pairs import ChainPairRenderer
from fxrep.effects import render_settings
from fxrep.errors import ArgumentError

RATE = 44100
TINY = {"hidden": 32, "layers": 1, "heads": 2, "feedforward": 64, "memory": 2, "bins": 8, "dropout": 0.0}


def predictor(**more) -> ChainPredictor:
    torch.manual_seed(0)
    return ChainPredictor(BandSplitEncoder(2, 8, channels=[4, 4], hidden=8, minimum_s=0.25), **{**TINY, **more}).eval()


def noise(seconds: float = 0.5, items: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(items, 2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def test_published_size():
    with torch.device("meta"):
        found = ChainPredictor(BandSplitEncoder())
    decoder = sum(parameter.numel() for parameter in found.decoder.parameters())
    assert sum(parameter.numel() for parameter in found.encoder.parameters()) == 1_909_297
    # Published are 26.4 M with a vocabulary of 358 tokens; ours has 42.
    assert 24e6 < decoder < 28e6


def test_what_is_learned_is_written():
    model = predictor()
    chains = model.chain.sample_batch(torch.Generator().manual_seed(0), 6)
    rows = [model.tokens.encode(settings) for settings in chains]
    whole = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    slots = torch.tensor([model.tokens.expected(row) for row in whole[:, :-1].tolist()])
    source, target = (F.normalize(torch.randn(6, 8), dim=-1) for _ in range(2))
    optimizer = torch.optim.AdamW(model.decoder.parameters(), lr=1e-2)
    for _ in range(120):
        scores = model.decoder(source, target, whole[:, :-1], slots)
        loss = F.cross_entropy(scores.flatten(0, 1), whole[:, 1:].flatten(), ignore_index=0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert model.decoder.decode(source, target) == rows
    written = model.decode_chains(source, target)
    assert written == [model.tokens.decode(row) for row in rows]


def test_predicted_chains_render_and_repeat():
    model = predictor()
    source, target = noise(0.7)[0], noise(1.0, seed=1)[0].numpy()
    settings = model.predict_chain(source, target, RATE)
    assert settings == model.predict_chain(source, target, RATE)
    json.dumps(settings)
    labels = [entry["effect"] for entry in settings]
    assert len(set(labels)) == len(labels)
    assert render_settings(source[None], RATE, settings).isfinite().all()
    assert model.chain(source[None], RATE, settings).shape == (1, 2, source.shape[-1])
    stems = model.predict_chain([source, noise(0.5, seed=2)[0]], [target], RATE)
    assert isinstance(stems, list)
    torch.testing.assert_close(model.embed(source, RATE), model.encoder.embed(source, RATE))


def test_wrong_calls():
    model = predictor()
    with pytest.raises(ArgumentError, match="decode_chains takes batches"):
        model.predict_chain(noise(items=2), noise()[0], RATE)
    with pytest.raises(ArgumentError, match="no chain is called"):
        predictor(chain="nope")
    with pytest.raises(ArgumentError, match="the heads divide"):
        predictor(heads=3)
    waveform = ChainPredictor(FxEncoder([4], [9], [16], minimum_s=0.2), **TINY).eval()
    assert isinstance(waveform.predict_chain(noise()[0], noise(seed=1)[0], RATE), list)
    with pytest.raises(ArgumentError, match="give no list"):
        waveform.predict_chain([noise()[0]], noise()[0], RATE)


def test_targets_are_the_sources_with_their_chains():
    model = predictor()
    single = {"a": noise(items=4), "b": noise(items=4, seed=1)}
    for share, side in ((1.0, "a"), (0.0, "b")):
        pairs = ChainPairRenderer(share)(single, RATE, torch.Generator().manual_seed(2), model.chain)
        assert torch.equal(pairs.source[:, 0], single["a"])
        expected = render_settings(single[side], RATE, pairs.settings)
        torch.testing.assert_close(pairs.target[:, 0], expected, rtol=0.0, atol=1e-5)
    sets = {
        side: torch.stack([noise(items=3, seed=seed + n) for n in range(2)], 1) for side, seed in (("a", 5), ("b", 9))
    }
    sets["target"] = torch.tensor([1, 1, 1])
    pairs = ChainPairRenderer(1.0)(sets, RATE, torch.Generator().manual_seed(2), model.chain)
    assert torch.equal(pairs.source, sets["a"].flip(1))
    expected = render_settings(sets["a"][:, 1], RATE, pairs.settings)
    torch.testing.assert_close(pairs.target[:, 0], expected, rtol=0.0, atol=1e-5)


def test_loss_counts_choices_only():
    training = ChainPredictionTraining(predictor(), ChainPairRenderer()).eval()
    batch = {"a": noise(items=4), "b": noise(items=4, seed=1)}
    with torch.no_grad():
        for part in (training.encoder.decoder.write.weight, training.encoder.decoder.write.bias):
            part.zero_()
        loss, guessing, _ = training.answers(batch, torch.Generator().manual_seed(0))
    # Equal scores for all that the grammar allows are a guess.
    assert loss.item() == pytest.approx(guessing.item(), rel=1e-5)


def test_a_trained_predictor_is_a_release(manifest, tmp_path):
    given = ["--data.manifest", str(manifest), "--data.segment_s", "0.5", "--trainer.default_root_dir", str(tmp_path)]
    report = run_training(["encoders/debug/stem_fx"], "fit", [*given, "--trainer.max_epochs", "1"])
    assert {"validation/token_accuracy", "validation/effect_accuracy", "validation/loss_ratio"} <= set(report.metrics)
    found = encoders.load_encoder(export_encoder(report.checkpoint, tmp_path / "release"))
    assert isinstance(found, ChainPredictor)
    assert isinstance(found.predict_chain(noise(0.6)[0], noise(0.6, seed=1)[0], RATE), list)

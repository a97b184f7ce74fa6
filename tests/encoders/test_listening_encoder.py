"""Our encoder with queries: one space with the plain one, statistics of what is heard, and its training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import encoders
from encoders import ContentEncoder, ListeningEncoder, SpectralEncoder
from encoders.checkpoints import save_encoder
from encoders.export import export_encoder
from encoders.instrument_listener import InstrumentListener
from encoders.queries import ContentQueries
from encoders.training.command import run_training
from encoders.training.listening import take_weights
from fxrep.data.stem_mixes import StemMixer
from fxrep.effects import EffectChain
from fxrep.errors import ArgumentError, CheckpointError

RATE = 44100
DEBUG = "encoders/debug/listening"
SIZES = {"dim": 16, "channels": 16, "n_blocks": 1, "hidden": 16}


def small_encoder(**sizes) -> ListeningEncoder:
    torch.manual_seed(0)
    queries = ContentQueries(ContentEncoder(dim=8, channels=(4, 4)))
    return ListeningEncoder(queries, 8, 2, **{**SIZES, **sizes}).eval()


def clip(*shape: int, seconds: float = 1.0, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def test_without_a_query_it_is_the_spectral_encoder():
    listening = small_encoder()
    plain = SpectralEncoder(**SIZES).eval()
    plain.load_state_dict({name: listening.state_dict()[name] for name in plain.state_dict()})
    assert torch.equal(listening(clip(3, 2)), plain(clip(3, 2)))


def test_untrained_it_hears_the_whole():
    encoder = small_encoder()
    assert torch.allclose(
        encoder.extract(clip(3, 2), F.normalize(torch.randn(8), dim=0)), encoder(clip(3, 2)), atol=1e-6
    )


def test_one_query_for_all_is_that_query_for_each():
    encoder = small_encoder()
    torch.nn.init.normal_(encoder.listener.change.weight)
    query = F.normalize(torch.randn(8), dim=0)
    with torch.no_grad():
        together = encoder.extract(clip(3, 2), query)
        each = encoder.extract(clip(3, 2), query.expand(3, -1))
        alone = encoder.extract(clip(3, 2)[1:2], query)
        other = encoder.extract(clip(3, 2), -query)
    assert torch.allclose(together, each, atol=1e-6) and torch.allclose(together[1:2], alone, atol=1e-5)
    assert torch.allclose(together.norm(dim=1), torch.ones(3), atol=1e-6)
    assert (together - other).norm(dim=1).min() > 1e-3


@pytest.mark.parametrize("frames", [4, 11])
def test_every_frame_can_change_and_untrained_none_does(frames):
    listener = InstrumentListener(n_features=20, query_dim=4, channels=8, n_blocks=1)
    values, query = torch.randn(2, 20, frames), F.normalize(torch.randn(2, 4), dim=-1)
    assert torch.equal(listener(values, query), values)
    torch.nn.init.ones_(listener.change.bias)
    assert torch.allclose(listener(values, query), values + 1.0)


def test_stems_add_up_to_their_mixture():
    batch = {"a": clip(3, 2, 2, seconds=0.5)}
    mixer = StemMixer("default", level_db=6.0)
    rendered = mixer(batch, RATE, torch.Generator().manual_seed(3))
    assert rendered.a.shape == rendered.b.shape == (6, 2, RATE // 2) and len(rendered.settings) == 6
    assert torch.equal(rendered.a[::2], rendered.b.unflatten(0, (3, 2)).sum(1))
    assert torch.equal(rendered.a[::2], rendered.a[1::2])
    again = mixer(batch, RATE, torch.Generator().manual_seed(3))
    assert torch.equal(again.b, rendered.b) and again.settings == rendered.settings


def test_levels_stay_in_their_range():
    batch = {"a": clip(40, 1, 2, seconds=0.02)}
    rendered = StemMixer(EffectChain([]), level_db=3.0)(batch, RATE, torch.Generator().manual_seed(0))
    levels_db = 20.0 * torch.log10(rendered.b.std((1, 2)) / batch["a"][:, 0].std((1, 2)))
    assert levels_db.abs().max() <= 3.0 + 1e-4 and levels_db.max() > 2.0 and levels_db.min() < -2.0
    with pytest.raises(ArgumentError, match="level_db is -1"):
        StemMixer("default", level_db=-1.0)


@pytest.fixture(scope="module")
def trained(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    given = {
        "data.manifest": manifest,
        "data.segment_s": 0.5,
        "model.named_share": 0.9,
        "trainer.default_root_dir": folder,
    }
    return run_training([DEBUG], "fit", [word for name, value in given.items() for word in (f"--{name}", str(value))])


def test_training_keeps_the_whole_and_learns_names(trained, tmp_path):
    release = export_encoder(Path(trained.checkpoint), tmp_path / "release")
    encoder = encoders.load_encoder(release)
    start = encoders.load_encoder()
    assert isinstance(encoder, ListeningEncoder)
    audio = clip(2, seconds=2.0)
    assert torch.equal(encoder.embed(audio, RATE), start.embed(audio, RATE))
    assert 0.0 <= trained.metrics["validation/by_mixture@1"] <= 1.0
    assert set(encoder.queries.known) <= {"drums", "bass"} and encoder.queries.known
    asked = encoder.embed(audio, RATE, query=encoder.queries.known[0])
    assert asked.shape == (128,) and float(asked.norm()) == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(ArgumentError, match="unknown instrument 'kazoo'"):
        encoder.embed(audio, RATE, query="kazoo")


def test_only_the_part_that_listens_learns():
    encoder = small_encoder(dim=128, channels=256, n_blocks=4, hidden=512)
    take_weights(encoder, "default")
    learning = {name.split(".")[0] for name, weight in encoder.named_parameters() if weight.requires_grad}
    assert learning == {"queries", "listener"}


def test_another_size_than_the_release_is_refused():
    with pytest.raises(CheckpointError, match="default is not the encoder"):
        take_weights(small_encoder(), "default")


def test_what_ships_hears_one_instrument_and_leaves_the_whole_as_it_is():
    encoder, whole = encoders.load_encoder("listening"), encoders.load_encoder("spectral")
    audio = clip(2, seconds=2.0)
    assert torch.equal(encoder.embed(audio, RATE), whole.embed(audio, RATE))
    bass, drums = (encoder.embed(audio, RATE, query=name) for name in ("bass", "drums"))
    assert float(bass @ drums) < 0.999
    assert encoder.embed(audio, RATE, query=clip(2, seconds=1.0, seed=4), query_rate=RATE).shape == (128,)


def test_a_release_takes_from_its_base_what_it_shares_with_it(tmp_path):
    encoder = encoders.load_encoder("listening")
    alone = save_encoder(encoder, tmp_path / "alone")
    built = save_encoder(encoder, tmp_path / "built", base="spectral")
    kept = load_file(built / "model.safetensors")
    assert kept and all(name.startswith(("queries.", "listener.")) for name in kept)
    assert encoders.load_encoder(built).fingerprint == encoders.load_encoder(alone).fingerprint
    with pytest.raises(CheckpointError, match=r"base tiny: its .* is not part of this encoder"):
        save_encoder(encoder, tmp_path / "wrong", base="tiny")
    assert not (tmp_path / "wrong").exists()
    config = json.loads((built / "config.json").read_text())
    config["base"]["fingerprint"] = "0" * 64
    (built / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="takes weights from spectral, which were others"):
        encoders.load_encoder(built)

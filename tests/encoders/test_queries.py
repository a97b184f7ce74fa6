"""Queries: names, clips, what cannot be asked, and the way through a release."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from encoders import ContentEncoder, FxEncoderPlusPlus, SpectralEncoder, load_encoder, save_encoder
from encoders.extractor import Extractor
from encoders.queries import ContentQueries
from fxrep.audio import save_audio
from fxrep.errors import ArgumentError, AudioError, CheckpointError

RATE = 44100


def content() -> ContentEncoder:
    return ContentEncoder(dim=5, channels=[4, 8])


def build(learned: tuple[str, ...] = ("bass", "drums")) -> FxEncoderPlusPlus:
    torch.manual_seed(0)
    queries = ContentQueries(content())
    encoder = FxEncoderPlusPlus([4, 8], projection_dim=6, window_s=1.0, minimum_s=0.5, queries=queries)
    for name in learned:
        queries.named(name)
    # Fresh weights leave hardly anything of the input beside the biases.
    with torch.no_grad():
        for layer in [*encoder.projection, *encoder.extractor.layers]:
            if hasattr(layer, "bias"):
                layer.bias.zero_()
    return encoder


@pytest.fixture
def encoder() -> FxEncoderPlusPlus:
    return build()


def noise(seconds: float, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(2, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


def test_published_size_of_the_extractor():
    assert sum(weight.numel() for weight in Extractor(128, 512).parameters()) == 115_072


def test_names_and_clips_give_embeddings_of_their_own(encoder):
    mixture, clip = noise(2.5), noise(1.0, seed=1)
    plain = encoder.embed(mixture, RATE)
    answers = [encoder.embed(mixture, RATE, query=query) for query in ("bass", "drums", clip)]
    for answer in answers:
        assert answer.shape == (6,) and answer.norm().item() == pytest.approx(1.0, abs=1e-6)
    everything = torch.stack([plain, *answers])
    assert float(torch.pdist(everything).min()) > 1e-3
    assert torch.equal(encoder.embed(mixture, RATE, query="bass"), answers[0])
    assert encoder.training and encoder.queries.training


def test_answer_is_the_mean_over_windows(encoder):
    mixture = noise(2.5)
    windows = torch.stack([mixture[:, :RATE], mixture[:, RATE : 2 * RATE], mixture[:, -RATE:]])
    encoder.eval()
    vector = encoder.read_query("bass")
    expected = F.normalize(encoder.extract(windows, vector).mean(0), dim=0)
    torch.testing.assert_close(encoder.embed(mixture, RATE, query="bass"), expected, rtol=0.0, atol=1e-6)
    torch.testing.assert_close(
        encoder.embed(torch.stack([mixture, mixture]), RATE, query="bass")[1], expected, rtol=0.0, atol=1e-5
    )


def test_clips_from_files_and_at_other_rates(encoder, tmp_path):
    mixture, clip = noise(1.0), noise(1.0, seed=1)
    save_audio(tmp_path / "clip.wav", clip, RATE, subtype="FLOAT")
    expected = encoder.embed(mixture, RATE, query=clip)
    torch.testing.assert_close(encoder.embed(mixture, RATE, query=tmp_path / "clip.wav"), expected, atol=1e-6, rtol=0)
    save_audio(tmp_path / "mixture.wav", mixture, RATE, subtype="FLOAT")
    found = encoder.embed(tmp_path / "mixture.wav", query=clip, query_rate=RATE)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert encoder.embed(mixture, RATE, query=clip[0], query_rate=48000).shape == (6,)


def test_unknown_names_list_the_known_ones(encoder):
    with pytest.raises(ArgumentError, match="unknown instrument 'kazoo': choose from drums, bass;"):
        encoder.embed(noise(1.0), RATE, query="kazoo")
    with pytest.raises(ArgumentError, match="unknown instrument 'keys'"):
        encoder.embed(noise(1.0), RATE, query="keys")
    with pytest.raises(ArgumentError, match="none yet"):
        build(learned=()).embed(noise(1.0), RATE, query="bass")


def test_clips_that_cannot_be_used(encoder, tmp_path):
    mixture = noise(1.0)
    with pytest.raises(AudioError, match=r"the query: .*silent"):
        encoder.embed(mixture, RATE, query=torch.zeros(2, RATE))
    with pytest.raises(AudioError, match=r"the query: .*missing\.wav"):
        encoder.embed(mixture, RATE, query=tmp_path / "missing.wav")
    with pytest.raises(ArgumentError, match="one clip"):
        encoder.embed(mixture, RATE, query=torch.zeros(2, 2, RATE))
    with pytest.raises(AudioError, match=r"^the audio: silent"):
        encoder.embed(torch.zeros(2, RATE), RATE, query="bass")


def test_encoders_without_queries_say_so():
    for encoder in (SpectralEncoder(dim=4, channels=4, n_blocks=1, hidden=4), FxEncoderPlusPlus([4, 8], 4)):
        with pytest.raises(ArgumentError, match=r"takes no query.*; load_encoder\(\"listening\"\) takes queries"):
            encoder.embed(noise(1.0), RATE, query="bass")


@pytest.mark.parametrize("name", ["Bass", "BASS", " bass "])
def test_names_are_asked_for_in_any_case(encoder, name):
    audio = noise(1.0)
    assert torch.equal(encoder.embed(audio, RATE, query=name), encoder.embed(audio, RATE, query="bass"))


@pytest.mark.parametrize("query", [["bass"], 3, ("bass", "drums")])
def test_what_is_no_query_is_named(encoder, query):
    with pytest.raises(ArgumentError, match=f"query is a {type(query).__name__}: give one name, or one clip"):
        encoder.embed(noise(1.0), RATE, query=query)


def test_the_rate_of_a_clip_is_asked_for(encoder, tmp_path):
    save_audio(tmp_path / "mixture.wav", noise(1.0), RATE)
    with pytest.raises(ArgumentError, match=r"query is an array.*pass query_rate"):
        encoder.embed(tmp_path / "mixture.wav", query=noise(1.0))
    with pytest.raises(ArgumentError, match="the query: sample rate is 1 Hz"):
        encoder.embed(noise(1.0), RATE, query=noise(1.0), query_rate=1)


def test_recordings_are_embedded_one_by_one(encoder):
    for several in ([noise(1.0), noise(1.0)], ("a.wav", "b.wav")):
        with pytest.raises(ArgumentError, match=f"audio is a {type(several).__name__}: .*embed several one by one"):
            encoder.embed(several, RATE)


def test_a_release_keeps_names_and_answers(encoder, tmp_path):
    save_encoder(encoder, tmp_path / "release")
    opened = load_encoder(tmp_path / "release")
    mixture = noise(1.0)
    for query in ("drums", noise(1.0, seed=1)):
        assert torch.equal(opened.embed(mixture, RATE, query=query), encoder.embed(mixture, RATE, query=query))
    assert opened.queries.known == ["drums", "bass"]


def test_content_from_a_release_stays_as_it_is(encoder, tmp_path):
    released = content()
    save_encoder(released, tmp_path / "content")
    encoder.queries.load_content(tmp_path / "content")
    encoder.train()
    assert not encoder.queries.content.training and encoder.queries.training
    clips = torch.stack([noise(1.0)])
    assert not encoder.queries.encode(clips, RATE).requires_grad
    torch.testing.assert_close(encoder.queries.encode(clips, RATE), released.eval()(clips), rtol=0.0, atol=1e-6)
    save_encoder(ContentEncoder(dim=5, channels=[4, 4]), tmp_path / "other")
    with pytest.raises(CheckpointError, match="same settings"):
        encoder.queries.load_content(tmp_path / "other")


def test_names_are_learned_by_being_asked_for():
    queries = ContentQueries(content(), ["bass", "keys"])
    vector = queries.named("keys")
    assert vector is not None and vector.requires_grad
    queries.eval()
    assert queries.named("bass") is not None and queries.named("kazoo") is None
    assert queries.known == ["keys"]
    with pytest.raises(ArgumentError, match="each name once"):
        ContentQueries(content(), ["bass", "bass"])

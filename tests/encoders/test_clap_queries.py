"""The CLAP adapter: with a stand-in everywhere, with a tiny model of random weights where transformers is installed."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
import torch

from encoders import FxEncoderPlusPlus, load_encoder, save_encoder
from encoders.queries import ClapQueries
from fxrep.errors import AudioError, CheckpointError, MissingExtraError

RATE = 48000


class StandIn:
    """Embeds a clip as (mean level, length, 1) and a text as (number of letters, 0, 1)."""

    lengths: list[int]

    def __init__(self) -> None:
        self.lengths = []
        self.processor = SimpleNamespace(feature_extractor=self.extract, tokenizer=self.tokenize)

    def extract(self, clips, sampling_rate, truncation, padding, return_tensors):
        assert sampling_rate == RATE and truncation == "rand_trunc" and return_tensors == "pt"
        self.lengths += [len(clip) for clip in clips]
        return {"clips": clips}

    def tokenize(self, texts, **_):
        return {"texts": texts}

    def get_audio_features(self, clips):
        return torch.tensor([[float(abs(clip).mean()), len(clip) / RATE, 1.0] for clip in clips])

    def get_text_features(self, texts):
        return torch.tensor([[float(len(text)), 0.0, 1.0] for text in texts])


@pytest.fixture
def stand_in(monkeypatch) -> StandIn:
    model = StandIn()
    monkeypatch.setattr(ClapQueries, "_load", lambda _: (model, model.processor))
    return model


def unit(*values: float) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.tensor(values), dim=-1)


def test_text_and_clips(stand_in):
    queries = ClapQueries("anywhere", dim=3)
    torch.testing.assert_close(queries.read("bass"), unit(4.0, 0.0, 1.0))
    tone = torch.full((2, 2 * RATE), 0.5)
    torch.testing.assert_close(queries.read(tone, RATE), unit(0.5, 2.0, 1.0))
    torch.testing.assert_close(queries.encode(tone[None], RATE)[0], unit(0.5, 2.0, 1.0))
    torch.testing.assert_close(queries.read(tone[:, ::2], RATE // 2), unit(0.5, 2.0, 1.0), atol=1e-3, rtol=0.0)


def test_long_clips_are_windows_and_silence_counts_for_nothing(stand_in):
    queries = ClapQueries("anywhere", dim=3)
    clip = torch.zeros(2, 35 * RATE)
    clip[:, : 10 * RATE] = 0.5
    torch.testing.assert_close(queries.read(clip, RATE), unit(0.5, 10.0, 1.0))
    assert stand_in.lengths == [10 * RATE]
    queries.encode(clip[None, :, : 15 * RATE], RATE)
    assert stand_in.lengths[1:] == [10 * RATE, 10 * RATE]
    with pytest.raises(AudioError, match="the query: silent"):
        queries.read(torch.zeros(2, RATE), RATE)


def test_weights_stay_outside_of_the_release(stand_in, tmp_path):
    encoder = FxEncoderPlusPlus([4, 8], 4, ClapQueries("anywhere", dim=3), minimum_s=0.5)
    audio = 0.1 * torch.randn(2, 44100, generator=torch.Generator().manual_seed(0))
    answer = encoder.embed(audio, 44100, query="the bass guitar, please")
    assert answer.shape == (4,) and not any("queries" in name for name in encoder.state_dict())
    save_encoder(encoder, tmp_path / "release")
    opened = load_encoder(tmp_path / "release")
    assert torch.equal(opened.embed(audio, 44100, query="the bass guitar, please"), answer)


def test_without_transformers_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r'pip install "fxrep\[clap\]"'):
        ClapQueries(tmp_path).read("bass")


def test_a_folder_without_a_model(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", SimpleNamespace())
    with pytest.raises(CheckpointError, match="hf download"):
        ClapQueries(tmp_path).read("bass")


@pytest.fixture(scope="module")
def tiny_clap(tmp_path_factory):
    """CLAP with random weights, eight values and letters for words."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("clap")
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *map(chr, range(33, 127))]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    small = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "hidden_size": 16}
    text = {"vocab_size": len(words), "max_position_embeddings": 80, **small}
    stages = {"depths": [1] * 4, "num_attention_heads": [1] * 4, "num_hidden_layers": 4}
    audio = {"hidden_size": 32, "patch_embeds_hidden_size": 4, **stages}
    torch.manual_seed(0)
    config = transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=8)
    transformers.ClapModel(config).save_pretrained(folder)
    extractor = transformers.ClapFeatureExtractor(truncation="rand_trunc")
    transformers.ClapProcessor(extractor, tokenizer).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_a_real_model_reads_text_and_clips(tiny_clap):
    queries = ClapQueries(tiny_clap, dim=8)
    noise = 0.1 * torch.randn(2, 12 * RATE, generator=torch.Generator().manual_seed(0))
    found = [queries.read("bass"), queries.read("a very long text" * 9), queries.read(noise, RATE)]
    for vector in found:
        assert vector.shape == (8,) and vector.norm().item() == pytest.approx(1.0, abs=1e-6)
    assert float(torch.pdist(torch.stack(found)).min()) > 1e-4
    assert torch.equal(queries.read(noise, RATE), found[2])
    with pytest.raises(CheckpointError, match="8 values, expected 512"):
        ClapQueries(tiny_clap).read("bass")

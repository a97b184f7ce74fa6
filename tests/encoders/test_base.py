"""One embedding per recording: windows, silence, short clips, batches, and bad input."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from encoders import EffectEncoder, FxEncoder
from encoders.windows import fixed_windows, repeat_to
from fxrep.audio import save_audio
from fxrep.errors import ArgumentError, AudioError

RATE = 1000


class Levels(EffectEncoder):
    """Band-free stand-in whose features can be computed by hand: levels of left, right and their difference."""

    def __init__(self, scale: float = 1.0, window_s: float = 2.0, hop_s: float | None = None) -> None:
        super().__init__(dim=3, sample_rate=RATE, window_s=window_s, hop_s=hop_s, minimum_s=0.5)
        self.scale = nn.Parameter(torch.tensor(scale))
        self.dropout = nn.Dropout(0.5)

    def features(self, audio: Tensor) -> Tensor:
        side = audio[:, :1] - audio[:, 1:]
        levels = torch.cat([audio, side], dim=1).square().mean(-1).add(1e-8).sqrt()
        return self.dropout(levels * self.scale)


def noise(seconds: float, channels: int = 2, seed: int = 0) -> Tensor:
    return torch.randn(channels, round(seconds * RATE), generator=torch.Generator().manual_seed(seed)) * 0.1


@pytest.fixture
def encoder() -> Levels:
    return Levels()


def test_unit_length_and_the_same_every_time(encoder):
    audio = noise(7.3)
    before = audio.clone()
    first = encoder.embed(audio, RATE)
    assert first.shape == (3,) and first.dtype == torch.float32
    assert first.norm().item() == pytest.approx(1.0, abs=1e-6)
    torch.manual_seed(99)
    assert torch.equal(encoder.embed(audio, RATE), first), "dropout was active, or something was drawn"
    assert torch.equal(audio, before)
    assert encoder.training and encoder.dropout.training and not first.requires_grad


def test_frozen_parts_stay_frozen(encoder):
    encoder.dropout.eval()
    encoder.embed(noise(1), RATE)
    assert encoder.training and not encoder.dropout.training


def test_is_the_mean_over_windows_with_the_last_one_aligned_to_the_end(encoder):
    audio = noise(5.0) * torch.linspace(0.1, 1.0, 5 * RATE)
    windows = torch.stack([audio[:, 0:2000], audio[:, 2000:4000], audio[:, 3000:5000]])
    encoder.eval()
    expected = F.normalize(encoder(windows).mean(0), dim=0)
    assert torch.allclose(encoder.embed(audio, RATE), expected, atol=1e-6)
    positions, embeddings = encoder.embed_windows(audio, RATE)
    assert positions.tolist() == [0.0, 2.0, 3.0]
    assert torch.allclose(embeddings, encoder(windows), atol=1e-6)
    positions, _ = encoder.embed_windows(audio, RATE, hop_s=0.5)
    assert positions.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_silent_windows_count_for_nothing(encoder):
    audio = noise(2.0)
    padded = torch.cat([audio, torch.zeros(2, 4000)], dim=1)
    assert torch.allclose(encoder.embed(padded, RATE), encoder.embed(audio, RATE), atol=1e-6)
    assert encoder.embed_windows(padded, RATE)[0].tolist() == [0.0]


@pytest.mark.parametrize("samples", [1, 7, 499, 500, 1999, 2000, 2001])
def test_any_length(encoder, samples):
    embedding = encoder.embed(noise(3.0)[:, :samples], RATE)
    assert embedding.norm().item() == pytest.approx(1.0, abs=1e-6)


def test_short_clips_are_repeated_not_padded(encoder):
    clip = noise(0.25)
    assert torch.allclose(encoder.embed(clip, RATE), encoder.embed(clip.repeat(1, 2), RATE), atol=1e-6)


def test_batch_equals_single(encoder):
    batch = torch.stack([noise(5.0, seed=seed) * (seed + 1) for seed in range(5)])
    together = encoder.embed(batch, RATE)
    assert together.shape == (5, 3)
    for item, embedding in zip(batch, together, strict=True):
        assert torch.allclose(encoder.embed(item, RATE), embedding, atol=1e-5)


def test_file_array_and_tensor_agree(encoder, tmp_path):
    audio = noise(5.7)
    save_audio(tmp_path / "song.wav", audio, RATE, subtype="FLOAT")
    from_tensor = encoder.embed(audio, RATE)
    assert torch.allclose(encoder.embed(tmp_path / "song.wav"), from_tensor, atol=1e-6)
    assert torch.allclose(encoder.embed(str(tmp_path / "song.wav")), from_tensor, atol=1e-6)
    assert torch.allclose(encoder.embed(audio.numpy(), RATE), from_tensor, atol=1e-6)


def test_resampled_file_agrees_with_resampled_array(encoder, tmp_path):
    seconds = torch.arange(5 * 4000) / 4000
    audio = 0.3 * torch.stack([torch.sin(2 * math.pi * 50 * seconds), torch.sin(2 * math.pi * 80 * seconds)])
    save_audio(tmp_path / "song.wav", audio, 4000, subtype="FLOAT")
    assert torch.allclose(encoder.embed(tmp_path / "song.wav"), encoder.embed(audio, 4000), atol=1e-4)


def test_mono_is_both_channels(encoder):
    mono = noise(3.0, channels=1)
    both = encoder.embed(mono.repeat(2, 1), RATE)
    assert torch.equal(encoder.embed(mono, RATE), both)
    assert torch.equal(encoder.embed(mono[0], RATE), both)
    assert torch.equal(encoder.embed(mono[None], RATE)[0], both)


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (torch.zeros(2, 4000), "silent"),
        (torch.full((2, 4000), 1e-5), "silent"),
        (torch.zeros(2, 0), "empty"),
        (torch.zeros(6, 4000), "6 channels"),
        (torch.full((2, 4000), math.nan), "NaN"),
        (torch.zeros(0, 2, 4000), "no recordings"),
        (torch.stack([torch.zeros(2, 900), torch.ones(2, 900)]), "batch item 0"),
        ("missing.wav", r"missing\.wav"),
    ],
)
def test_unusable_audio(encoder, audio, words):
    with pytest.raises(AudioError, match=words):
        encoder.embed(audio, RATE)


def test_unusable_files(encoder, tmp_path):
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "empty.wav").touch()
    for name in ("text.wav", "empty.wav"):
        with pytest.raises(AudioError, match=name):
            encoder.embed(tmp_path / name)


def test_arrays_need_a_rate_and_hops_a_range(encoder):
    with pytest.raises(ArgumentError, match="sample_rate"):
        encoder.embed(np.zeros(100, dtype=np.float32))
    for hop in (0.0, -1.0, 2.1):
        with pytest.raises(ArgumentError, match="hop_s"):
            encoder.embed_windows(noise(3), RATE, hop_s=hop)


@pytest.mark.parametrize(
    ("audio", "rate", "words"),
    [
        ([1, 2, 3], RATE, "audio is a list"),
        (["a.wav"], None, "audio is a list"),
        (np.zeros(RATE), str(RATE), "sample rate is '1000'"),
    ],
)
def test_what_is_no_audio_or_rate_is_named(encoder, audio, rate, words):
    for embed in (encoder.embed, encoder.embed_windows):
        with pytest.raises(ArgumentError, match=words):
            embed(audio, rate)


def test_forward_wants_windows(encoder):
    for shape in ((2, 900), (1, 1, 900), (1, 2, 499)):
        with pytest.raises(AudioError, match="embed"):
            encoder(torch.zeros(shape))


@pytest.mark.parametrize("arguments", [{"dim": 0}, {"window_s": 0.5}, {"hop_s": 11.0}, {"minimum_s": 0.0}])
def test_wrong_contracts(arguments):
    with pytest.raises(ArgumentError):
        EffectEncoder(**{"dim": 2, **arguments})


def test_configuration_tree_holds_defaults_and_survives_copies():
    tree = Levels(2.0).config()
    assert tree["init_args"] == {"scale": 2.0, "window_s": 2.0, "hop_s": None}
    assert copy.deepcopy(Levels(2.0)).config() == tree
    assert FxEncoder([4], [3], [2], minimum_s=0.5).config()["init_args"]["channels"] == [4]


def test_fingerprint_tells_weights_and_settings_apart():
    assert Levels().fingerprint == Levels().fingerprint == copy.deepcopy(Levels()).fingerprint
    assert len({Levels().fingerprint, Levels(2.0).fingerprint, Levels(window_s=3.0).fingerprint}) == 3
    changed = Levels()
    with torch.no_grad():
        changed.scale += 1e-6
    assert changed.fingerprint != Levels().fingerprint


@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=8),
    window=st.integers(1, 40),
    hop=st.integers(1, 40),
)
@settings(max_examples=200, deadline=None)
def test_windows_cover_every_sample_however_blocks_fall(sizes, window, hop):
    hop = min(hop, window)
    total = sum(sizes)
    stream = torch.arange(total)[None]
    found = list(fixed_windows(torch.split(stream, sizes, dim=1), window, hop))
    assert torch.cat([cut[0] for _, cut in found]).unique().tolist() == list(range(total))
    for start, cut in found:
        assert cut[0].tolist() == list(range(start, start + min(window, total)))
    assert [start for start, _ in found[:-1]] == [hop * number for number in range(len(found) - 1)]


def test_repeat_to():
    assert repeat_to(torch.tensor([[1.0, 2.0]]), 5).tolist() == [[1.0, 2.0, 1.0, 2.0, 1.0]]
    assert repeat_to(torch.ones(1, 7), 5).shape == (1, 7)

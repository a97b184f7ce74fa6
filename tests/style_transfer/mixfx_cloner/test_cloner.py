"""Whole stems: any rate, length and number of channels; references and what lies between them; wrong input."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fxrep.audio import audio_info, integrated_loudness, load_audio, resample, save_audio
from fxrep.errors import ArgumentError, AudioError, CheckpointError
from fxrep.normalization import FitTrack, FxNormalizer
from style_transfer import References, transfer
from style_transfer.methods import StemMethod
from style_transfer.mixfx_cloner import MixFXCloner, blend_embeddings
from style_transfer.mixfx_cloner import stem_rendering as rendering

from .conftest import RATE, TINY, scrambled, sound, unit


def difference_db(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float(20.0 * torch.log10((found - wanted).norm() / wanted.norm()))


def by_hand(cloner: MixFXCloner, stem: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    gain = 10.0 ** ((cloner.input_lufs - float(integrated_loudness(stem, RATE))) / 20.0)
    with torch.no_grad():
        return cloner((gain * stem)[None], embedding[None])[0]


def test_a_stem_is_the_network_at_its_level(cloner: MixFXCloner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "BLOCK", 10_000)
    stem, embedding = sound(1), unit(16)
    found = cloner.render(stem, RATE, embedding)
    assert difference_db(found, by_hand(cloner, stem, embedding)) < -80.0
    assert difference_db(cloner.render(10.0 * stem, RATE, embedding), found) < -80.0


@pytest.mark.parametrize(("samples", "rate"), [(1, 44100), (300, 44100), (50_001, 48000), (20_000, 22050)])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_length_rate_and_channels(cloner: MixFXCloner, samples: int, rate: int, channels: int) -> None:
    stem = sound(2, 2.5, channels)[:, :samples].contiguous()
    kept = stem.clone()
    found = cloner.render(stem, rate, unit(16))
    assert found.shape == (2, samples) and bool(found.isfinite().all())
    assert torch.equal(stem, kept)
    if channels == 1:
        assert difference_db(cloner.render(stem.repeat(2, 1), rate, unit(16)), found) < -80.0


def test_another_rate_is_resampled_there_and_back(cloner: MixFXCloner) -> None:
    # Fewer high frequencies: two resamplers differ in what lies beyond the lower of both rates.
    stem = resample(sound(3, rate=22050), 22050, 48000)
    wanted = resample(by_hand(cloner, resample(stem, 48000, RATE), unit(16)), RATE, 48000)
    found = cloner.render(stem, 48000, unit(16))
    assert difference_db(found[:, : wanted.shape[1]], wanted[:, : found.shape[1]]) < -60.0


def test_silence_stays_silent_and_a_silent_reference_is_refused(cloner: MixFXCloner) -> None:
    assert torch.equal(cloner.render(torch.zeros(1, 4000), RATE, unit(16)), torch.zeros(2, 4000))
    with pytest.raises(AudioError, match="silent"):
        cloner.embed(torch.zeros(2, RATE), RATE)


def test_between_two_references(cloner: MixFXCloner) -> None:
    recordings = [sound(4), 0.2 * sound(5, channels=1).cumsum(-1)]
    first, second = (cloner.embed(one, RATE) for one in recordings)
    assert float((first - second).norm()) > 1e-3
    torch.testing.assert_close(cloner.embed(recordings, RATE, [1.0, 0.0]), first)
    torch.testing.assert_close(cloner.embed(recordings, RATE, [0.0, 1.0]), second)
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    path = [cloner.embed(recordings, RATE, [1.0 - share, share]) for share in shares]
    distances = [float((one - first).norm()) for one in path]
    assert distances == sorted(distances) and distances[1] > 0.0
    for share, heard in zip(shares, path, strict=True):
        torch.testing.assert_close(blend_embeddings([first, second], [1.0 - share, share]), heard)
    stem = sound(6)
    outputs = [cloner.render(stem, RATE, one) for one in (first, path[2], second)]
    assert all(difference_db(outputs[1], end) < difference_db(outputs[0], outputs[2]) for end in outputs[::2])


def test_wrong_blends() -> None:
    for embeddings, weights, words in (
        ([], None, "one or more"),
        ([unit(3), unit(4)], None, "one size"),
        ([unit(3), unit(3, 1)], [1.0], "weight"),
        ([unit(3), unit(3, 1)], [1.0, -1.0], "weight"),
        ([unit(3), -unit(3)], None, "cancel"),
    ):
        with pytest.raises(ArgumentError, match=words):
            blend_embeddings(embeddings, weights)


def test_a_file_is_written_at_the_wanted_rate_and_length(cloner: MixFXCloner, tmp_path: Path) -> None:
    save_audio(tmp_path / "stem.wav", sound(7, channels=1), RATE)
    save_audio(tmp_path / "reference.wav", sound(8), RATE)
    references = References(tmp_path / "reference.wav")
    written = cloner.render_stem(tmp_path / "stem.wav", 32000, references, tmp_path / "wet" / "stem.wav")
    info = audio_info(written)
    assert (info.sample_rate, info.channels, info.frames) == (32000, 2, 48000)
    whole = cloner.render(tmp_path / "stem.wav", None, references)
    assert difference_db(load_audio(written)[0], resample(whole, RATE, 32000)) < -60.0
    with pytest.raises(ArgumentError, match="is the stem itself"):
        cloner.render_stem(written, 32000, references, written)


def test_a_processed_stem_may_be_normalised_first(cloner: MixFXCloner, tmp_path: Path) -> None:
    tracks = [FitTrack(sound(seed), "other", RATE) for seed in (11, 12)]
    normalizer = FxNormalizer.fit_tracks(tracks, steps=["eq", "loudness"])
    stem, embedding = sound(13).cumsum(-1), unit(16)
    path = cloner.render_stem(stem, RATE, embedding, tmp_path / "out.wav", normalizer=normalizer)
    wanted = cloner.render(normalizer(stem, RATE), RATE, embedding)
    assert difference_db(load_audio(path)[0], wanted) < -60.0


def test_a_song_by_the_method(cloner: MixFXCloner) -> None:
    assert isinstance(cloner, StemMethod)
    tracks = {"drums": sound(14, 1.0), "bass": sound(15, 0.8, 1), "pause": torch.zeros(1, 9000)}
    result = transfer(tracks, sound(16), cloner, sample_rate=RATE)
    wanted = cloner.render(tracks["drums"], RATE, References(sound(16), sample_rate=RATE))
    assert difference_db(result.console.tracks.read(0.0, 1.0)[0, 0], wanted) < -60.0
    assert result.mix.shape == (2, RATE) and bool(result.mix.isfinite().all())


def test_wrong_input(cloner: MixFXCloner, tmp_path: Path) -> None:
    for stem, rate, references, words in (
        (tmp_path / "nothing.wav", None, unit(16), "does not exist"),
        (sound(1), None, unit(16), "sample"),
        (torch.full((2, 100), torch.nan), RATE, unit(16), "NaN"),
        (torch.zeros(3, 100), RATE, unit(16), "channels"),
        (sound(1), RATE, unit(16) * torch.nan, "embedding holds NaN"),
        (sound(1), RATE, sound(2, 0.1), "lasts 0.10 s"),
    ):
        with pytest.raises((AudioError, ArgumentError), match=words):
            cloner.render(stem, rate, references)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="LUFS"):
        MixFXCloner(**TINY, input_lufs=3.0)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="another than the one"):
        MixFXCloner(**TINY, fingerprint="0")  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="no encoder 'nothing'"):
        MixFXCloner("nothing", **TINY)  # type: ignore[arg-type]


def test_the_encoder_stays_as_it_is() -> None:
    named = MixFXCloner("default", **TINY)  # type: ignore[arg-type]
    assert not [name for name in named.state_dict() if not name.startswith("network.")]
    assert not named.train().encoder.training and named.network.training
    assert not any(parameter.requires_grad for parameter in named.encoder.parameters())
    scrambled(named.network)
    assert named.network.condition == named.encoder.dim

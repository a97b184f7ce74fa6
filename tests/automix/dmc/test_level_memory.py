"""Levels from tracks that sound alike, against the closed form; instruments that are told, guessed, or not known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from automix.classical.features import measure_track
from automix.dmc import DifferentiableMixingConsole, EmbeddingTrackEncoder, list_dmc, load_dmc, save_dmc
from automix.dmc.level_features import N_FEATURES, N_SOUND, describe_sound, level_features
from automix.dmc.level_memory import WIDTH, LevelMemory
from automix.dmc.model import UNKNOWN
from automix.dmc.remembering import fill_memory
from encoders.production_description import N_VALUES, describe_production
from encoders.training.songs import SongDataset
from fxrep.data import read_manifest, write_manifest
from fxrep.data.instruments import INSTRUMENTS
from fxrep.errors import ArgumentError, DataError
from fxrep.mixing import TrackSet

from ...noise_songs import RATE, sound
from .conftest import GAIN_PAN, small_encoder, small_model

BASS, DRUMS = INSTRUMENTS.index("bass"), INSTRUMENTS.index("drums")


def passages(count: int, tracks: int = 4) -> tuple[list[torch.Tensor], list[torch.Tensor], list[str]]:
    """Features at random, and gains that are a curve of the third, with something in common in each passage."""
    generator = torch.Generator().manual_seed(0)
    features = [torch.randn(tracks, N_FEATURES, generator=generator) for _ in range(count)]
    for one in features:
        one[:, 3:] = 0.0
    gains = [6.0 * torch.sin(one[:, 2]) + number for number, one in enumerate(features)]
    return features, gains, [f"song {number % (count // 2)}" for number in range(count)]


def test_levels_are_those_of_the_closed_form() -> None:
    features, gains, songs = passages(12)
    memory = LevelMemory(64)
    found = memory.fit(features, gains, songs)
    # The same by float64 matrices: least squares with further rows for the penalty; centred kernel, one solve.
    rows = torch.cat(features).double().numpy()[:, :3]
    standard = np.clip((rows - rows.mean(0)) / rows.std(0), -4, 4)
    squares = np.square(standard[:, None] - standard[None]).sum(-1)
    kernel = np.exp(-squares / (2.0 * WIDTH**2 * np.median(squares)))
    middle = np.eye(48) - np.kron(np.eye(12), np.full((4, 4), 0.25))
    inner = middle @ kernel @ middle
    wanted = middle @ torch.cat(gains).double().numpy()
    weights = np.linalg.solve(inner + found.penalty * np.diag(inner).mean() * np.eye(48), wanted)
    further = np.vstack([middle @ standard, np.sqrt(48 * found.line_penalty) * np.eye(3)])
    line = np.linalg.lstsq(further, np.append(wanted, np.zeros(3)), rcond=None)[0]
    expected = 0.5 * (inner @ weights + middle @ standard @ line).reshape(12, 4)
    told = memory(torch.stack(features), torch.ones(12, 4, dtype=torch.bool))
    np.testing.assert_allclose(told.numpy(), expected, atol=2e-4)
    assert (found.songs, found.tracks) == (6, 48) and not memory.is_empty
    assert found.left_out_db < 0.8 * found.equal_loudness_db


def test_padding_and_an_empty_memory_change_nothing() -> None:
    features, gains, songs = passages(6)
    memory = LevelMemory(24)
    mask = torch.tensor([[True, True, False, True]])
    assert memory.is_empty and not bool(memory(features[0][None], mask).any())
    memory.fit(features, gains, songs)
    broken = features[0][None].clone()
    broken[0, 2] = float("nan")
    told = memory(broken, mask)
    torch.testing.assert_close(told[:, mask[0]], memory(features[0][None, mask[0]], torch.ones(1, 3).bool()))
    assert float(told[0, 2]) == 0.0 and float(told.sum()) == pytest.approx(0.0, abs=1e-4)
    small = LevelMemory(9)
    assert small.fit(features, gains, songs).tracks == 8


def test_what_cannot_be_remembered() -> None:
    features, gains, _ = passages(6)
    with pytest.raises(DataError, match="two songs"):
        LevelMemory(64).fit(features, gains, ["one"] * 6)
    with pytest.raises(ArgumentError, match="memory is 1"):
        LevelMemory(1)
    with pytest.raises(ArgumentError, match=r"fader\.gain_db among sets"):
        small_model(memory=16, sets=["panner.pan"])
    with pytest.raises(ArgumentError, match="needs an encoder with production and sound features"):
        DifferentiableMixingConsole(EmbeddingTrackEncoder(small_encoder()), memory=16)


def test_features_are_those_of_the_linear_model_levels_and_the_instrument() -> None:
    audio = torch.stack([sound(1), torch.zeros_like(sound(1))])
    heard, measured = describe_sound(audio, RATE), measure_track(audio[0], RATE)
    assert measured is not None and not bool(heard[1].any())
    np.testing.assert_allclose(heard[0].numpy(), measured, rtol=1e-6)
    produced = describe_production(audio, RATE)
    told = level_features(torch.cat([torch.ones(2, 7), heard, produced], 1), torch.tensor([BASS, DRUMS]))
    assert told.shape == (2, N_FEATURES) and N_VALUES == 172
    assert torch.equal(told[:, :N_SOUND], heard) and torch.equal(told[:, N_SOUND : N_SOUND + 12], produced[:, -12:])
    assert told[:, -len(INSTRUMENTS) :].argmax(1).tolist() == [BASS, DRUMS]


def test_a_memory_is_filled_from_songs_whose_gains_are_known(manifest: Path, tmp_path: Path) -> None:
    read = read_manifest(manifest)
    model = small_model(memory=64, sets=GAIN_PAN)
    memory = model.memory
    assert memory is not None

    def fill(known: bool) -> dict[str, float]:
        rows = [row for row in read.rows if row.kind == "stem" or not known]
        write_manifest(tmp_path / "songs.parquet", type(read)(rows, read.root))
        songs = SongDataset(
            [read_manifest(tmp_path / "songs.parquet")], "train", "own_mix", 8, segment_s=1.0, max_tracks=3
        )
        return fill_memory(
            memory,
            songs,
            8,
            RATE,
            lambda passage: model.encoder.describe(passage.tracks[0])[None],
            torch.device("cpu"),
        )

    assert fill(False) == {} and memory.is_empty
    found = fill(True)
    assert found["memory/songs"] == 3.0 and found["memory/tracks"] > 8.0 and not memory.is_empty


def test_instruments_are_told_guessed_or_unknown(tmp_path: Path) -> None:
    model = small_model(instrument_width=4, sets=GAIN_PAN)
    assert model.takes_instruments and not small_model().takes_instruments
    tracks = {"bass": sound(1), "take 2": sound(2)}
    folder = save_dmc(model, tmp_path / "model")
    plain, told = load_dmc(folder), load_dmc(folder, instruments={"take 2": "drums"})
    guessed = plain.estimate(TrackSet(tracks, RATE), [0.0]).tracks["take 2"]["fader"]["gain_db"]
    named = told.estimate(TrackSet(tracks, RATE), [0.0]).tracks["take 2"]["fader"]["gain_db"]
    assert guessed != named
    renamed = {"bass": tracks["bass"], "drums": tracks["take 2"]}
    assert plain.estimate(TrackSet(renamed, RATE), [0.0]).tracks["drums"]["fader"]["gain_db"] == named
    described = model.encoder.describe(torch.stack(list(tracks.values())))[None]
    with torch.no_grad():
        nobody = model(described)[0]
        others = model(described, instruments=torch.tensor([[UNKNOWN, UNKNOWN]]))[0]
        one = model(described, instruments=torch.tensor([[UNKNOWN, DRUMS]]))[0]
    assert torch.equal(nobody, others) and bool((nobody[0, 0] != one[0, 0]).any()), "the context tells the others"
    with pytest.raises(ArgumentError, match="unknown instruments: take 2=tuba"):
        load_dmc(folder, instruments={"take 2": "tuba"}).estimate(TrackSet(tracks, RATE), [0.0])
    plainer = save_dmc(small_model(), tmp_path / "plainer")
    with pytest.raises(ArgumentError, match="not told instruments"):
        load_dmc(plainer, instruments={"bass": "bass"})


def test_releases_without_instruments_and_memory_open() -> None:
    for name in list_dmc():
        assert load_dmc(name).post_processor is not None
    plain = small_model().config()["init_args"]
    assert not {"memory", "instrument_width"} & set(plain) and "sound" not in plain["encoder"]["init_args"]


def test_a_release_keeps_its_memory(tmp_path: Path) -> None:
    model = small_model(memory=64, sets=GAIN_PAN)
    features, gains, songs = passages(12)
    assert model.memory is not None and small_encoder().dim == 16
    model.memory.fit(features, gains, songs)
    opened = load_dmc(save_dmc(model, tmp_path / "model"))
    tracks = 0.05 * torch.randn(1, 3, 2, RATE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain, again = (list(one.listen(tracks).every_tensor()) for one in (model, opened))
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))

"""The generator: same seed same bits, other seeds other songs, levels of a raw recording, clear refusals."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch

from fxrep.data.synthesis.song import GeneratedSong, generate_song
from fxrep.errors import ArgumentError

CORE = {"kick", "snare", "hihat", "percussion", "bass", "guitar", "keys", "pad", "lead", "vocals"}


def digest(song: GeneratedSong) -> str:
    text = hashlib.sha256()
    for name, audio in song.tracks.items():
        text.update(name.encode() + audio.numpy().tobytes())
    return text.hexdigest()


@pytest.fixture(scope="module")
def songs() -> list[GeneratedSong]:
    return [generate_song(seed, duration_s=12.0, sample_rate=22050) for seed in range(6)]


def test_same_seed_gives_same_bits_in_another_process(songs: list[GeneratedSong]) -> None:
    again = generate_song(3, duration_s=12.0, sample_rate=22050)
    assert digest(again) == digest(songs[3])
    program = (
        "import hashlib\nfrom fxrep.data.synthesis.song import generate_song\ntext = hashlib.sha256()\n"
        "for name, audio in generate_song(3, duration_s=12.0, sample_rate=22050).tracks.items():\n"
        "    text.update(name.encode() + audio.numpy().tobytes())\nprint(text.hexdigest())"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == digest(songs[3])


def test_seeds_give_different_songs(songs: list[GeneratedSong]) -> None:
    assert len({digest(song) for song in songs}) == len(songs)
    assert len({(song.style, song.tempo_bpm, song.key) for song in songs}) == len(songs)


def test_a_track_rendered_alone_is_the_same_track(songs: list[GeneratedSong]) -> None:
    alone = generate_song(2, duration_s=12.0, sample_rate=22050, tracks=["lead", "snare"])
    assert list(alone.tracks) == ["lead", "snare"]
    for name, audio in alone.tracks.items():
        assert torch.equal(audio, songs[2].tracks[name])


def test_every_song_has_at_least_eight_instruments(songs: list[GeneratedSong]) -> None:
    for song in songs:
        assert set(song.tracks) >= CORE
        assert len(set(song.instruments.values())) >= 8
        assert song.instruments["kick"] == song.instruments["hihat"] == "drums"


def test_tracks_have_the_levels_of_a_raw_recording(songs: list[GeneratedSong]) -> None:
    for song in songs:
        for name, audio in song.tracks.items():
            assert audio.shape == (2, 12 * 22050) and audio.dtype == torch.float32
            assert torch.isfinite(audio).all(), (song.seed, name)
            peak_db = 20 * float(torch.log10(audio.abs().max()))
            assert -12.01 <= peak_db <= -5.99, (song.seed, name, peak_db)
            assert audio.mean(dim=1).abs().max() < 1e-4, (song.seed, name)
            energy = audio.square().mean(dim=0).reshape(-1, 2205).mean(dim=1)
            assert float((energy > 1e-7).float().mean()) > 0.15, (song.seed, name)


def test_notes_do_not_depend_on_the_sample_rate() -> None:
    low, high = (generate_song(5, duration_s=6.0, sample_rate=rate, tracks=["kick"]) for rate in (22050, 44100))
    assert (low.sections, low.chords, low.key) == (high.sections, high.chords, high.key)
    coarse = low.tracks["kick"][0].square().reshape(-1, 441).mean(dim=1).numpy()
    fine = high.tracks["kick"][0].square().reshape(-1, 882).mean(dim=1).numpy()
    assert np.corrcoef(coarse, fine)[0, 1] > 0.98


def test_sections_and_chords_cover_the_song(songs: list[GeneratedSong]) -> None:
    for song in songs:
        for rows in (song.sections, song.chords):
            assert rows[0].start_s == 0
            for before, after in itertools.pairwise(rows):
                assert before.start_s + before.duration_s == pytest.approx(after.start_s, abs=1e-4)
            assert rows[-1].start_s + rows[-1].duration_s == pytest.approx(12.0, abs=1e-4)


@pytest.mark.parametrize("rate", [16000, 96000])
def test_lowest_and_highest_sample_rate(rate: int) -> None:
    song = generate_song(1, duration_s=5.0, sample_rate=rate)
    for name, audio in song.tracks.items():
        assert audio.shape == (2, 5 * rate) and torch.isfinite(audio).all(), name


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"seed": -1}, "-1"),
        ({"seed": 1.5}, "1.5"),
        ({"seed": 0, "duration_s": 1.0}, "1.0"),
        ({"seed": 0, "duration_s": float("nan")}, "nan"),
        ({"seed": 0, "duration_s": 1e9}, "1000000000"),
        ({"seed": 0, "sample_rate": 44101}, "44101"),
        ({"seed": 0, "tracks": ["theremin"]}, "theremin"),
    ],
)
def test_bad_arguments_are_refused_by_value(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(ArgumentError, match=named):
        generate_song(**arguments)  # type: ignore[arg-type]

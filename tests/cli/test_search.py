from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import torch

from encoders import SpectralEncoder, save_encoder
from fxrep.errors import ArgumentError, AudioError, ReferenceIndexError


def test_search_finds_the_query_with_the_model_of_the_index(command, library, songs):
    hits = command("search", library, songs / "2.wav", "-k", 2, "--json", "--level", "song")["hits"]
    assert hits[0]["path"] == str((songs / "2.wav").resolve()) and hits[0]["metadata"] == {"genre": "rock"}
    assert hits[0]["score"] == pytest.approx(1, abs=1e-5) and len(hits) == 2
    lines = command("search", library, songs / "2.wav")["text"].splitlines()
    assert lines[0].split() == ["#", "score", "start", "id", "path"] and len(lines) == 5


def test_search_options(command, library, songs):
    part = command("search", library, songs / "3.wav", "--start", 1, "--duration", 1, "-k", 1, "--json")["hits"][0]
    assert (part["path"], part["start_s"]) == (str((songs / "3.wav").resolve()), 1.0)
    assert part["score"] == pytest.approx(1, abs=1e-4)
    rock = command("search", library, songs / "3.wav", "--where", "genre=rock", "--json")["hits"]
    assert {Path(hit["path"]).name for hit in rock} == {"0.wav", "2.wav"}
    assert len(command("search", library, songs / "3.wav", "--all-windows", "--path", "*1.wav", "--json")["hits"]) == 2
    with pytest.raises(ArgumentError, match="KEY=VALUE"):
        command("search", library, songs / "3.wav", "--where", "rock")
    with pytest.raises(AudioError, match="does not exist"):
        command("search", library, "missing.wav")
    with pytest.raises(ReferenceIndexError, match="not a reference index"):
        command("search", songs, songs / "3.wav")


def test_level_is_not_what_a_song_is_found_by(tmp_path, command, library, songs):
    audio, rate = soundfile.read(songs / "2.wav")
    soundfile.write(tmp_path / "quiet.wav", audio / 2, rate, subtype="FLOAT")
    hit = command("search", library, tmp_path / "quiet.wav", "-k", 1, "--json")["hits"][0]
    assert Path(hit["path"]).name == "2.wav" and hit["score"] == pytest.approx(1, abs=1e-4)


def test_another_model_is_refused(tmp_path, command, library, songs):
    torch.manual_seed(1)
    save_encoder(SpectralEncoder(dim=8, channels=8, n_blocks=1, hidden=16), tmp_path / "other")
    with pytest.raises(ReferenceIndexError, match="was made with model"):
        command("search", library, songs / "3.wav", "--model", tmp_path / "other")

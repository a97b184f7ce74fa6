"""The encoder behind the page hears what the library hears."""

from __future__ import annotations

from pathlib import Path

import pytest

from encoders import load_encoder
from fxrep.audio import save_audio
from fxrep.retrieval import Matching, ReferenceIndex, match_encoder
from fxrep.web.config import WebConfig
from fxrep.web.job_board import Job
from fxrep.web.library import Library

from .conftest import RATE, noise


class Asked(Job):
    """A job that counts how often it is asked whether it goes on."""

    def __init__(self) -> None:
        super().__init__("upload")
        self.count = 0

    def check(self) -> None:
        self.count += 1


@pytest.fixture
def matched_library(tmp_path: Path) -> Path:
    songs = [tmp_path / f"{seed}.wav" for seed in range(3)]
    for seed, song in enumerate(songs):
        save_audio(song, noise(seed, 12.0), RATE, subtype="FLOAT")
    encoder = match_encoder(load_encoder("tiny"), Matching())
    with ReferenceIndex.create(tmp_path / "library.fxindex", encoder, model="tiny") as index:
        index.add(songs)
    return tmp_path / "library.fxindex"


def test_uploads_and_parts_are_matched_as_the_library_is(matched_library: Path, tmp_path: Path) -> None:
    save_audio(tmp_path / "upload.wav", noise(1, 12.0) / 2, RATE, subtype="FLOAT")
    library, job = Library(WebConfig(matched_library)), Asked()
    library.encoder.embed_for(job, str(tmp_path / "upload.wav"))
    assert job.count >= 1  # it can be cancelled between windows
    index = library.listening_index()
    for part in ({}, {"start_s": 5.0, "duration_s": 5.0}):
        hit = index.search(str(tmp_path / "upload.wav"), 1, **part)[0]
        assert hit.song_id == 2 and hit.score == pytest.approx(1, abs=1e-3)
    library.close()

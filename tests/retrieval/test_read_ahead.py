"""Reading ahead changes nothing but the time it takes."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import soundfile
import torch

from encoders import SpectralEncoder
from fxrep.errors import AudioError
from fxrep.retrieval import embed_corpus, embed_song, read_embeddings
from fxrep.retrieval.embedding_table import GROUP_ROWS
from fxrep.retrieval.read_ahead import embed_songs

from .conftest import RATE, filtered_noise


@pytest.fixture(scope="module")
def spectral():
    torch.manual_seed(0)
    return SpectralEncoder(
        dim=8, channels=8, n_blocks=1, hidden=16, sample_rate=RATE, window_s=1.0, n_fft=256, hop=128, n_mels=8
    ).eval()


@pytest.fixture
def recordings(tmp_path):
    """From shorter than a window to longer than all that is read ahead."""
    files = [tmp_path / f"{number}.wav" for number in range(7)]
    for number, file in enumerate(files):
        rate = (RATE, 11025)[number % 2]
        soundfile.write(file, filtered_noise(number, 900, (0.4, 1.6, 48.0, 13.2)[number % 4]), rate)
    return files


@pytest.mark.parametrize("readers", [1, 3])
def test_the_vectors_are_those_of_one_file_after_the_other(spectral, recordings, readers):
    found = list(embed_songs(recordings, spectral, lambda *_: False, readers=readers))
    assert [outcome.file for outcome in found] == recordings
    for outcome, file in zip(found, recordings, strict=True):
        alone = embed_song(file, spectral)
        for name in ("content_hash", "duration_s"):
            assert getattr(outcome.song, name) == getattr(alone, name)
        for name in ("positions_s", "windows", "song"):
            np.testing.assert_array_equal(getattr(outcome.song, name), getattr(alone, name))


def test_what_is_known_is_not_read_and_what_is_broken_is_told(spectral, recordings, bad_files):
    files = [*bad_files.values(), *recordings]
    known = {recordings[0], recordings[3]}
    found = {outcome.file: outcome for outcome in embed_songs(files, spectral, lambda file, _: file in known)}
    assert list(found) == files
    assert {file for file, outcome in found.items() if outcome.error} == set(bad_files.values())
    assert {file for file, outcome in found.items() if not outcome.error and not outcome.song} == known


def test_an_encoder_that_fails_in_the_middle_stops_no_reader(spectral, recordings, monkeypatch):
    embed, calls = spectral.embed_batch, []

    def failing(windows):
        calls.append(len(windows))
        if len(calls) == 3:  # of a file that is longer than its queue
            raise AudioError("no more")
        return embed(windows)

    monkeypatch.setattr(spectral, "embed_batch", failing)
    found = list(embed_songs([recordings[2], *recordings], spectral, lambda *_: False, readers=1))
    assert [str(outcome.error) for outcome in found if outcome.error] == ["no more"] and len(found) == 8


def test_readers_wait_for_the_encoder_and_end_with_it(spectral, recordings, monkeypatch):
    read, batches = spectral.window_batches, []

    def counted(path):
        for batch in read(path):
            batches.append(path)
            yield batch

    monkeypatch.setattr(spectral, "window_batches", counted)
    outcomes = embed_songs([recordings[2]] * 20, spectral, lambda *_: False, readers=2)
    next(outcomes)
    time.sleep(0.3)
    # One file is done with its 6 batches; of three more at most two batches wait and one is in a hand.
    assert len(batches) <= 6 + 3 * 3
    outcomes.close()
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("fxrep-") for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a reader is left"
        time.sleep(0.02)


def test_rows_go_through_in_groups(tmp_path, encoder, songs, monkeypatch):
    monkeypatch.setattr("fxrep.retrieval.embedding_table.GROUP_ROWS", 4)
    embed_corpus(songs, encoder, tmp_path / "small.parquet", level="window", part_files=2)
    embed_corpus(songs[::2], encoder, tmp_path / "small.parquet", level="window")
    monkeypatch.setattr("fxrep.retrieval.embedding_table.GROUP_ROWS", GROUP_ROWS)
    embed_corpus(songs, encoder, tmp_path / "large.parquet", level="window")
    small, large = (read_embeddings(tmp_path / f"{name}.parquet") for name in ("small", "large"))
    assert sorted(zip(small.paths, small.start_s, strict=True)) == sorted(zip(large.paths, large.start_s, strict=True))
    order = [np.lexsort((table.start_s, table.paths)) for table in (small, large)]
    np.testing.assert_array_equal(small.vectors[order[0]], large.vectors[order[1]])

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile
import torch

from fxrep.audio import load_audio, save_audio, save_blocks
from fxrep.errors import ArgumentError, AudioError, OutputError

RATE = 44100


@pytest.fixture
def audio() -> torch.Tensor:
    return 0.3 * torch.randn(2, 150_001, generator=torch.Generator().manual_seed(0)).clamp(-3, 3)


@pytest.mark.parametrize(
    ("name", "subtype", "error"), [("a.wav", None, 0.0), ("a.flac", None, 2**-23), ("a.wav", "PCM_16", 2**-15)]
)
def test_blocks_join_to_the_file(
    name: str, subtype: str | None, error: float, audio: torch.Tensor, tmp_path: Path
) -> None:
    save_blocks(tmp_path / "new" / name, audio.split([1, 100_000, 50_000], -1), RATE, subtype=subtype)
    read, rate = load_audio(tmp_path / "new" / name)
    assert rate == RATE
    assert float((read - audio).abs().max()) <= error
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_nothing_is_clipped(audio: torch.Tensor, tmp_path: Path) -> None:
    save_blocks(tmp_path / "loud.wav", [4.0 * audio], RATE)
    assert soundfile.info(tmp_path / "loud.wav").subtype == "FLOAT"
    for name, subtype in (("loud.flac", None), ("loud2.wav", "PCM_24")):
        with pytest.raises(AudioError, match=r"after 3\.4 s and would be clipped"):
            save_blocks(tmp_path / name, [0.5 * audio, 4.0 * audio], RATE, subtype=subtype)
    assert [path.name for path in tmp_path.iterdir()] == ["loud.wav"]


@pytest.mark.parametrize(("free", "words"), [(0, "the disk is full"), (1 << 30, "the system stopped it")])
@pytest.mark.parametrize("suffix", ["flac", "wav"])
def test_a_full_disk_is_called_that(
    audio: torch.Tensor, tmp_path: Path, monkeypatch, free: int, words: str, suffix
) -> None:
    def refuse(*_: object) -> None:
        raise soundfile.LibsndfileError(2)  # "System error."

    monkeypatch.setattr(soundfile.SoundFile, "write", refuse)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    calls = [lambda path: save_blocks(path, [audio], RATE), lambda path: save_audio(path, audio, RATE)]
    for call in calls:
        with pytest.raises(OutputError, match=rf"cannot write .*a\.{suffix}: {words}"):
            call(tmp_path / f"a.{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_no_file(audio: torch.Tensor, tmp_path: Path) -> None:
    def failing() -> Iterator[torch.Tensor]:
        yield audio
        raise AudioError("the source broke")

    for blocks, message in ((failing(), "source broke"), ([], "no audio"), ([audio * float("nan")], "NaN")):
        with pytest.raises(AudioError, match=message):
            save_blocks(tmp_path / "a.wav", blocks, RATE)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ArgumentError, match=r"a\.txt"):
        save_blocks(tmp_path / "a.txt", [audio], RATE)
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(OutputError, match=r"folder\.wav"):
        save_blocks(tmp_path / "folder.wav", [audio], RATE)

"""fxrep mix as a user calls it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from fxrep.audio import load_audio, save_audio
from fxrep.cli.main import main
from fxrep.mixing import MixSession

RATE = 22050


@pytest.fixture
def song(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    for name, level in (("drums", 0.1), ("bass", 0.02)):
        save_audio(tmp_path / "song" / f"{name}.wav", level * torch.randn(1, 2 * RATE, generator=generator), RATE)
    return tmp_path / "song"


def fxrep(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The whole command as the shell calls it; its exit code."""
    monkeypatch.setattr(sys, "argv", ["fxrep", "mix", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_folder_and_json(song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "new" / "out"
    assert fxrep(monkeypatch, song, "-m", "equal_loudness", "-o", out, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert {path.name for path in out.iterdir()} == {"mix.wav", "console.json", "result.json", "stems", "report.html"}
    assert [Path(path).name for path in made["stems"]] == ["bass.wav", "drums.wav"]
    assert made["method"] == "equal_loudness" and made["embedding_distance"]["after"] is None
    assert [text.split()[0] for text in made["decisions"]] == ["bass", "drums"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<h1>Mix by equal_loudness</h1>" in page and made["decisions"][0] in page
    torch.testing.assert_close(MixSession.load(made["console"]).render(), load_audio(made["mix"])[0])
    assert fxrep(monkeypatch, song, "-m", "mono_sum", "-o", out) == 2
    assert "holds a mix already" in capsys.readouterr().err
    assert fxrep(monkeypatch, song, "-m", "mono_sum", "-o", out, "--force") == 0
    assert "report.html: 2 tracks, 2.0 s; " in capsys.readouterr().out


def test_the_target_is_no_track_of_its_own(  # type: ignore[no-untyped-def]
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    drums, bass = (load_audio(song / f"{name}.wav")[0] for name in ("drums", "bass"))
    save_audio(song / "mix.wav", (0.5 * drums + 4.0 * bass).expand(2, -1), RATE)
    out = tmp_path / "out"
    assert fxrep(monkeypatch, song, "-m", "least_squares", "-t", song / "mix.wav", "-o", out, "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert list(made["tracks"]) == ["bass", "drums"] and made["compared_with"] == "target"
    torch.testing.assert_close(load_audio(out / "mix.wav")[0], load_audio(song / "mix.wav")[0], rtol=0, atol=2e-3)
    assert fxrep(monkeypatch, *song.iterdir(), "-m", "least_squares", "-t", song / "mix.wav", "-o", out, "--force") == 2
    assert "leave it out of the tracks" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-m", "loudest"], 2, "fxrep: there is no method 'loudest'; choose from equal_loudness, mono_sum, dugan"),
        (["-m", "mixing_graph"], 2, "needs a target"),
        (["-m", "dugan", "--style", "a.wav"], 2, "dugan takes no style"),
        (["-m", "knowledge", "-i", "bass"], 2, "--instrument bass is not understood"),
        (["-m", "knowledge", "-i", "bass=bass", "-i", "bass=keys"], 2, "bass is bass and keys"),
        (["-m", "knowledge", "-i", "tuba=brass"], 2, "name no tracks: 'tuba'"),
        (["-m", "equal_loudness", "--option", "colour"], 2, "KEY=VALUE"),
        (["-m", "least_squares", "-t", "missing.wav"], 1, "missing.wav does not exist"),
        (["missing/", "-m", "mono_sum"], 1, "missing does not exist"),
    ],
)
def test_wrong_calls_leave_nothing(  # type: ignore[no-untyped-def]
    arguments: list[str], code: int, words: str, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    assert fxrep(monkeypatch, song, "-o", tmp_path / "out", *arguments) == code
    said = capsys.readouterr()
    assert said.out == "" and words in said.err and len(said.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()

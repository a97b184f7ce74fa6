"""fxrep transfer as a user calls it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from fxrep.audio import load_audio, save_audio
from fxrep.cli import transfer
from fxrep.cli.main import main
from fxrep.errors import ArgumentError, AudioError, OutputError
from fxrep.mixing import MixSession, result
from style_transfer import methods

RATE = 22050


class OneBalance:
    """Sets every track's fader to the same level, and pans as an option says."""

    def __init__(self, pan: float = 0.25) -> None:
        from fxrep.effects.console import default_console

        self.console, self.track_lufs, self.pan = default_console(), -24.0, pan

    def estimate(self, tracks, references, start_s, seed=0, start=None):  # type: ignore[no-untyped-def]
        settings = self.console.default_settings(tracks.names)
        for name in tracks.names:
            settings = settings.edit(name, "panner.pan", self.pan).edit(name, "fader.gain_db", -3.0)
        return settings


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setitem(methods.METHODS, "one_balance", lambda model, encoder, options: OneBalance(**options))
    app = typer.Typer()
    app.command()(transfer.run)

    def invoke(*arguments: object) -> dict:
        words = [str(argument) for argument in arguments]
        done = CliRunner().invoke(app, [*words, "--method", "one_balance", "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return invoke


@pytest.fixture
def song(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    for name in ("drums", "bass"):
        save_audio(tmp_path / "song" / f"{name}.wav", 0.1 * torch.randn(1, 2 * RATE, generator=generator), RATE)
    save_audio(tmp_path / "reference.wav", 0.1 * torch.randn(2, 2 * RATE, generator=generator), RATE)
    save_audio(tmp_path / "second.flac", 0.1 * torch.randn(2, 3 * RATE, generator=generator), RATE)
    return tmp_path / "song"


def test_folder_and_json(call, song: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "new" / "out"
    made = call(song, "-r", tmp_path / "reference.wav", "-r", tmp_path / "second.flac", "--weights", "3,1",
                "--only", "stereo,eq", "--strength", "0.5", "--option", "pan=-0.5", "-o", out)  # fmt: skip
    assert {path.name for path in out.iterdir()} == {"mix.wav", "console.json", "result.json", "stems", "report.html"}
    named = json.loads((out / "result.json").read_text())["references"]
    assert [(out / one).resolve() for one in named] == [tmp_path / "reference.wav", tmp_path / "second.flac"]
    assert [Path(path).name for path in made["stems"]] == ["bass.wav", "drums.wav"]
    assert made["references"] == {str(tmp_path / "reference.wav"): 0.75, str(tmp_path / "second.flac"): 0.25}
    assert (made["method"], made["only"], made["strength"]) == ("one_balance", ["eq", "stereo"], 0.5)
    assert set(made["embedding_distance"]) == {"before", "after"}
    again = MixSession.load(made["console"])
    assert again.settings.tracks["bass"]["panner"]["pan"] == pytest.approx(-0.25)
    assert again.settings.tracks["bass"]["fader"]["gain_db"] == 0.0
    torch.testing.assert_close(again.render(), load_audio(made["mix"])[0])


def test_an_earlier_mix_is_replaced_only_by_force(call, song: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    arguments = (song, "-r", tmp_path / "reference.wav", "-o", tmp_path / "out")
    first = Path(call(*arguments)["mix"]).stat().st_mtime_ns
    with pytest.raises(OutputError, match="--force"):
        call(*arguments)
    assert Path(call(*arguments, "--force", "--strength", 0)["mix"]).stat().st_mtime_ns > first
    with pytest.raises(OutputError, match="made from"):
        call(song, "-r", tmp_path / "reference.wav", "-o", song, "--force")
    assert {path.name for path in song.iterdir()} == {"drums.wav", "bass.wav"}


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--strength", "2"], ArgumentError, "strength is 2"),
        (["--only", "tone"], ArgumentError, "choose from levels"),
        (["--sections", "verse"], ArgumentError, "expected auto"),
        (["--weights", "a,b"], ArgumentError, "--weights a,b"),
        (["--weights", "1,2"], ArgumentError, "2 weights for 1"),
        (["--option", "steps"], ArgumentError, "KEY=VALUE"),
        (["--option", "colour=blue"], ArgumentError, "colour"),
        (["-r", "missing.wav"], AudioError, r"reference: missing\.wav"),
    ],
)
def test_wrong_calls_leave_nothing(  # type: ignore[no-untyped-def]
    call, arguments: list[str], error: type[Exception], words: str, song: Path, tmp_path: Path
) -> None:
    reference = [] if "-r" in arguments else ["-r", tmp_path / "reference.wav"]
    with pytest.raises(error, match=words):
        call(song, *reference, "-o", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def fxrep(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The whole command as the shell calls it; its exit code."""
    monkeypatch.setattr(sys, "argv", ["fxrep", "transfer", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_exit_codes_and_one_line(  # type: ignore[no-untyped-def]
    song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    mix = ("-r", tmp_path / "reference.wav", "-o", tmp_path / "out")
    assert fxrep(monkeypatch, song, *mix, "--method", "mst") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("fxrep: there is no method 'mst'; choose from diff_mst, mixfx_cloner, inference_time")
    assert fxrep(monkeypatch, song, *mix, "--start", "diff_mst") == 2
    assert "diff_mst begins with nothing" in capsys.readouterr().err
    for loudness in ("loud", "-9,-10"):
        assert fxrep(monkeypatch, song, *mix, "--loudness", loudness) == 2
        assert f"--loudness {loudness} is not understood: give a number" in capsys.readouterr().err
    assert fxrep(monkeypatch, tmp_path / "nothing", *mix) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert fxrep(monkeypatch, song, "-o", tmp_path / "out") == 2
    assert "--reference" in capsys.readouterr().err


def test_an_interrupted_run_leaves_nothing_behind(  # type: ignore[no-untyped-def]
    call, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    written: list[str] = []

    def interrupted(*_: object) -> None:
        written.extend(path.name for path in tmp_path.glob(".out*/*"))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10.0)

    monkeypatch.setattr(result, "measure_mix", interrupted)
    # A shell that starts the tests in the background has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = (song, "-r", tmp_path / "reference.wav", "-o", tmp_path / "out", "--method", "one_balance")
    try:
        assert fxrep(monkeypatch, *arguments) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert set(written) == {"mix.wav", "stems", "console.json", "before.wav"}
    assert "interrupted" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"song", "reference.wav", "second.flac"}

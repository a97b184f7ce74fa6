"""fxrep transfer as a user calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from fxrep.audio import load_audio, save_audio
from fxrep.cli import transfer
from fxrep.errors import ArgumentError, AudioError, OutputError
from fxrep.mixing import MixSession
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
        result = CliRunner().invoke(app, [*words, "--method", "one_balance", "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

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
    assert {path.name for path in out.iterdir()} == {"mix.wav", "console.json", "stems", "report.html"}
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


def fxrep(*arguments: object) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", "fxrep", "transfer", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=100)


def test_exit_codes_and_one_line(song: Path, tmp_path: Path) -> None:
    wrong = fxrep(song, "-r", tmp_path / "reference.wav", "-o", tmp_path / "out", "--method", "mst")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.strip() == "fxrep: there is no method 'mst'; choose from diff_mst, mixfx_cloner, inference_time"
    failed = fxrep(tmp_path / "nothing", "-r", tmp_path / "reference.wav", "-o", tmp_path / "out")
    assert failed.returncode == 1 and len(failed.stderr.splitlines()) == 1
    assert fxrep(song, "-o", tmp_path / "out").returncode == 2


def test_an_interrupted_run_leaves_nothing_behind(song: Path, tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        import time
        from fxrep.mixing import result
        from fxrep.cli.main import main
        from style_transfer import methods
        from tests.cli.test_transfer import OneBalance

        def slowly(*arguments):
            print("measuring", flush=True)
            time.sleep(60)

        methods.METHODS["one_balance"] = lambda model, encoder, options: OneBalance(**options)
        result.measure_mix = slowly
        main()
    """)
    words = ["transfer", song, "-r", tmp_path / "reference.wav", "-o", tmp_path / "out", "--method", "one_balance"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "measuring\n"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out")]
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert {path.name for path in tmp_path.iterdir()} == {"song", "reference.wav", "second.flac"}

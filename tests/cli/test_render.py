"""`fxrep render`, called as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from fxrep.audio import load_audio, save_audio
from fxrep.cli import render
from fxrep.effects import default_console
from fxrep.errors import ArgumentError, AudioError, DataError
from fxrep.mixing import MixSession, TrackSet, neutral_session

RATE = 16000


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    for number, name in enumerate(("bass", "vox")):
        audio = 0.1 * torch.randn(1 + number, 2 * RATE, generator=torch.Generator().manual_seed(number))
        save_audio(tmp_path / f"song/{name}.wav", audio, RATE)
    neutral_session(TrackSet([tmp_path / "song"]), default_console()).save(tmp_path / "OUT/console.json")
    return tmp_path / "OUT/console.json"


def call(*arguments: object) -> str:
    app = typer.Typer()
    app.command()(render.run)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_mix_is_rendered_beside_its_settings(saved: Path) -> None:
    text = call(saved)
    mix, rate = load_audio(saved.parent / "mix.wav")
    assert rate == RATE and torch.equal(mix, MixSession.load(saved).render())
    assert text.startswith(f"{saved.parent / 'mix.wav'}: 2 tracks, 2.0 s, -") and "peak" in text


def test_what_is_of_the_mix_before_is_told(saved: Path) -> None:
    (saved.parent / "report.html").touch()
    assert f"--stems {saved.parent / 'stems'} renews stems" in call(saved)
    assert "mix before" not in call(saved, "--stems", saved.parent / "stems")


def test_an_edit_is_heard(saved: Path, tmp_path: Path) -> None:
    call(saved, "-o", tmp_path / "before.wav")
    text = saved.read_text()
    saved.write_text(text.replace('"gain_db": 0.0', '"gain_db": -6.0', 1))
    call(saved, "-o", tmp_path / "after.wav")
    before, after = (load_audio(tmp_path / name)[0] for name in ("before.wav", "after.wav"))
    quieter = before - after
    bass = load_audio(tmp_path / "song/bass.wav")[0]
    assert float(torch.nn.functional.cosine_similarity(quieter[:1], bass)) > 0.9999


def test_stems_tail_and_json(saved: Path, tmp_path: Path) -> None:
    result = json.loads(call(saved, "-o", tmp_path / "m.flac", "--stems", tmp_path / "stems", "--tail", 0.5, "--json"))
    assert result["mix"] == str(tmp_path / "m.flac") and (result["tracks"], result["sections"]) == (2, 0)
    assert result["duration_s"] == 2.5 and result["sample_rate"] == RATE
    assert result["stems"] == {name: str(tmp_path / f"stems/{name}.wav") for name in ("bass", "vox")}
    assert result["project"] is None
    peak = load_audio(tmp_path / "m.flac")[0].abs().max()
    assert result["peak_dbfs"] == pytest.approx(float(20 * torch.log10(peak)), abs=1e-4)
    assert -30 < result["loudness_lufs"] < -15


def test_a_project_for_reaper(saved: Path, tmp_path: Path) -> None:
    result = json.loads(call(saved, "--reaper", tmp_path / "daw", "--json"))
    assert result["project"] == str(tmp_path / "daw/mix.rpp")
    assert sorted(path.name for path in (tmp_path / "daw/stems").iterdir()) == ["bass.wav", "vox.wav"]
    assert "mix.rpp: opens in REAPER" in call(saved, "--reaper", tmp_path / "daw")


def test_silence_has_neither_loudness_nor_peak(saved: Path) -> None:
    for name in ("bass", "vox"):
        save_audio(saved.parent.parent / f"song/{name}.wav", torch.zeros(1, RATE), RATE)
    result = json.loads(call(saved, "--json"))
    assert result["loudness_lufs"] is None and result["peak_dbfs"] is None
    assert call(saved).endswith("1.0 s, silent\n")


def test_faults_are_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.json cannot be read as a mix: No such file"):
        call(tmp_path / "no.json")
    with pytest.raises(ArgumentError, match="is track bass"):
        call(saved, "-o", tmp_path / "song/bass.wav")
    with pytest.raises(ArgumentError, match=r"mix\.xyz"):
        call(saved, "-o", tmp_path / "mix.xyz")
    with pytest.raises(ArgumentError, match="tail_s is -1"):
        call(saved, "--tail", -1)
    (tmp_path / "song").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"track bass: .* does not exist"):
        call(saved)
    call(saved, "--tracks", tmp_path / "moved")
    save_audio(tmp_path / "moved/bass.wav", 0.9 * torch.ones(1, RATE), RATE)
    saved.write_text(saved.read_text().replace('"input_gain_db": -', '"input_gain_db": '))
    with pytest.raises(AudioError, match="would be clipped"):
        call(saved, "--tracks", tmp_path / "moved", "-o", tmp_path / "loud.flac")
    assert not list(tmp_path.glob("loud*"))


@pytest.mark.parametrize(("arguments", "code"), [(["console.json"], 1), (["console.json", "-o"], 2)])
def test_exit_codes(tmp_path: Path, arguments: list[str], code: int) -> None:
    command = [sys.executable, "-m", "fxrep", "render", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == code
    assert done.stderr.startswith("fxrep: ") and len(done.stderr.splitlines()) == 1

"""`fxrep doctor` tells the truth about what works, and goes on after what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from fxrep.cli import codec_checks, doctor


def findings(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, dict[str, str]], int]:
    code = 0
    try:
        doctor.run(as_json=True)
    except typer.Exit as stop:
        code = stop.exit_code
    report = json.loads(capsys.readouterr().out)
    assert report["healthy"] == (code == 0)
    return {f"{one['group']}/{one['name']}": one for one in report["findings"]}, code


def test_report_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    found, code = findings(capsys)
    assert code == 0, [one for one in found.values() if one["state"] == "broken"]
    for name in ("python", "fxrep", "torch + torchaudio", "soundfile", "numpy", "faiss-cpu", "lightning"):
        assert found[f"versions/{name}"]["state"] == "ok"
    for name in ("wav", "flac", "ogg", "opus", "mp3", "aac (m4a)"):
        assert found[f"codecs/{name}"]["state"] == "ok", found[f"codecs/{name}"]
    assert any(key.startswith("encoders/") for key in found)


def test_torchaudio_of_another_minor_version_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = doctor.importlib.metadata.version
    monkeypatch.setattr(
        doctor.importlib.metadata, "version", lambda name: "2.9.1" if name == "torchaudio" else real(name)
    )
    found, code = findings(capsys)
    assert code == 1
    assert found["versions/torch + torchaudio"]["state"] == "broken"
    assert "2.9.1" in found["versions/torch + torchaudio"]["detail"]
    assert found["codecs/flac"]["state"] == "ok"


def test_lost_lossy_codec_is_a_note_and_lost_flac_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = codec_checks.round_trip

    def without_flac_and_mp3(suffix: str) -> str:
        if suffix in (".flac", ".mp3"):
            raise OSError("no such\ncodec")
        return real(suffix)

    monkeypatch.setattr(codec_checks, "round_trip", without_flac_and_mp3)
    found, code = findings(capsys)
    assert code == 1
    assert found["codecs/flac"]["state"] == "broken"
    assert found["codecs/mp3"]["state"] == "note"
    assert found["codecs/flac"]["detail"] == "OSError: no such codec"


def test_codec_that_changes_the_sound_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import fxrep.audio

    real = fxrep.audio.load_audio
    monkeypatch.setattr(fxrep.audio, "load_audio", lambda path: (0.5 * real(path)[0], 48000))
    with pytest.raises(ValueError, match=r"-6\.0 dB"):
        codec_checks.round_trip(".wav")


def test_read_only_temporary_folder_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    states = {one.name: one.state for one in doctor._write_access()}
    assert states == {"working folder": "note", "temporary files": "broken", "cache": "note"}


def test_a_working_folder_that_is_gone_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    (found,) = [finding for finding in doctor._write_access() if finding.name == "working folder"]
    assert found.state == "note" and "FileNotFoundError" in found.detail


def test_report_for_people_marks_what_is_broken() -> None:
    lines = doctor._report(
        [
            doctor.Finding("versions", "python", "ok", "3.12"),
            doctor.Finding("codecs", "flac", "broken", "gone"),
            doctor.Finding("codecs", "mp3", "note", "gone too"),
        ],
        broken=1,
    ).splitlines()
    assert lines[0] == "versions"
    assert [line[0] for line in lines if "gone" in line] == ["!", "-"]
    assert lines[-1] == "! 1 broken"

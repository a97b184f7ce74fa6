"""The file of a mix: what is written is read again, edits count, and faults are named with file, place and range."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fxrep.audio import save_audio
from fxrep.effects import default_console
from fxrep.effects.console import MixingConsole
from fxrep.errors import AudioError, DataError
from fxrep.mixing import MixSession, Section, TrackSet, neutral_session

RATE = 16000


def noise(seed: int, channels: int = 1, samples: int = RATE) -> torch.Tensor:
    return 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """OUT/console.json with two tracks in another folder, a group, a send and a section."""
    for number, name in enumerate(("vocals", "drums")):
        save_audio(tmp_path / f"song/{name}.wav", noise(number, 1 + number, 4 * RATE), RATE, subtype="FLOAT")
    mix = neutral_session(TrackSet([tmp_path / "song"]), default_console(groups=["all"]))
    mix = mix.edit("vocals", "sends.reverb", -6.0).edit("drums", "group", "all").edit("drums", "fader.gain_db", -2.5)
    mix.sections.append(Section(2.0, mix.settings.edit("vocals", "fader.gain_db", 4.0), fade_s=0.2))
    mix.save(tmp_path / "OUT/console.json")
    return tmp_path / "OUT/console.json"


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    return path


def test_what_is_written_is_read_again(saved: Path) -> None:
    mix = MixSession.load(saved)
    assert mix.tracks.names == ["drums", "vocals"] and mix.sample_rate == RATE
    assert mix.settings.group_of == {"drums": "all"} and mix.settings.console.name == "default"
    assert mix.input_gain_db == mix.tracks.input_gain_db(-24)
    assert (mix.sections[0].start_s, mix.sections[0].fade_s) == (2.0, 0.2)
    before = saved.read_text()
    mix.save(saved)
    assert saved.read_text() == before


def test_paths_are_relative_and_move_along(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {name: track["path"] for name, track in json.loads(saved.read_text())["tracks"].items()}
    assert paths == {"drums": "../song/drums.wav", "vocals": "../song/vocals.wav"}
    expected = MixSession.load(saved).render()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for folder in ("OUT", "song"):
        (tmp_path / folder).rename(moved / folder)
    assert torch.equal(MixSession.load(moved / "OUT/console.json").render(), expected)
    monkeypatch.chdir(moved / "OUT")
    assert torch.equal(MixSession.load("console.json").render(), expected)


def test_a_folder_that_is_a_link_does_not_mislead(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "deep/er").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep/er")
    mix = MixSession.load(saved)
    mix.save(tmp_path / "link/console.json")
    assert MixSession.load(tmp_path / "link/console.json").tracks.names == mix.tracks.names


def test_tracks_that_were_moved_are_found_by_their_names(saved: Path, tmp_path: Path) -> None:
    expected = MixSession.load(saved).render()
    (tmp_path / "song").rename(tmp_path / "archive")
    with pytest.raises(DataError, match=r"console\.json: track drums: .*song/drums\.wav does not exist: correct its"):
        MixSession.load(saved)
    assert torch.equal(MixSession.load(saved, tracks_folder=tmp_path / "archive").render(), expected)
    with pytest.raises(DataError, match=r"neither .*song/drums\.wav nor .*OUT/drums\.wav exists"):
        MixSession.load(saved, tracks_folder=saved.parent)
    fixed = edited(saved, lambda data: [track.update(path=track["path"].replace("song", "archive")) for track in data["tracks"].values()])  # fmt: skip # noqa: E501
    assert torch.equal(MixSession.load(fixed).render(), expected)


def test_edits_count(saved: Path) -> None:
    before = MixSession.load(saved)

    def change(data: dict[str, Any]) -> None:
        data["settings"]["tracks"]["vocals"]["compressor"].update(threshold_db=-30, ratio=4)
        data["tracks"]["drums"]["input_gain_db"] = -3
        data["sections"][0]["start_s"] = 1.5
        del data["sections"][0]["fade_s"]

    after = MixSession.load(edited(saved, change))
    expected = before.edit("vocals", "compressor.threshold_db", -30.0, section=0)
    expected = expected.edit("vocals", "compressor.ratio", 4.0, section=0).edit("drums", "input_gain_db", -3.0)
    assert after.settings == expected.settings and after.input_gain_db == expected.input_gain_db
    assert (after.sections[0].start_s, after.sections[0].fade_s) == (1.5, 0.1)


def test_what_an_editor_of_windows_writes_is_read(saved: Path) -> None:
    expected = MixSession.load(saved)
    saved.write_text(saved.read_text(), encoding="utf-8-sig", newline="\r\n")
    assert MixSession.load(saved).settings == expected.settings


def test_what_is_left_out_is_at_its_default(saved: Path) -> None:
    def strip_down(data: dict[str, Any]) -> None:
        data["settings"] = {"format": "fxrep console 1", "console": "default"}
        data["tracks"] = {name: track["path"] for name, track in data["tracks"].items()}
        del data["sections"]

    mix = MixSession.load(edited(saved, strip_down))
    assert mix.settings == mix.settings.console.default_settings(mix.tracks.names)
    assert mix.input_gain_db == {"drums": 0.0, "vocals": 0.0} and mix.sections == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda data: data["settings"]["tracks"]["vocals"]["compressor"].update(threshold_db=300),
            r"settings: track:vocals: compressor\.threshold_db is 300; expected -80 to 0 dB",
        ),
        (
            lambda data: data["settings"]["tracks"]["vocals"].update(compresor={}, fader={"gain": 1}),
            r"settings: track:vocals: fader\.gain is unknown; choose from gain_db",
        ),
        (lambda data: data["settings"]["master"].update(limitter={}), r"settings: master: there is no 'limitter' here"),
        (
            lambda data: data["settings"]["tracks"]["vocals"].update(compresor={"ratio": 2}),
            r"settings: track:vocals: there is no 'compresor' here; choose from fader, parametric_eq, compressor",
        ),
        (
            lambda data: data["settings"]["master"].update(limiter={"ceiling_db": 3}),
            r"master: limiter\.ceiling_db is 3",
        ),
        (lambda data: data["settings"]["buses"].update(echo={"fader": {}}), r"no 'bus:echo'.*choose from"),
        (lambda data: data["settings"]["sends"]["vocals"].update(echo=-6), r"track:vocals: there is no bus 'echo'"),
        (lambda data: data["settings"]["sends"]["vocals"].update(reverb=40), r"track:vocals: sends\.reverb is 40"),
        (lambda data: data["settings"]["group_of"].update(vocals="brass"), r"vocals: there is no group 'brass'"),
        (lambda data: data["settings"]["tracks"].update(choir={}), r"settings: there is no track 'choir' in the mix"),
        (lambda data: data["settings"].update(console="big"), r"settings: no console is called 'big'"),
        (lambda data: data["settings"].update(busses={}), r"settings: unknown part busses"),
        (
            lambda data: data["sections"][0]["settings"]["tracks"]["drums"]["fader"].update(gain_db="loud"),
            r"section 1: settings: track:drums: fader\.gain_db is 'loud'; expected a number of dB",
        ),
        (lambda data: data["sections"][0].update(start_s=99), r"section 1 begins at 99 s; the tracks end at 4\.000 s"),
        (lambda data: data["sections"][0].update(length=3), r"section 1 has an unknown part 'length'"),
        (lambda data: data["sections"][0].pop("start_s"), r"section 1 lacks 'start_s'"),
        (lambda data: data.update(sections={}), r"sections are dict; expected a list"),
        (
            lambda data: data["tracks"]["drums"].update(input_gain_db=60),
            r"drums: input_gain_db is 60; expected -120 to",
        ),
        (lambda data: data["tracks"]["drums"].update(gain=3), r"track drums has an unknown part 'gain'"),
        (lambda data: data["tracks"]["drums"].pop("path"), r"track drums lacks 'path'"),
        (lambda data: data["tracks"]["drums"].update(path=3), r"track drums: path is 3"),
        (lambda data: data["tracks"]["drums"].update(path="."), r"track drums: .* does not exist"),
        (lambda data: data.update(tracks={}), r"tracks are empty"),
        (lambda data: data.update(tracks=[]), r"tracks is list; expected names with values"),
        (lambda data: data.update(sample_rate="44k"), r"sample rate is '44k'"),
        (lambda data: data.pop("settings"), r"the file lacks 'settings'"),
        (lambda data: data.update(version=2), r"the file has an unknown part 'version'"),
        (lambda data: data.update(format="fxrep mix 9"), r"is not the file of a mix: expected JSON with format"),
    ],
)
def test_a_fault_is_named_with_file_and_place(saved: Path, change, message: str) -> None:
    with pytest.raises(DataError, match=rf"OUT/console\.json:? .*{message}"):
        MixSession.load(edited(saved, change))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1 column 2"),
        ("[]", "not the file of a mix"),
        ('{"format": "fxrep mix 1", "format": "fxrep mix 1"}', "'format' stands twice"),
        ('{"format": "fxrep mix 1", "sample_rate": NaN}', "NaN is no number"),
        (None, "No such file"),
    ],
)
def test_what_is_no_json_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "console.json").write_text(text)
    with pytest.raises(DataError, match=rf"console\.json .*{message}"):
        MixSession.load(tmp_path / "console.json")


def test_a_track_that_became_unusable_is_named(saved: Path) -> None:
    (saved.parent.parent / "song/drums.wav").write_text("no audio")
    with pytest.raises(AudioError, match=r"drums\.wav"):
        MixSession.load(saved)


def test_arrays_are_written_beside_the_file(tmp_path: Path) -> None:
    audio = {"lead/vox": noise(1, 2), "lead:vox": noise(2).double(), "Pad": noise(3)}
    mix = neutral_session(TrackSet(audio, RATE), default_console())
    mix.save(tmp_path / "mix.json")
    again = MixSession.load(tmp_path / "mix.json")
    assert torch.equal(again.render(), mix.render()) and again.tracks.names == list(audio)
    assert sorted(path.name for path in (tmp_path / "mix_tracks").iterdir()) == ["Pad.wav", "lead_vox.wav", "lead_vox_2.wav"]  # fmt: skip # noqa: E501


def test_a_console_of_ones_own_is_handed_over(tmp_path: Path) -> None:
    save_audio(tmp_path / "a.wav", noise(1), RATE)
    console = MixingConsole(track=["fader", "tremolo"], name="trembling")
    neutral_session(TrackSet([tmp_path / "a.wav"]), console).save(tmp_path / "mix.json")
    assert MixSession.load(tmp_path / "mix.json", console).settings.console is console
    with pytest.raises(DataError, match=r"mix\.json: settings: no console is called 'trembling'"):
        MixSession.load(tmp_path / "mix.json")


def test_what_cannot_be_rendered_is_not_saved(saved: Path) -> None:
    mix = MixSession.load(saved)
    before = saved.read_text()
    mix.settings.tracks["drums"]["fader"]["gain_db"] = 99.0
    with pytest.raises(Exception, match=r"drums: fader\.gain_db is 99"):
        mix.save(saved)
    assert saved.read_text() == before
    assert [path.name for path in saved.parent.iterdir()] == ["console.json"]

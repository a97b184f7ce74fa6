"""A result is rendered when it is asked for, and written whole or not at all."""

from __future__ import annotations

import json
import math
import re
import tempfile
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from fxrep.audio import load_audio, save_audio
from fxrep.effects.console import default_console
from fxrep.errors import OutputError
from fxrep.mixing import result as result_module
from fxrep.mixing.output_folder import check_output_folder
from fxrep.mixing.recordings import Recordings
from fxrep.mixing.report import read_groups, read_strips
from fxrep.mixing.report_measures import nearer_after
from fxrep.mixing.result import MixResult
from fxrep.mixing.sections import Section
from fxrep.mixing.session import MixSession, neutral_session
from fxrep.mixing.tracks import TrackSet

RATE = 44100
SECONDS = 2.0
WRITTEN = {"mix.wav", "console.json", "result.json", "stems", "report.html"}


def tones(seed: int, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    envelope = torch.exp(-(torch.arange(round(SECONDS * RATE)) % 22050) / 4000.0)
    return 0.2 * torch.randn(channels, round(SECONDS * RATE), generator=generator) * envelope


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "in" / f"{name}.wav" for name in ("kick", "a & b <c>", "silence")]
    for number, path in enumerate(paths):
        save_audio(path, tones(number, 1 + number % 2) * (number < 2), RATE)
    return paths


def make(files: list[Path], sections: bool = False) -> MixResult:
    before = neutral_session(TrackSet(files), default_console())
    settings = before.settings.edit("kick", "compressor.threshold_db", -40.0).edit("kick", "compressor.ratio", 4.0)
    settings = settings.edit("kick", "parametric_eq.peak_2_gain_db", 5.0).edit("a & b <c>", "panner.pan", 0.4)
    settings = settings.edit("a & b <c>", "sends.reverb", -10.0).edit("master", "limiter.ceiling_db", -8.0)
    later = [Section(1.0, settings.edit("kick", "parametric_eq.peak_2_gain_db", -7.0))] if sections else []
    session = MixSession(settings, before.tracks, before.input_gain_db, later)
    references = Recordings([torch.cat([tones(7), tones(8)])], sample_rate=RATE)
    return MixResult(session, before, references, details={"method": "by hand", "references": {"<song>": 1.0}})


class Page(HTMLParser):
    """Tags that a page opens and closes, and everything that it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "data")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_result_is_what_the_console_says(files: list[Path]) -> None:
    made = make(files)
    assert made.mix.shape == (2, round(SECONDS * RATE))
    assert made.sample_rate == RATE
    assert made.mix is made.mix
    torch.testing.assert_close(made.console.edit("kick", "fader.gain_db", 0.0).render(), made.mix)
    assert json.loads(json.dumps(made.report, allow_nan=False)) == made.report
    assert made.report["tracks"]["kick"]["before_lufs"] == pytest.approx(-24.0, abs=0.01)
    assert made.report["tracks"]["silence"] == {
        **dict.fromkeys(("recorded_lufs", "before_lufs", "after_lufs", "position", "width")),
        "gain_reduction_db": {},
    }
    assert made.report["tracks"]["kick"]["gain_reduction_db"]["compressor"]["mean"] < -5.0
    assert made.report["loudness"]["after"]["peak_dbfs"] <= -7.5
    assert made.report["method"] == "by hand"
    for distance in made.report["embedding_distance"].values():
        assert 0.0 < distance < 2.0


def test_saved_folder_is_complete_and_renders_again(files: list[Path], tmp_path: Path) -> None:
    made = make(files)
    folder = made.save(tmp_path / "out" / "mix", title="A title & more")
    assert {path.name for path in folder.iterdir()} == WRITTEN
    assert json.loads((folder / "result.json").read_text(encoding="utf-8")) == {
        "format": "fxrep result 1",
        "title": "A title & more",
        "method": "by hand",
        "references": [],
    }
    assert {path.name for path in (folder / "stems").iterdir()} == {
        "kick.wav",
        "a & b _c_.wav",
        "silence.wav",
        "bus_reverb.wav",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["mix"]
    mix, rate = load_audio(folder / "mix.wav")
    assert rate == RATE
    torch.testing.assert_close(mix, made.mix)
    torch.testing.assert_close(MixSession.load(folder / "console.json").render(), mix)


def test_page_is_whole_and_needs_nothing_else(files: list[Path], tmp_path: Path) -> None:
    made = make(files, sections=True)
    text = (made.save(tmp_path / "out", title="A title & <more>") / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == [] and page.fetched == []
    assert not re.search(r"@import|url\(|<script", text)
    drawings = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)
        numbers = [float(one) for node in root.iter() for one in node.get("points", "").replace(",", " ").split()]
        assert all(math.isfinite(number) for number in numbers)
    labels = [ElementTree.fromstring(drawing).get("aria-label", "") for drawing in drawings]
    assert sum(label.startswith("Equaliser of kick") for label in labels) == 1
    assert sum(label.startswith("Gain reduction of") for label in labels) == 2  # kick's compressor, master's limiter
    for words in ("A title & <more>", "a & b <c>", "Reference: <song>", "+5.0 dB", "−7.0 dB", "embedding distance"):
        assert words in page.text
    assert "prefers-color-scheme: dark" in text
    rows = {label: made.report["features"][label] for label in made.report["features"]}
    assert rows and all(set(row) == {"before", "after", "reference"} for row in rows.values())


def test_arrays_and_made_tracks_are_kept_with_the_mix(files: list[Path], tmp_path: Path) -> None:
    arrays = neutral_session(TrackSet({"one": tones(1), "two": tones(2, 2)}, RATE), default_console())
    folder = MixResult(arrays, arrays).save(tmp_path / "arrays")
    torch.testing.assert_close(MixSession.load(folder / "console.json").render(), arrays.render())
    own = tempfile.TemporaryDirectory()
    save_audio(Path(own.name) / "wet.wav", tones(3), RATE, subtype="FLOAT")
    made = neutral_session(TrackSet([Path(own.name) / "wet.wav", files[0]]), default_console())
    mix = made.render()
    folder = MixResult(made, made, temporary=own).save(tmp_path / "made")
    own.cleanup()
    assert {path.name for path in folder.iterdir()} == WRITTEN | {"tracks"}
    moved = folder.rename(tmp_path / "elsewhere")
    assert (moved / "tracks" / "wet.wav").is_file()
    torch.testing.assert_close(MixSession.load(moved / "console.json").render(), mix)


def test_folders_that_hold_something_are_refused(files: list[Path], tmp_path: Path) -> None:
    made = make(files)
    with pytest.raises(OutputError, match="which the mix is made from"):
        made.save(files[0].parent, overwrite=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("dear diary")
    with pytest.raises(OutputError, match=r"something else than a mix \(todo.txt\)"):
        made.save(tmp_path / "notes", overwrite=True)
    with pytest.raises(OutputError, match="is a file"):
        made.save(tmp_path / "notes" / "todo.txt", overwrite=True)
    (tmp_path / "out").mkdir()
    folder = made.save(tmp_path / "out")
    with pytest.raises(OutputError, match="--force"):
        made.save(folder)
    (folder / "stems" / "kick.wav").unlink()
    assert (made.save(folder, overwrite=True) / "stems" / "kick.wav").is_file()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError("disk full")])
def test_an_interrupted_save_leaves_nothing_behind(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def interrupted(*_: object) -> str:
        raise failure

    made = make(files)
    monkeypatch.setattr(result_module, "report_page", interrupted)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        made.save(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_mix_that_is_turned_off_is_no_fault(files: list[Path], tmp_path: Path) -> None:
    before = neutral_session(TrackSet(files), default_console())
    silent = before
    for name in before.tracks.names:
        silent = silent.edit(name, "fader.gain_db", -100.0)
    made = MixResult(silent, before, Recordings([tones(5)], sample_rate=RATE))
    made.save(tmp_path / "out")
    assert made.report["loudness"]["after"] == {"lufs": None, "peak_dbfs": None}
    assert made.report["embedding_distance"]["after"] is None
    assert made.report["embedding_distance"]["before"] > 0.0
    assert not load_audio(tmp_path / "out" / "mix.wav")[0].any()


def test_without_references_there_is_nothing_to_be_near(files: list[Path], tmp_path: Path) -> None:
    before = neutral_session(TrackSet(files), default_console())
    made = MixResult(before, before, encoder="no such encoder")
    assert made.report["embedding_distance"] == {"before": None, "after": None}
    assert made.report["features_nearer"] is None
    made.save(tmp_path / "out")


def test_what_is_shown_as_it_was_is_neither_nearer_nor_farther() -> None:
    row = {"before": 0.301, "after": 0.304, "reference": 1.0}
    assert nearer_after(row) is None and nearer_after(row, digits=3) is True
    assert nearer_after({**row, "after": 0.2}) is False and nearer_after({**row, "reference": None}) is None


def test_gain_reduction_of_a_group_is_drawn(files: list[Path], tmp_path: Path) -> None:
    tracks = TrackSet(files)
    settings = default_console(groups=["band", "idle"]).default_settings(tracks.names, {tracks.names[0]: "band"})
    quiet = neutral_session(tracks, default_console())
    mix = MixSession(settings, tracks, quiet.input_gain_db).edit("band", "compressor.threshold_db", -40.0)
    mix = mix.edit("band", "compressor.ratio", 8.0).edit("idle", "compressor.ratio", 4.0)
    track = mix.edit(tracks.names[0], "group", None).edit(tracks.names[0], "compressor.threshold_db", -40.0)
    track = track.edit(tracks.names[0], "compressor.ratio", 8.0)
    found = read_groups(mix, tmp_path)
    assert set(found) == {"band"} and [path.name for path in tmp_path.iterdir()] == ["in"]
    # The same track through the same compressor, as a track.
    alone = read_strips(track)[tracks.names[0]].reduction_db["compressor"]
    np.testing.assert_allclose(found["band"].reduction_db["compressor"], alone, atol=0.01, equal_nan=True)
    page = (MixResult(mix, quiet, encoder=None).save(tmp_path / "out") / "report.html").read_text(encoding="utf-8")
    assert "Gain reduction of band" in page


def test_the_working_folder_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (Path(), tmp_path):
        with pytest.raises(OutputError, match="the folder that you are in"):
            check_output_folder(folder, overwrite=True)
    check_output_folder(Path("new"), overwrite=False)
    # What a killed run left inside is no reason to keep an old mix.
    (tmp_path / "mix").mkdir()
    for name in ("console.json", ".mix.wav.fxrep.partial"):
        (tmp_path / "mix" / name).touch()
    check_output_folder(Path("mix"), overwrite=True)

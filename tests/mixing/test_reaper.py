"""The project that a workstation opens: it parses, names files that are there, and plays them at unity."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from fxrep.audio import audio_info, load_audio, save_audio
from fxrep.effects import default_console
from fxrep.errors import ArgumentError
from fxrep.mixing import MixSession, Section, TrackSet, neutral_session
from fxrep.mixing.reaper import MIX_NAME

RATE = 16000


def parse(text: str) -> dict[str, Any]:
    """Read the tree of blocks: {"head": values, "values": {name: values}, "blocks": [block, ...]}."""
    root: dict[str, Any] = {"head": [], "values": {}, "blocks": []}
    open_blocks = [root]
    for line in text.splitlines():
        words = re.findall(r'"[^"]*"|\'[^\']*\'|`[^`]*`|\S+', line)
        words = [word[1:-1] if word[0] in "\"'`" else word for word in words]
        if words == [">"]:
            open_blocks.pop()
        elif line.lstrip().startswith("<"):
            block: dict[str, Any] = {"head": [words[0][1:], *words[1:]], "values": {}, "blocks": []}
            open_blocks[-1]["blocks"].append(block)
            open_blocks.append(block)
        else:
            open_blocks[-1]["values"].setdefault(words[0], []).append(words[1:])
    assert len(open_blocks) == 1, "a block is not closed"
    return root


def only(block: dict[str, Any], name: str) -> list[str]:
    (values,) = block["values"][name]
    return values


@pytest.fixture
def mix() -> MixSession:
    names = ["lead vox", 'the "big" one', "it's", "sparé"]
    audio = {name: 0.1 * torch.randn(1, 2 * RATE + n, generator=torch.Generator().manual_seed(n)) for n, name in enumerate(names)}  # fmt: skip # noqa: E501
    audio["spare"] = torch.zeros(2, RATE)
    mix = neutral_session(TrackSet(audio, RATE), default_console()).edit("it's", "panner.pan", 0.5)
    mix.sections.append(Section(1.25, mix.settings.edit("it's", "fader.gain_db", -6.0)))
    return mix


def test_the_project_plays_the_stems_at_unity(mix: MixSession, tmp_path: Path) -> None:
    path = mix.export_reaper(tmp_path / "daw", tail_s=0.5)
    assert path == tmp_path / "daw/mix.rpp"
    (project,) = parse(path.read_text(encoding="utf-8"))["blocks"]
    assert project["head"][0] == "REAPER_PROJECT"
    assert only(project, "SAMPLERATE") == [str(RATE), "1", "0"] and only(project, "PANLAW") == ["1"]
    assert only(project, "MARKER") == ["1", "1.250000000", "section 1", "0"]
    tracks = project["blocks"]
    assert [only(track, "NAME")[0] for track in tracks] == [*mix.tracks.names, MIX_NAME]
    total = torch.zeros(2, mix.tracks.samples + RATE // 2)
    identities = set()
    for track in tracks:
        assert track["head"][0] == "TRACK" and only(track, "VOLPAN")[:2] == ["1", "0"]
        (item,) = track["blocks"]
        assert item["head"] == ["ITEM"] and only(item, "POSITION") == ["0"] and only(item, "SOFFS") == ["0"]
        assert only(item, "VOLPAN")[0] == "1" and {only(item, fade)[1] for fade in ("FADEIN", "FADEOUT")} == {"0"}
        (source,) = item["blocks"]
        assert source["head"] == ["SOURCE", "WAVE"]
        file = path.parent / only(source, "FILE")[0]
        assert float(only(item, "LENGTH")[0]) == pytest.approx(audio_info(file).duration_s, abs=1e-6)
        identities |= {track["head"][1], only(item, "IGUID")[0]}
        if only(track, "MUTESOLO")[0] == "0":
            total += load_audio(file)[0]
    assert len(identities) == 2 * len(tracks)
    assert only(tracks[-1], "MUTESOLO")[0] == "1"
    # On this mix, without sends and on a neutral master, what it plays is the mix.
    assert float((total - mix.render(0.5)).abs().max()) < 1e-5
    assert torch.equal(load_audio(tmp_path / "daw/mix.wav")[0], mix.render(0.5))


def test_the_same_mix_gives_the_same_project(mix: MixSession, tmp_path: Path) -> None:
    texts = [mix.export_reaper(tmp_path / name).read_text() for name in ("one", "two")]
    assert texts[0] == texts[1]


def test_names_with_every_quotation_mark_are_one_word(tmp_path: Path) -> None:
    tracks = TrackSet({"a \"b\" 'c' `d`\ne": 0.1 * torch.ones(1, 100)}, RATE)
    text = neutral_session(tracks, default_console()).export_reaper(tmp_path).read_text()
    (project,) = parse(text)["blocks"]
    assert only(project["blocks"][0], "NAME") == ["a 'b' 'c' `d` e"]


def test_a_project_never_replaces_a_track(tmp_path: Path) -> None:
    save_audio(tmp_path / "stems/a.wav", 0.1 * torch.ones(1, 100), RATE)
    save_audio(tmp_path / "mix.wav", 0.1 * torch.ones(1, 100), RATE)
    for source in ("stems/a.wav", "mix.wav"):
        mix = neutral_session(TrackSet([tmp_path / source]), default_console())
        before = (tmp_path / source).read_bytes()
        with pytest.raises(ArgumentError, match="is track"):
            mix.export_reaper(tmp_path)
        assert (tmp_path / source).read_bytes() == before

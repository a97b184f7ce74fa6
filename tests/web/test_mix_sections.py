"""A mix in sections: each is described, drawn and changed by itself, or all are changed at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fxrep.errors import ArgumentError
from fxrep.mixing import MixSession
from fxrep.mixing.sections import Section
from fxrep.web.mix_folders import CONSOLE, MixFolders
from fxrep.web.mixes import CurveRequest, EditRequest, Mixes
from fxrep.web.site import WebSite

FADER = {"place": "track:vox", "path": "fader.gain_db"}
EQ = {"place": "track:vox", "path": "parametric_eq.peak_1_gain_db"}


@pytest.fixture
def parts(mix: Path, tmp_path: Path) -> Path:
    """A folder of a mix whose second half has a quieter voice."""
    whole = MixSession.load(mix / CONSOLE)
    later = Section(1.0, whole.settings.edit("vox", "fader.gain_db", -10.0))
    MixSession(whole.settings, whole.tracks, whole.input_gain_db, [later]).save(tmp_path / "PARTS" / CONSOLE)
    return tmp_path / "PARTS"


@pytest.fixture
def mixes(parts: Path, site: WebSite) -> tuple[Mixes, str]:
    """What can be done with that mix, and its id."""
    folders = MixFolders([parts])
    return Mixes(folders, (), (), site.renders, site.recordings, site.board), folders.list()[0].id


def levels(file: Path) -> list[float]:
    session = MixSession.load(file)
    every = [session.settings, *(section.settings for section in session.sections)]
    return [one.tracks["vox"]["fader"]["gain_db"] for one in every]


def test_every_section_is_described(mixes: tuple[Mixes, str]) -> None:
    told = mixes[0].describe(mixes[1], CONSOLE)
    assert told["sections"] == 1 and told["section_starts_s"] == [1.0]
    every = [told["console"], *told["section_consoles"]]
    assert [one["tracks"]["vox"]["fader"]["gain_db"] for one in every] == [0.0, -10.0]


@pytest.mark.parametrize(("section", "expected"), [(0, [-3.0, -10.0]), (1, [0.0, -3.0]), (None, [-3.0, -3.0])])
def test_one_section_is_changed_or_all(
    mixes: tuple[Mixes, str], parts: Path, section: int | None, expected: list[float]
) -> None:
    edit = {**FADER, "value": -3.0, "section": section}
    saved = mixes[0].save(mixes[1], EditRequest.model_validate({"edits": [edit]}))
    assert levels(parts / saved["path"]) == expected


def test_curves_are_those_of_the_section_that_is_asked_for(mixes: tuple[Mixes, str]) -> None:
    def loudest(section: int, *edits: dict) -> float:
        request = {"edits": list(edits), "places": ["track:vox"], "section": section}
        curves = mixes[0].curves(mixes[1], CurveRequest.model_validate(request))["curves"]["track:vox"]
        return max(curves["parametric_eq"]["magnitude_db"])

    only_later = {**EQ, "value": 9.0, "section": 1}
    assert loudest(0, only_later) == 0.0 and loudest(1, only_later) == pytest.approx(9.0, abs=0.1)
    assert loudest(0, {**EQ, "value": 9.0}) == loudest(1, {**EQ, "value": 9.0})
    with pytest.raises(ArgumentError, match="section is 2: expected 0 to 1"):
        loudest(2)

"""Instrument names read from what people call their tracks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxrep.data import INSTRUMENTS, Multitrack, Song, guess_instrument
from fxrep.data.instruments import is_mixture_name


@pytest.mark.parametrize(
    ("name", "instrument"),
    [
        ("03_ElecGtr2", "guitar"),
        ("LeadVox", "vocals"),
        ("12_BackingVox1", "vocals"),
        ("female singer", "vocals"),
        ("Lead Guitar", "guitar"),
        ("Synth Lead", "lead"),
        ("ch00-lead-saw", "lead"),
        ("Bass Drum", "drums"),
        ("bassdrum03", "drums"),
        ("01_Kick", "drums"),
        ("08_Overheads", "drums"),
        ("overhead_L", "drums"),
        ("hi-hat", "drums"),
        ("tom_1", "drums"),
        ("drum set", "drums"),
        ("Bassoon", "winds"),
        ("bass clarinet", "winds"),
        ("english horn", "winds"),
        ("tenor saxophone", "winds"),
        ("French Horn", "brass"),
        ("bass trombone", "brass"),
        ("BassDI", "bass"),
        ("SynthBass", "bass"),
        ("double bass", "bass"),
        ("steel-drums", "percussion"),
        ("vibraphone", "percussion"),
        ("Tambourine", "percussion"),
        ("drawbar-organ", "keys"),
        ("perc-organ", "keys"),
        ("Electric Piano 1", "keys"),
        ("synthesizer", "keys"),
        ("Synth Pad", "pad"),
        ("pad-choir", "pad"),
        ("drum pad", "drums"),
        ("string section", "strings"),
        ("fx/processed sound", "fx"),
        ("mixture", "mixture"),
        ("Main System", "other"),
        ("Unlabeled", "other"),
        ("audiomonster", "other"),
        ("05", "other"),
        ("", "other"),
    ],
)
def test_guess(name: str, instrument: str) -> None:
    assert guess_instrument(name) == instrument


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_canonical_names_are_fixed_points(name: str) -> None:
    assert guess_instrument(name) == name
    assert guess_instrument(f"{name.upper()}_01") == name or name == "other"


@given(st.text(max_size=40))
def test_any_text_gives_a_canonical_name(text: str) -> None:
    assert guess_instrument(text) in INSTRUMENTS


@pytest.mark.parametrize(
    ("name", "is_mix"), [("mixture", True), ("Mix", True), ("MASTER", True), ("drum mix", False), ("remix", False)]
)
def test_mixture_names(name: str, is_mix: bool) -> None:
    assert is_mixture_name(name) is is_mix


def test_song_is_a_multitrack() -> None:
    assert isinstance(Song("a"), Multitrack)
    assert not isinstance(object(), Multitrack)

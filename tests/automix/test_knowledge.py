"""Rules: what was measured decides, positions balance, every setting has its sentence."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from automix import automix
from automix.knowledge import KnowledgeMixer
from automix.knowledge.hearing import measure
from automix.knowledge.rules import RULES, load_rules
from automix.knowledge.tone import compress, cut_mud, cut_rumble
from automix.methods import ConsoleMethod, Explained
from fxrep.audio import integrated_loudness
from fxrep.effects.console import default_console
from fxrep.errors import ArgumentError, DataError
from fxrep.mixing import MixSession, TrackSet

from .sounds import RATE, played, sine

NAMES = ("Kick", "Bass", "Lead Vox", "Gtr L", "Gtr R", "Piano", "thing")


@pytest.fixture(scope="module")
def song() -> TrackSet:
    """Broad sounds, a low one, and silence."""
    sounds = {name: played(n, beat=2 + n) for n, name in enumerate(NAMES)}
    return TrackSet({**sounds, "Bass": sine(80.0), "empty": torch.zeros(1, RATE)}, RATE)


@pytest.fixture(scope="module")
def mixed(song: TrackSet) -> Explained:
    return KnowledgeMixer().estimate(song, [0.0])


def test_positions_balance(song: TrackSet, mixed: Explained) -> None:
    """Drums, bass and vocals in the middle; what is spread has equal power on both sides."""
    pans = {name: mixed.settings.tracks[name]["panner"]["pan"] for name in song.names}
    assert pans["Kick"] == pans["Bass"] == pans["Lead Vox"] == 0.0
    assert min(pans.values()) < -0.1 and max(pans.values()) > 0.1
    left, right = song_of(mixed, song, sends=False).square().sum(-1).tolist()
    assert 10 * math.log10(left / right) == pytest.approx(0.0, abs=0.5)


def song_of(mixed: Explained, song: TrackSet, sends: bool = True) -> torch.Tensor:
    settings = mixed.settings.copy()
    if not sends:
        settings.sends = {name: dict.fromkeys(row, -100.0) for name, row in settings.sends.items()}
    return MixSession(settings, song, song.input_gain_db(-24.0)).render()


def test_levels_behind_equaliser_and_compressor(song: TrackSet, mixed: Explained) -> None:
    """Each track behind its strip is as loud as its sentence says, against the others."""
    gains = song.input_gain_db(-24.0)
    found = {}
    for number, name in enumerate(song.names[:-1]):
        audio = song.read(0.0, song.duration_s, gains=gains)[:, number]
        strip = {**mixed.settings.tracks[name], "panner": {"pan": 0.0}}
        found[name] = float(integrated_loudness(mixed.settings.console.track(audio, RATE, strip), RATE)[0])
    # A guitar: -5 LU shared by two; the piano -5 LU; the unknown -6 LU.
    assert found["Gtr L"] - found["Piano"] == pytest.approx(-10 * math.log10(2), abs=0.3)
    assert found["thing"] - found["Piano"] == pytest.approx(-1.0, abs=0.3)
    rest = 10 * math.log10(sum(10 ** (level / 10) for name, level in found.items() if name != "Lead Vox"))
    assert found["Lead Vox"] - rest == pytest.approx(0.0, abs=0.3)
    assert float(integrated_loudness(song_of(mixed, song), RATE)) == pytest.approx(-16.0, abs=0.5)


def test_every_decision_is_said(song: TrackSet, mixed: Explained) -> None:
    text = "\n".join(mixed.decisions)
    for name in NAMES:
        assert f"\n{name} (" in f"\n{text}"
    assert "Kick (kick, from its name)" in text and "thing (other, from its name)" in text
    assert "empty is silent" in text and "in the middle, since its instrument belongs there" in text
    assert "Master " in text and "De Man" in text
    mixed.settings.check()
    for name in NAMES:
        strip = mixed.settings.tracks[name]
        sentence = next(one for one in mixed.decisions if one.startswith(f"{name} ("))
        assert ("high-pass" in sentence) == (strip["parametric_eq"]["high_pass_hz"] is not None)
        assert ("compressor" in sentence) == (strip["compressor"]["ratio"] != 1.0)
        assert ("reverb send" in sentence) == (mixed.settings.sends[name]["reverb"] > -100.0)
    assert mixed.settings.tracks["Bass"]["parametric_eq"]["high_pass_hz"] <= 0.7 * 90.0


def test_rules_of_tone() -> None:
    rules, strip = load_rules(), default_console().track.defaults()
    vocals, kick = rules.instruments["vocals"], rules.instruments["kick"]
    tone = measure(sine(440.0).expand(2, -1)[None], RATE)
    # The first and the last frame of the spectrum hold half a frame of silence.
    assert tone.crest_db == pytest.approx(10 * math.log10(2), abs=0.3)
    assert tone.middle_hz == pytest.approx(440.0, abs=5.0) and tone.side_db < -100
    assert compress(strip, rules, vocals, tone) is None
    assert "high-pass at 90 Hz" in str(cut_rumble(strip, vocals, tone))
    low = measure(sine(60.0).expand(2, -1)[None], RATE)
    assert "high-pass at" in str(cut_rumble(strip, vocals, low)) and strip["parametric_eq"]["high_pass_hz"] < 45.0
    muddy = measure((sine(315.0) + 0.05 * played(0)).expand(2, -1)[None], RATE)
    assert "-4.0 dB at 315 Hz" in str(cut_mud(strip, rules, vocals, muddy))
    click = torch.zeros(1, 2, RATE)
    click[..., ::2000] = 0.5
    peaky = measure(click, RATE)
    assert "compressor 4.0 : 1" in str(compress(strip, rules, kick, peaky))
    wanted = peaky.peak_db - 6.0 / (1 - 1 / 4)
    assert strip["compressor"]["threshold_db"] == pytest.approx(wanted)


def test_instruments(song: TrackSet) -> None:
    assert isinstance(KnowledgeMixer(), ConsoleMethod)
    kinds = load_rules().name_all(
        ["05-bassdrum", "snaredrum", "drum loop", "OH", "hi-hat", "MyMix", "mix", "lead gtr"], {"MyMix": "fx"}
    )
    assert list(kinds.values()) == ["kick", "snare", "drums", "cymbals", "hats", "fx", "other", "guitar"]
    with pytest.raises(ArgumentError, match=r"unknown instruments: thing=theremin; choose from vocals, lead, drums"):
        KnowledgeMixer({"thing": "theremin"}).estimate(song, [0.0])
    made = automix(song, "knowledge", instruments={"thing": "vocals"})
    assert any(one.startswith("thing (vocals, as was said)") for one in made.details["decisions"])


def test_only_some_decisions(song: TrackSet, mixed: Explained) -> None:
    found = KnowledgeMixer(only=["stereo", "sends"]).estimate(song, [0.0])
    neutral = default_console().default_settings(song.names)
    for name, strip in found.settings.tracks.items():
        assert {**strip, "panner": None} == {**neutral.tracks[name], "panner": None}
        assert found.settings.sends[name] == mixed.settings.sends[name]
    assert found.settings.master == neutral.master and found.settings.tracks["Gtr L"]["panner"]["pan"] != 0.0
    with pytest.raises(ArgumentError, match="only names 'colour': choose from levels, eq"):
        KnowledgeMixer(only="colour")


def test_own_rules(tmp_path: Path, song: TrackSet) -> None:
    data = json.loads(RULES.read_text(encoding="utf-8"))
    assert all(entry["source"] in data["sources"] for entry in data["instruments"].values())
    path = tmp_path / "rules.json"
    data["instruments"]["keys"]["reverb_db"] = -7.5
    path.write_text(json.dumps(data), encoding="utf-8")
    assert KnowledgeMixer(rules=path).estimate(song, [0.0]).settings.sends["Piano"]["reverb"] == -7.5
    del data["instruments"]["keys"]["ratio"]
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(DataError, match=r"keys has .* expected level_lu"):
        load_rules(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read as mixing rules"):
        load_rules(path)

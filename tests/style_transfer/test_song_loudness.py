"""How loud mixes come out, whatever a method makes of their level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from fxrep.audio import integrated_loudness
from fxrep.effects.console import MixingConsole, create_console, default_console
from fxrep.effects.console.settings import ConsoleSettings
from fxrep.errors import ArgumentError
from fxrep.mixing import TrackSet
from style_transfer import transfer
from style_transfer.song_loudness import gain_between, raise_mix

from .conftest import RATE, LevelOfReference, played


@dataclass
class AsSoftAs:
    """Sets the master to one level, whatever the reference is, and compresses behind it."""

    gain_db: float
    threshold_db: float = -30.0
    track_lufs: float = -24.0
    window_s: float = 2.0
    console: MixingConsole = field(default_factory=default_console)

    def estimate(self, tracks: TrackSet, references: Any, start_s: Sequence[float], **_: Any) -> ConsoleSettings:
        settings = self.console.default_settings(tracks.names).edit("master", "fader.gain_db", self.gain_db)
        settings = settings.edit("master", "compressor.threshold_db", self.threshold_db)
        return settings.edit("master", "compressor.ratio", 3.0)


def loudness(audio: torch.Tensor) -> float:
    return float(integrated_loudness(audio, RATE))


def test_a_mix_is_as_loud_as_it_is_asked_to_be(song: list[Path], reference: Path) -> None:
    for count in (1, 3):
        left = transfer(song[:count], reference, AsSoftAs(-15.0, -45.0), loudness=None)
        assert left.console.settings.master["fader"]["gain_db"] == -15.0
        assert loudness(left.mix) < -22.0
        for lufs in (-16.0, -23.0):
            matched = transfer(song[:count], reference, AsSoftAs(-15.0, -45.0), loudness=lufs)
            assert loudness(matched.mix) == pytest.approx(lufs, abs=0.3)
            # The same mix but for its level: the compressor does what it did.
            torch.testing.assert_close(matched.mix / matched.mix.norm(), left.mix / left.mix.norm(), rtol=0, atol=1e-5)


def test_tracks_that_are_rendered_anew_make_a_mix_of_that_loudness(song: list[Path], reference: Path) -> None:
    left = transfer(song, reference, LevelOfReference(), loudness=None)
    matched = transfer(song, reference, LevelOfReference(), loudness=-20.0)
    assert loudness(matched.mix) == pytest.approx(-20.0, abs=0.3)
    gain = 10 ** (matched.console.settings.master["fader"]["gain_db"] / 20)
    torch.testing.assert_close(matched.mix, left.mix * gain, rtol=0, atol=1e-5)


def test_sections_keep_their_levels_among_each_other(reference: Path) -> None:
    tone = torch.cat([played(0, 4.0), 0.1 * played(0, 4.0)], -1)
    # A method that hears each section alone would make them equally loud: here by moving the master.
    result = transfer({"tone": tone}, reference, AsSoftAs(-10.0, 0.0), sections=[4.0], sample_rate=RATE)
    assert len(result.console.sections) == 1
    mix = result.mix
    assert loudness(mix[:, : 4 * RATE]) - loudness(mix[:, -3 * RATE :]) == pytest.approx(20.0, abs=0.5)
    assert loudness(mix) == pytest.approx(-16.0, abs=0.5)


def test_what_is_no_loudness_is_refused(song: list[Path], reference: Path) -> None:
    for wrong in (3.0, -80.0, float("nan"), "loud"):
        with pytest.raises(ArgumentError, match="expected LUFS from -60 to 0"):
            transfer(song, reference, AsSoftAs(0.0), loudness=wrong)  # type: ignore[arg-type]


def test_a_loudness_that_no_setting_would_give_is_refused(song: list[Path], reference: Path) -> None:
    with pytest.raises(ArgumentError, match="add master to only"):
        transfer(song, reference, AsSoftAs(0.0), loudness=-9.0, only="eq")
    assert transfer(song, reference, AsSoftAs(0.0), only="eq").console.settings.master["fader"]["gain_db"] == 0.0


@pytest.mark.parametrize("name", ["default", "dasp", "mastering"])
def test_raising_is_a_gain_behind_the_master_strip(name: str) -> None:
    console = create_console(name)
    settings = console.default_settings(["a"])
    raised = raise_mix(settings, 6.0)
    audio = 0.05 * played(0)[None, None]
    before, after = (console.render(audio, one, RATE) for one in (settings, raised))
    torch.testing.assert_close(after, before * 10 ** (6 / 20), rtol=1e-4, atol=1e-6)
    assert settings == console.default_settings(["a"])


def test_raising_ends_where_the_fader_ends() -> None:
    console = default_console()
    raised = raise_mix(console.default_settings(["a"]), 1000.0).master["fader"]["gain_db"]
    assert raised == console.master.tables["fader"]["gain_db"].maximum


WITHOUT_CHANGE: dict[str, dict[str, float]] = {"default": {}, "dasp": {}, "mastering": {}}
FOLLOWING = {
    "default": {"compressor.threshold_db": -30.0, "compressor.ratio": 4.0, "parametric_eq.low_shelf_gain_db": 4.0},
    "dasp": {"compressor.threshold_db": -30.0, "compressor.ratio": 4.0},
    "mastering": {"multiband_compressor.low_threshold_db": -40.0, "multiband_compressor.low_ratio": 3.0},
}


@pytest.mark.parametrize("name", ["default", "dasp", "mastering"])
@pytest.mark.parametrize("edits", [WITHOUT_CHANGE, FOLLOWING])
def test_what_follows_the_fader_need_not_be_rendered_again(name: str, edits: dict[str, dict[str, float]]) -> None:
    settings = _edited(name, edits[name])
    raised = raise_mix(settings, 5.0)
    audio = 0.3 * played(0)[None, None]
    before, after = (settings.console.render(audio, one, RATE) for one in (settings, raised))
    assert gain_between(settings, raised, RATE) == pytest.approx(5.0)
    torch.testing.assert_close(after, before * 10 ** (5 / 20), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "edits", "gain_db"),
    [
        ("default", {"limiter.ceiling_db": -12.0}, 6.0),
        ("mastering", {"limiter.ceiling_db": -12.0}, 6.0),
        ("default", {"compressor.threshold_db": -2.0, "compressor.ratio": 4.0}, 6.0),  # thresholds end at 0 dB
    ],
)
def test_what_goes_by_the_level_behind_the_fader_is_rendered_again(
    name: str, edits: dict[str, float], gain_db: float
) -> None:
    settings = _edited(name, edits)
    assert gain_between(settings, raise_mix(settings, gain_db), RATE) is None


def test_a_limiter_is_made_up_for(song: list[Path], reference: Path) -> None:
    @dataclass
    class Limited(AsSoftAs):
        def estimate(self, tracks: TrackSet, references: Any, start_s: Sequence[float], **_: Any) -> ConsoleSettings:
            settings = AsSoftAs.estimate(self, tracks, references, start_s)
            return settings.edit("master", "limiter.ceiling_db", -3.0)

    assert loudness(transfer(song, reference, Limited(-15.0, 0.0), loudness=-16.0).mix) == pytest.approx(-16.0, abs=0.3)


def _edited(name: str, edits: dict[str, float]) -> ConsoleSettings:
    settings = create_console(name).default_settings(["a"])
    for path, value in edits.items():
        settings = settings.edit("master", path, value)
    return settings

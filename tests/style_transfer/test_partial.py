"""Parts of a mix: groups of settings, strength, and what lies between several mixes."""

from __future__ import annotations

import itertools

import pytest

from fxrep.effects.console import ConsoleSettings, StripEffect, dasp_console, default_console
from fxrep.effects.console.mixing_console import MixingConsole
from fxrep.errors import ArgumentError
from fxrep.mixing.setting_groups import SETTING_GROUPS
from style_transfer.partial import blend_settings, keep_groups, neutral_like, scale_strength

EDITS = {
    "levels": ("vocals", "fader.gain_db", -6.0),
    "eq": ("vocals", "parametric_eq.peak_1_gain_db", 4.0),
    "dynamics": ("kit", "compressor.ratio", 4.0),
    "stereo": ("bass", "panner.pan", -0.5),
    "sends": ("bass", "sends.reverb", -12.0),
    "master": ("master", "limiter.ceiling_db", -1.0),
}


@pytest.fixture(scope="module")
def neutral() -> ConsoleSettings:
    return default_console(groups=["kit"]).default_settings(["vocals", "bass"], {"bass": "kit"})


@pytest.fixture(scope="module")
def mixed(neutral: ConsoleSettings) -> ConsoleSettings:
    settings = neutral
    for place, path, value in EDITS.values():
        settings = settings.edit(place, path, value)
    return settings


@pytest.mark.parametrize("names", [*itertools.combinations(EDITS, 2), *((name,) for name in EDITS)])
def test_only_the_named_groups_are_kept(
    names: tuple[str, ...], neutral: ConsoleSettings, mixed: ConsoleSettings
) -> None:
    expected = neutral
    for name in names:
        expected = expected.edit(*EDITS[name])
    assert keep_groups(mixed, list(names)) == expected
    assert keep_groups(mixed, " , ".join(names)) == expected


def test_every_setting_belongs_to_one_group(mixed: ConsoleSettings) -> None:
    assert keep_groups(mixed, list(SETTING_GROUPS)) == mixed == keep_groups(mixed, None)
    assert set(EDITS) | {"effects"} == set(SETTING_GROUPS)


def test_inserted_effects_are_a_group_of_their_own() -> None:
    console = MixingConsole(track=["saturation", StripEffect("low_pass", "dull"), "fader"])
    settings = console.default_settings(["one"]).edit("one", "saturation.drive_db", 6.0)
    settings = settings.edit("one", "dull.frequency_hz", 900.0).edit("one", "fader.gain_db", 2.0)
    assert keep_groups(settings, "effects").tracks["one"]["saturation"]["drive_db"] == 6.0
    assert keep_groups(settings, "effects").tracks["one"]["dull"]["frequency_hz"] is None
    assert keep_groups(settings, "eq").tracks["one"]["dull"]["frequency_hz"] == 900.0


@pytest.mark.parametrize("wrong", ["equalizer", [], "", ["eq", 3], 7])
def test_unknown_groups_are_answered_with_those_there_are(wrong: object, mixed: ConsoleSettings) -> None:
    with pytest.raises(ArgumentError, match="levels"):
        keep_groups(mixed, wrong)  # type: ignore[arg-type]


def test_nothing_that_was_given_changes(mixed: ConsoleSettings) -> None:
    before = mixed.copy()
    for made in (keep_groups(mixed, "eq"), keep_groups(mixed, None), scale_strength(mixed, 1.0)):
        made.tracks["vocals"]["fader"]["gain_db"] = 3.0
        made.master["fader"]["gain_db"] = 3.0
        made.sends["vocals"]["reverb"] = 3.0
        made.buses["reverb"]["fader"]["gain_db"] = 3.0
    assert mixed == before


def test_strength_goes_from_neutral_to_the_whole(neutral: ConsoleSettings, mixed: ConsoleSettings) -> None:
    assert scale_strength(mixed, 0.0) == neutral == neutral_like(mixed)
    assert scale_strength(mixed, 1.0) == mixed
    half = scale_strength(mixed, 0.5)
    assert half.tracks["vocals"]["fader"]["gain_db"] == pytest.approx(-3.0)
    assert half.groups["kit"]["compressor"]["ratio"] == pytest.approx(2.0)  # the geometric mean of 1 and 4
    assert half.tracks["bass"]["panner"]["pan"] == pytest.approx(-0.25)
    # Half the amplitude, not half way down to -100 dB.
    assert half.sends["bass"]["reverb"] == pytest.approx(-12.0 - 6.0206, abs=1e-3)
    assert half.master["limiter"]["ceiling_db"] == -1.0
    assert scale_strength(mixed, 0.49).master["limiter"]["ceiling_db"] is None
    half.check()


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan"), "half", None, True])
def test_strength_out_of_range(wrong: object, mixed: ConsoleSettings) -> None:
    with pytest.raises(ArgumentError, match="strength is"):
        scale_strength(mixed, wrong)  # type: ignore[arg-type]


def test_blends_are_means_of_positions(neutral: ConsoleSettings) -> None:
    low = neutral.edit("bass", "parametric_eq.low_shelf_hz", 50.0)
    high = neutral.edit("bass", "parametric_eq.low_shelf_hz", 800.0)
    assert blend_settings([low, high]).tracks["bass"]["parametric_eq"]["low_shelf_hz"] == pytest.approx(200.0)
    quarter = blend_settings([low, high], [3.0, 1.0])
    assert quarter.tracks["bass"]["parametric_eq"]["low_shelf_hz"] == pytest.approx(100.0)
    assert blend_settings([low, high], [0.0, 2.0]) == high
    assert blend_settings([low]) == low


def test_what_is_off_in_most_stays_off(neutral: ConsoleSettings) -> None:
    high_pass = neutral.edit("bass", "parametric_eq.high_pass_hz", 80.0)
    assert blend_settings([neutral, high_pass], [2, 1]).tracks["bass"]["parametric_eq"]["high_pass_hz"] is None
    assert blend_settings([neutral, high_pass], [1, 2]).tracks["bass"]["parametric_eq"]["high_pass_hz"] == 80.0


@pytest.mark.parametrize(
    "weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")], [1.0, float("inf")], "ab", 3.0]
)
def test_wrong_weights(weights: object, neutral: ConsoleSettings) -> None:
    with pytest.raises(ArgumentError, match="weights"):
        blend_settings([neutral, neutral], weights)  # type: ignore[arg-type]


def test_what_does_not_belong_together_is_not_blended(neutral: ConsoleSettings) -> None:
    for other in (dasp_console().default_settings(["vocals", "bass"]), neutral.console.default_settings(["vocals"])):
        with pytest.raises(ArgumentError, match="same tracks"):
            blend_settings([neutral, other])
    with pytest.raises(ArgumentError, match="at least one"):
        blend_settings([])

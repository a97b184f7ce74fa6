"""What is set on a console: for people, in files, and as positions of a controller."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep.effects import BlackBox, ConsoleSettings, MixingConsole, dasp_console, default_console
from fxrep.effects.console import CONSOLES, StripEffect, create_console
from fxrep.effects.console.places import find_place, list_places, name_place
from fxrep.errors import ArgumentError, DataError

CONSOLE = default_console(groups=["drums", "band"])


def mix() -> ConsoleSettings:
    return CONSOLE.default_settings(["kick", "snare", "vocals"], {"kick": "drums", "snare": "drums"})


def positions(console: MixingConsole, seed: int = 0, batch: int = 2, count: int = 3) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((batch, count, console.track_size), (batch, console.bus_size), (batch, console.master_size))
    return tuple(torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes)


@pytest.mark.parametrize("name", list(CONSOLES))
def test_sizes_and_names_agree(name: str) -> None:
    console = create_console(name)
    sizes = (console.track_size, console.bus_size, console.master_size)
    assert tuple(len(names) for names in console.setting_names()) == sizes
    assert console.settings_size(16) == 16 * sizes[0] + sizes[1] + sizes[2]
    assert all(len(set(names)) == len(names) for names in console.setting_names())


@pytest.mark.parametrize("name", list(CONSOLES))
@given(seed=st.integers(0, 10_000), edge=st.sampled_from([None, 0.0, 1.0]))
@settings(max_examples=15, deadline=None)
def test_positions_to_values_and_back(name: str, seed: int, edge: float | None) -> None:
    console = create_console(name)
    given_positions = positions(console, seed)
    if edge is not None:
        given_positions = tuple(torch.full_like(part, edge) for part in given_positions)
    back = console.normalize(console.denormalize(*given_positions))
    for before, after in zip(given_positions, back, strict=True):
        torch.testing.assert_close(after, before, rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("groups", [[], ["drums", "band"]])
def test_positions_through_settings_for_people_and_json(groups: list[str], tmp_path: Path) -> None:
    console = default_console(groups)
    given_positions = positions(console)
    members = {group: torch.tensor([[n == i for n in range(3)]] * 2) for i, group in enumerate(groups)}
    values = console.denormalize(*given_positions, members)
    people = [console.unstack(values, ["a", "b", "c"], item) for item in range(2)]
    for number, one in enumerate(people):
        one.save(tmp_path / f"{number}.json")
    loaded = [ConsoleSettings.load(tmp_path / f"{number}.json") for number in range(2)]
    assert loaded == people
    assert [loaded[0].group_of.get(name) for name in "abc"] == [*groups, None, None, None][:3]
    for before, after in zip(given_positions, console.normalize(loaded), strict=True):
        torch.testing.assert_close(after, before, rtol=0.0, atol=1e-6)


def test_scales_come_from_the_tables() -> None:
    half = CONSOLE.denormalize(*(torch.full_like(part, 0.5) for part in positions(CONSOLE)))
    equalizer, compressor = half.tracks["parametric_eq"], half.tracks["compressor"]
    torch.testing.assert_close(equalizer["low_shelf_hz"], torch.full((2, 3), 200.0, dtype=torch.float64))
    torch.testing.assert_close(compressor["ratio"], torch.full((2, 3), math.sqrt(40.0), dtype=torch.float64))
    torch.testing.assert_close(half.tracks["panner"]["pan"], torch.zeros(2, 3, dtype=torch.float64))
    linear = dasp_console()
    half = linear.denormalize(*(torch.full_like(part, 0.5) for part in positions(linear)))
    torch.testing.assert_close(half.master["parametric_eq"]["low_shelf_hz"], torch.full((2,), 1010.0).double())


def test_positions_pass_gradients() -> None:
    parts = [part.requires_grad_() for part in positions(CONSOLE)]
    values = CONSOLE.denormalize(*parts)
    total = sum(column.sum() for table in values.tracks.values() for column in table.values())
    total = total + sum(column.sum() for column in values.sends.values())
    total.backward()
    assert bool((parts[0].grad != 0).all())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, b, m: (t[..., 1:], b, m), "tracks"),
        (lambda t, b, m: (t, b[:1], m), "buses"),
        (lambda t, b, m: (t, b, m + 1.0), r"master: fader\.gain_db"),
        (lambda t, b, m: (t - 1.0, b, m), r"tracks: fader\.gain_db"),
        (lambda t, b, m: (t, b * float("nan"), m), "buses: group:drums"),
        (lambda t, b, m: (t, b, m.long()), "floating point"),
    ],
)
def test_impossible_positions_are_named(change, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        CONSOLE.denormalize(*change(*positions(CONSOLE)))


def test_members_of_groups_are_checked() -> None:
    everyone, nobody = torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 3, dtype=torch.bool)
    CONSOLE.denormalize(*positions(CONSOLE), members={"drums": everyone, "band": nobody})
    for members, message in (
        ({"drums": everyone, "band": everyone}, "two groups"),
        ({"choir": nobody}, "choir"),
        ({"drums": nobody.float()}, "drums"),
        ({"drums": nobody[:1]}, "drums"),
    ):
        with pytest.raises(ArgumentError, match=message):
            CONSOLE.denormalize(*positions(CONSOLE), members=members)


def test_editing_returns_a_changed_copy() -> None:
    before = mix()
    kept = before.copy()
    after = before.edit("vocals", "compressor.threshold_db", -18)
    assert after.tracks["vocals"]["compressor"]["threshold_db"] == -18.0
    assert before == kept != after
    after = after.edit("vocals", "sends.reverb", -12).edit("vocals", "group", "band").edit("kick", "group", None)
    assert after.sends["vocals"] == {"reverb": -12.0, "delay": -100.0}
    assert after.group_of == {"snare": "drums", "vocals": "band"}
    assert after.edit("vocals", "sends.reverb", -math.inf).sends["vocals"]["reverb"] == -100.0
    after = after.edit("drums", "fader.gain_db", -3).edit("reverb", "noise_shaped_reverb.decay_s", 2)
    after = after.edit("master", "fader.gain_db", 1)
    assert after.groups["drums"]["fader"]["gain_db"] == -3.0
    assert after.buses["reverb"]["noise_shaped_reverb"]["decay_s"] == 2.0
    assert after.master["fader"]["gain_db"] == 1.0
    on = after.edit("vocals", "parametric_eq.high_pass_hz", 80)
    assert on.tracks["vocals"]["parametric_eq"]["high_pass_hz"] == 80.0
    assert on.edit("vocals", "parametric_eq.high_pass_hz", None) == after


@pytest.mark.parametrize(
    ("place", "path", "value", "message"),
    [
        ("vocal", "fader.gain_db", 0, "kick, snare, vocals, drums, band, reverb, delay, master"),
        ("vocals", "squash.ratio", 2, "fader, parametric_eq, compressor"),
        ("vocals", "compressor.threshold", 2, "threshold_db, ratio"),
        ("vocals", "compressor", 2, "threshold_db, ratio"),
        ("vocals", "panner.law", "linear", "fixed"),
        ("vocals", "compressor.ratio", 400, r"vocals: compressor.ratio is 400; expected 1 to 40"),
        ("vocals", "compressor.attack_ms", -1, "200 ms"),
        ("vocals", "compressor.ratio", "4", "expected a number"),
        ("vocals", "compressor.ratio", None, "expected a number"),
        ("vocals", "compressor.ratio", float("nan"), "nan"),
        ("vocals", "compressor.ratio", True, "True"),
        ("vocals", "sends.room", 0, "reverb, delay"),
        ("vocals", "sends.reverb", 30, "-100 to 12 dB"),
        ("vocals", "group", "choir", "drums, band"),
        ("drums", "sends.reverb", 0, "sends"),
        ("master", "panner.pan", 0, "panner"),
    ],
)
def test_a_wrong_edit_names_the_choices(place: str, path: str, value: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        mix().edit(place, path, value)


def test_a_name_that_means_two_things_can_be_made_clear() -> None:
    settings = CONSOLE.default_settings(["drums", "master"])
    with pytest.raises(ArgumentError, match="track:drums or group:drums"):
        settings.edit("drums", "fader.gain_db", -6)
    assert settings.edit("group:drums", "fader.gain_db", -6).groups["drums"]["fader"]["gain_db"] == -6.0
    assert settings.edit("track:drums", "fader.gain_db", -6).tracks["drums"]["fader"]["gain_db"] == -6.0
    assert settings.edit("track:master", "fader.gain_db", -6).tracks["master"]["fader"]["gain_db"] == -6.0


def test_master_is_the_master_strip_whatever_the_tracks_are_called() -> None:
    settings = default_console(groups=["master"]).default_settings(["master", "reverb", "bus:reverb", "track:x"])
    edited = settings.edit("master", "limiter.ceiling_db", -1.0)
    assert edited.master["limiter"]["ceiling_db"] == -1.0 and edited.tracks == settings.tracks
    with pytest.raises(ArgumentError, match=r"choose from track:master, track:reverb, track:bus:reverb, track:x, group:master, bus:reverb, delay, master"):  # fmt: skip # noqa: E501
        settings.edit("vocals", "fader.gain_db", -1.0)
    for place in list_places(settings):
        kind, name = find_place(settings, place)
        assert name_place(settings, kind, name) == place
    for track in settings.tracks:
        found = settings.edit(name_place(settings, "track", track), "fader.gain_db", -2.0).tracks
        assert [name for name in found if found[name]["fader"]["gain_db"]] == [track]


def test_a_file_may_leave_out_what_is_at_its_default(tmp_path: Path) -> None:
    path = tmp_path / "mix.json"
    path.write_text(json.dumps({"format": "fxrep console 1", "console": "default", "tracks": {"a": {}}}))
    settings = ConsoleSettings.load(path)
    assert settings == default_console().default_settings(["a"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "format"),
        ({"console": "mackie"}, "default, dasp"),
        ({"tracks": {"a": {"fader": {"gain_db": 99}}}}, "a: fader.gain_db is 99"),
        ({"tracks": {"a": {"fader": {"level": 0}}}}, "gain_db"),
        ({"tracks": {"a": 3}}, "int"),
        ({"sends": {"b": {"reverb": 0}}}, "'track:b'"),
        ({"groups": {"drums": 3}}, "drums"),
        ({"stems": {}}, "stems"),
    ],
)
def test_a_file_of_something_else_is_named(change: dict, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mix.json"
    path.write_text(json.dumps({"format": "fxrep console 1", "console": "default", "tracks": {"a": {}}, **change}))
    with pytest.raises(DataError, match=message) as failure:
        ConsoleSettings.load(path)
    assert "mix.json" in str(failure.value)
    path.write_text("{")
    with pytest.raises(DataError, match=r"mix\.json"):
        ConsoleSettings.load(path)
    with pytest.raises(DataError, match=r"absent\.json"):
        ConsoleSettings.load(tmp_path / "absent.json")


def test_what_does_not_fit_is_not_saved(tmp_path: Path) -> None:
    settings = mix()
    settings.tracks["kick"]["fader"]["gain_db"] = 99.0
    with pytest.raises(ArgumentError, match="99"):
        settings.save(tmp_path / "mix.json")
    assert list(tmp_path.iterdir()) == []


def test_a_filter_that_is_on_needs_a_position() -> None:
    on = mix().edit("kick", "parametric_eq.high_pass_hz", 50)
    with pytest.raises(ArgumentError, match="high_pass_hz is set"):
        CONSOLE.normalize(on)
    console = MixingConsole([StripEffect("parametric_eq", ranges={"high_pass_hz": (20.0, 500.0)})])
    settings = console.default_settings(["a", "b"]).edit("a", "parametric_eq.high_pass_hz", 100)
    with pytest.raises(ArgumentError, match="needs a number"):
        console.normalize(settings)
    with pytest.raises(ArgumentError, match="high_pass_hz is off"):
        console.normalize(console.default_settings(["a", "b"]))
    place = console.setting_names()[0].index("parametric_eq.high_pass_hz")
    tracks = console.normalize(settings.edit("b", "parametric_eq.high_pass_hz", 20))[0]
    assert tracks[0, :, place].tolist() == [pytest.approx(0.5), 0.0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MixingConsole(["gain", "gain"]), "twice"),
        (lambda: MixingConsole(["no_such"]), "no_such"),
        (lambda: MixingConsole([StripEffect("gain", label="a.b")]), "dot"),
        (lambda: MixingConsole([StripEffect("gain", label="sends")]), "sends"),
        (lambda: MixingConsole([StripEffect("gain", ranges={"gain_db": (0.0, 99.0)})]), "gain_db"),
        (lambda: MixingConsole([StripEffect("gain", fixed={"level": 0.0})]), "level"),
        (lambda: CONSOLE.default_settings(["a", "a"]), "once"),
        (lambda: CONSOLE.default_settings(["a"], {"b": "drums"}), "'b'"),
        (lambda: create_console("mackie"), "default, dasp"),
        (lambda: MixingConsole([BlackBox]), "BlackBox is a class"),
        (lambda: MixingConsole([5]), "5 is no processor"),
        (lambda: MixingConsole("gain"), "list of names"),
        (lambda: MixingConsole(["gain"], {"room": ["gain"]}, {"room": ["fader"]}), "room is the name of a group and"),
        (lambda: MixingConsole(["gain"], {"": ["gain"]}), "'' cannot name"),
        (lambda: mix().edit("kick", "group", ["drums"]), r"there is no group \['drums'\]"),
        (lambda: CONSOLE.default_settings(["a"], {"a": ["drums"]}), "there is no group"),
    ],
)
def test_impossible_consoles_are_refused(build, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        build()

"""A mix is shown as its console, edited, rendered as a session renders it, and saved beside what is there."""

from __future__ import annotations

import concurrent.futures
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import signal
from starlette.testclient import TestClient

from fxrep.audio import load_audio
from fxrep.effects import PROCESSORS
from fxrep.effects.console import MixingConsole
from fxrep.effects.console.strip import Strip, StripEffect
from fxrep.errors import DataError
from fxrep.mixing import MixSession
from fxrep.web.mix_curves import strip_curves
from fxrep.web.mix_folders import MixFolders
from fxrep.web.site import WebSite

RATE = 44100
EDIT = {"place": "track:bass.di", "path": "fader.gain_db", "value": -6.0}


@pytest.fixture
def mix_id(client: TestClient) -> str:
    return client.get("/api/mixes").json()[0]["id"]


def test_mixes_are_listed(client: TestClient, mix_id: str) -> None:
    assert client.get("/api/mixes").json() == [
        {"id": mix_id, "name": "OUT", "tracks": 2, "method": "by hand", "error": None}
    ]


def test_a_mix_is_described_by_its_console(client: TestClient, mix_id: str, mix: Path) -> None:
    told = client.get(f"/api/mixes/{mix_id}").json()
    stored = json.loads((mix / "console.json").read_text())
    assert told["console"] == stored["settings"] and told["sections"] == 0 and told["duration_s"] == 2.0
    assert [strip["place"] for strip in told["strips"]] == [
        *("track:bass.di", "track:vox", "bus:reverb", "bus:delay", "master")
    ]
    vox = told["strips"][1]
    assert vox["sends"] == ["reverb", "delay"] and vox["group"] is None and "input_gain_db" in vox
    tables = {effect["label"]: effect for effect in vox["effects"]}
    assert list(tables) == ["fader", "parametric_eq", "compressor", "stereo_width", "panner"]
    assert tables["compressor"]["group"] == "dynamics" and tables["parametric_eq"]["group"] == "eq"
    assert tables["compressor"]["settings"][0] == {
        "name": "threshold_db", "unit": "dB", "low": -80.0, "high": 0.0, "scale": "db", "default": 0.0,
    }  # fmt: skip
    for strip in told["strips"]:
        # Every number of the console has its table.
        kind, _, name = strip["place"].partition(":")
        values = (
            told["console"]["master"]
            if kind == "master"
            else told["console"][f"{kind}s".replace("buss", "buses")][name]
        )
        for label, settings in values.items():
            names = next(effect for effect in strip["effects"] if effect["label"] == label)["settings"]
            assert set(settings) <= {one["name"] for one in names}


def test_mix_and_reference_are_heard(client: TestClient, mix_id: str, mix: Path, library: Path) -> None:
    told = client.get(f"/api/mixes/{mix_id}").json()
    assert client.get(told["mix"]["audio"]).content == (mix / "mix.wav").read_bytes()
    assert told["reference"]["name"] == "song 2"
    assert client.get(told["reference"]["audio"]).content == (library.parent / "music/song 2.flac").read_bytes()
    for part in ("mix", "reference"):
        assert client.get(told[part]["waveform"]).json()["duration_s"] > 1
    assert client.get(f"/api/audio/mixes/{mix_id}/console.json").status_code == 400
    assert client.get(f"/api/audio/mixes/{mix_id}/..%2fconsole.json").status_code == 404


def test_a_reference_outside_is_not_heard_unless_it_was_named(site: WebSite, mix: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes((mix / "mix.wav").read_bytes())
    kept = (mix / "result.json").read_text()
    try:
        (mix / "result.json").write_text(json.dumps({"references": [str(secret)]}))
        folder = site.mixes.folders.list()[0]
        assert site.mixes._reference(folder)[0] is None
        assert "--reference" in str(site.mixes.describe(folder.id, "console.json")["reference_note"])
        site.mixes.references = (secret,)
        assert site.mixes._reference(folder)[0] == secret.resolve()
    finally:
        site.mixes.references = ()
        (mix / "result.json").write_text(kept)


def test_a_render_is_that_of_the_session(client: TestClient, finished, mix_id: str, mix: Path, tmp_path: Path) -> None:
    job = finished(client.post(f"/api/mixes/{mix_id}/renders", json={"edits": [EDIT]}))
    assert job["state"] == "done", job
    answer = client.get(f"/api/audio/renders/{job['result']['render']}")
    (tmp_path / "render.flac").write_bytes(answer.content)
    heard, rate = load_audio(tmp_path / "render.flac")
    expected = MixSession.load(mix / "console.json").edit("bass.di", "fader.gain_db", -6.0).render()
    assert rate == RATE and heard.shape == expected.shape and (heard - expected).abs().max() < 2**-23
    told = client.get(f"/api/waveforms/renders/{job['result']['render']}?points=4").json()
    assert told["loudness_lufs"] == job["result"]["loudness_lufs"] and len(told["peaks"]) == 4


@pytest.mark.parametrize(
    "edit",
    [
        *({**EDIT, "value": 99.0}, {**EDIT, "path": "fader.nothing"}, {**EDIT, "place": "track:nobody"}),
        *({**EDIT, "section": 5}, {**EDIT, "value": "loud"}, {**EDIT, "extra": 1}, {"place": "master"}),
    ],
)
def test_what_cannot_be_set_is_answered_before_anything_is_rendered(
    client: TestClient, mix_id: str, edit: dict[str, Any]
) -> None:
    for what in ("renders", "console"):
        answer = client.post(f"/api/mixes/{mix_id}/{what}", json={"edits": [edit]})
        assert answer.status_code == 400 and ":" in answer.json()["error"], answer.text


def test_a_render_can_be_cancelled_and_leaves_nothing(client: TestClient, mix_id: str, site: WebSite) -> None:
    before = len(list(site.renders.folder.iterdir()))
    jobs = [client.post(f"/api/mixes/{mix_id}/renders", json={}).json()["job"] for _ in range(3)]
    for job in jobs:
        client.delete(f"/api/jobs/{job}")
    states = [client.get(f"/api/jobs/{job}?wait_s=20").json()["state"] for job in jobs]
    assert states[1:] == ["cancelled", "cancelled"]
    until = time.monotonic() + 10
    while len(list(site.renders.folder.iterdir())) > before + states.count("done") and time.monotonic() < until:
        time.sleep(0.01)
    assert len(list(site.renders.folder.iterdir())) <= before + states.count("done")


def test_settings_are_saved_beside_and_never_over(client: TestClient, mix_id: str, mix: Path) -> None:
    before = (mix / "console.json").read_bytes()
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(
                lambda gain: client.post(f"/api/mixes/{mix_id}/console", json={"edits": [{**EDIT, "value": -gain}]}),
                range(6),
            )
        )
    names = [answer.json()["path"] for answer in answers]
    assert len(set(names)) == 6 and all(answer.status_code == 201 for answer in answers)
    for gain, name in enumerate(names):  # no update is lost
        assert MixSession.load(mix / name).settings.tracks["bass.di"]["fader"]["gain_db"] == -gain
    assert (mix / "console.json").read_bytes() == before and not list(mix.glob(".*"))
    named = client.post(f"/api/mixes/{mix_id}/console", json={"edits": [EDIT], "name": "louder-vox"})
    assert named.json() == {"path": "console-louder-vox.json"}
    again = client.post(f"/api/mixes/{mix_id}/console", json={"edits": [], "name": "louder-vox"})
    assert again.status_code == 400 and "there already" in again.json()["error"]
    for name in ("../x", "a/b", "a.b", "", " ", "x" * 61):
        answer = client.post(f"/api/mixes/{mix_id}/console", json={"edits": [], "name": name})
        assert answer.status_code == (201 if name == "" else 400)
    told = client.get(f"/api/mixes/{mix_id}?console=console-louder-vox.json").json()
    assert told["console"]["tracks"]["bass.di"]["fader"]["gain_db"] == -6 and told["consoles"][0] == "console.json"
    for other in ("../console.json", "result.json", "/etc/passwd"):
        assert client.get(f"/api/mixes/{mix_id}", params={"console": other}).status_code == 404


def test_a_mix_whose_tracks_are_gone_is_listed_with_the_reason(mix: Path, tmp_path: Path) -> None:
    folders = MixFolders([mix.parent])
    assert [one.name for one in folders.list()] == ["OUT"]
    (tmp_path / "console.json").write_text((mix / "console.json").read_text())
    with pytest.raises(DataError, match="does not exist"):
        folders.session(MixFolders([tmp_path]).list()[0])
    with pytest.raises(DataError, match="holds no mix"):
        MixFolders([tmp_path / "nothing"])


def steady(processor: str, level_db: np.ndarray, **settings: float) -> np.ndarray:
    """What the effect itself makes of a steady level, after a second, in dB."""
    audio = torch.from_numpy(10 ** (level_db / 20)).float()[:, None, None].expand(-1, 1, RATE).contiguous()
    out = PROCESSORS[processor]()(audio, RATE, **settings)[:, 0, -100]
    return 20 * np.log10(np.maximum(out.double().numpy(), 1e-9))


@pytest.mark.parametrize(
    ("processor", "settings"),
    [
        ("compressor", {"threshold_db": -30.0, "ratio": 4.0, "knee_db": 12.0, "makeup_db": 3.0}),
        ("compressor", {"threshold_db": -20.0, "ratio": 40.0, "knee_db": 0.0}),
        ("expander", {"threshold_db": -40.0, "ratio": 2.0, "range_db": 20.0}),
        ("noise_gate", {"threshold_db": -40.0, "ratio": 10.0}),
        ("limiter", {"ceiling_db": -10.0}),
    ],
)
def test_curves_of_dynamics_are_what_the_effect_does(processor: str, settings: dict[str, float]) -> None:
    curve = strip_curves(Strip([processor]), {processor: settings}, RATE)[processor]
    level = np.array(curve["input_db"])[::10]
    assert np.abs(np.array(curve["output_db"])[::10] - steady(processor, level, **settings)).max() < 0.05


def test_a_weight_mixes_what_came_in() -> None:
    settings = {"threshold_db": -30.0, "ratio": 4.0, "knee_db": 0.0}
    strip = Strip([StripEffect("compressor", wet=1.0)])
    half = strip_curves(strip, {"compressor": {**settings, "wet": 0.5}}, RATE)["compressor"]
    gains = [10 ** (x / 20) for x in (0.0, -22.5)]
    assert half["output_db"][-1] == pytest.approx(20 * np.log10(sum(gains) / 2), abs=1e-3)


def test_curves_of_equalisers_are_those_of_their_filters() -> None:
    settings = {"peak_1_hz": 1000.0, "peak_1_gain_db": 9.0, "peak_1_q": 2.0}
    curve = strip_curves(Strip(["parametric_eq"]), {"parametric_eq": settings}, RATE)["parametric_eq"]
    # The peak of the Audio EQ Cookbook (R. Bristow-Johnson).
    omega, gain = 2 * np.pi * 1000 / RATE, 10 ** (9 / 40)
    alpha = np.sin(omega) / 4
    b = [1 + alpha * gain, -2 * np.cos(omega), 1 - alpha * gain]
    a = [1 + alpha / gain, -2 * np.cos(omega), 1 - alpha / gain]
    _, response = signal.freqz(b, a, worN=curve["frequency_hz"], fs=RATE)
    assert np.abs(np.array(curve["magnitude_db"]) - 20 * np.log10(np.abs(response))).max() < 0.05
    flat = strip_curves(Strip(["parametric_eq"]), {}, RATE)["parametric_eq"]
    assert flat["magnitude_db"] == [0.0, 0.0]


def test_curves_come_by_place_for_settings_that_are_not_saved(client: TestClient, mix_id: str) -> None:
    console = client.get(f"/api/mixes/{mix_id}").json()["console"]
    console["tracks"]["vox"]["compressor"]["threshold_db"] = -20.0
    told = client.post(f"/api/mixes/{mix_id}/curves", json={"settings": console, "places": ["track:vox"]}).json()
    edit = {"place": "track:vox", "path": "compressor.threshold_db", "value": -20.0}
    assert told == client.post(f"/api/mixes/{mix_id}/curves", json={"edits": [edit], "places": ["track:vox"]}).json()
    assert set(told["curves"]["track:vox"]) == {"parametric_eq", "compressor"}
    curve = dict(zip(*told["curves"]["track:vox"]["compressor"].values(), strict=True))
    assert curve[-40.0] == -40.0 and curve[0.0] < -10
    whole = client.post(f"/api/mixes/{mix_id}/curves", json={}).json()["curves"]
    assert set(whole) == {"track:bass.di", "track:vox", "bus:reverb", "bus:delay", "master"}
    assert set(whole["master"]) == {"parametric_eq", "compressor", "limiter"}
    for wrong in ({"places": ["track:x"]}, {"settings": {"format": "?"}}, {"settings": {**console, "tracks": 5}}):
        assert client.post(f"/api/mixes/{mix_id}/curves", json=wrong).status_code == 400


def test_every_console_of_the_project_has_curves() -> None:
    from fxrep.effects.console import CONSOLES

    for make in CONSOLES.values():
        console = make()
        assert isinstance(console, MixingConsole)
        for strip in (console.track, console.master):
            curves = strip_curves(strip, strip.defaults(), RATE)
            assert all(np.isfinite(list(curve.values())[1]).all() for curve in curves.values())

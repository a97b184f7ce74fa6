"""From tracks to a mix: what is done is right, and what cannot be done is said."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from automix import Explained, automix
from automix.styles import COMPARED, compared_recordings, read_style
from fxrep.audio import integrated_loudness, save_audio
from fxrep.errors import ArgumentError, AudioError, CheckpointError
from fxrep.mixing import MixSession, TrackSet
from fxrep.mixing.recordings import Recordings

from .methods import Doubler, Halves
from .sounds import RATE, played


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Three tracks of different lengths, one of them in stereo and at another rate."""
    save_audio(tmp_path / "song" / "drums.wav", played(0, channels=2), RATE)
    save_audio(tmp_path / "song" / "bass.wav", 0.3 * played(1, 2.0), RATE)
    save_audio(tmp_path / "song" / "vocals.wav", played(2, rate=44100), 44100)
    return tmp_path / "song"


def test_import_is_cheap() -> None:
    code = "import sys, automix; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "scipy"} & set(done.stdout.split())


def test_equal_loudness_brings_every_track_to_one_level(song: Path) -> None:
    result = automix(song, "equal_loudness", sample_rate=RATE)
    levels = [row["after_lufs"] for row in result.report["tracks"].values()]
    assert levels == pytest.approx([-24.0] * 3, abs=0.01)
    tracks, gains = result.console.tracks, result.console.input_gain_db
    expected = tracks.read(0.0, tracks.duration_s, gains=gains).sum(1)[0]
    torch.testing.assert_close(result.mix, expected, rtol=0.0, atol=1e-6)
    assert list(result.console.settings.tracks) == ["bass", "drums", "vocals"]
    said = result.details["decisions"]
    assert len(said) == 3 and said[0].startswith("bass is ") and said[0].endswith("dB bring it to -24.0 LUFS.")
    assert f"{gains['bass']:+.1f} dB" in said[0]


def test_mono_sum_is_the_mean_of_the_sides(song: Path) -> None:
    result = automix(song, "mono_sum", sample_rate=RATE)
    sides = result.console.tracks.read(0.0, 3.0).sum(1)[0].mean(0)
    torch.testing.assert_close(result.mix[0], result.mix[1])
    torch.testing.assert_close(result.mix[0], sides, rtol=0.0, atol=1e-6)
    # What it is set against is at equal loudness nevertheless.
    assert result.report["tracks"]["bass"]["before_lufs"] == pytest.approx(-24.0, abs=0.01)


def test_a_method_of_ones_own(song: Path, tmp_path: Path) -> None:
    method = Halves()
    result = automix(song, method, sample_rate=RATE, seed=7)
    torch.testing.assert_close(result.mix, 0.5 * result.console.tracks.read(0.0, 3.0).sum(1)[0], rtol=0.0, atol=1e-6)
    assert method.asked == [([0.0, 1.0, 2.0], 7)]
    assert result.report["method"] == "Halves"
    assert result.report["decisions"][1] == "drums is <halved> & kept."
    folder = result.save(tmp_path / "out")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<li>drums is &lt;halved&gt; &amp; kept.</li>" in page
    assert '<figure class="picture"><svg viewBox="0 0 1 1"></svg><figcaption>details/why.svg' in page
    assert (folder / "details" / "why.json").read_text(encoding="utf-8") == "{}"
    result.save(folder, overwrite=True)
    torch.testing.assert_close(MixSession.load(folder / "console.json").render(), result.mix)
    edited = result.console.edit("bass", "fader.gain_db", 0.0)
    assert float(integrated_loudness(edited.render(), RATE)) > float(integrated_loudness(result.mix, RATE))


def test_a_method_that_renders(song: Path, tmp_path: Path) -> None:
    result = automix(song, Doubler(), sample_rate=RATE)
    torch.testing.assert_close(result.mix, 2.0 * TrackSet(song, RATE).read(0.0, 3.0).sum(1)[0], rtol=0.0, atol=1e-6)
    assert result.details["decisions"] == ["All is doubled."]
    assert result.console.input_gain_db == {"mix": 0.0}
    assert list(result.report["tracks"]) == ["mix"]
    assert "recorded_lufs" not in result.report["tracks"]["mix"]
    folder = result.save(tmp_path / "out")
    mix = result.mix
    made = Path(result.temporary.name)  # type: ignore[union-attr]
    assert made.is_dir()
    del result
    gc.collect()
    assert not made.exists()
    torch.testing.assert_close(MixSession.load(folder / "console.json").render(), mix)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        (Doubler(lost_samples=1), r"Doubler\.render_stems\(\) wrote stem 'mix' of 66149 samples at 22050 Hz; the song"),
        (Doubler(stems=0), "gave no stems"),
        (Halves, "method is a type"),
        (object(), "give one of equal_loudness"),
        ("loudest", "there is no method 'loudest'; choose from equal_loudness, mono_sum"),
    ],
)
def test_what_is_no_method(song: Path, method: object, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        automix(song, method, sample_rate=RATE)  # type: ignore[arg-type]


def test_an_answer_that_is_none(song: Path) -> None:
    for answer in ("no settings", Explained("no settings")):  # type: ignore[arg-type]
        method = Halves()
        method.estimate = lambda *_, answer=answer, **__: answer  # type: ignore[method-assign]
        with pytest.raises(ArgumentError, match=r"Halves\.estimate\(\) gave no settings for the tracks bass, drums"):
            automix(song, method, sample_rate=RATE)
    method = Halves()
    settings = method.console.default_settings(["bass", "drums", "vocals"])
    method.estimate = lambda *_, **__: Explained(settings, files={"../out": ""})  # type: ignore[method-assign]
    with pytest.raises(ArgumentError, match=r"'\.\./out' is no name for a file"):
        automix(song, method, sample_rate=RATE)
    for gains, words in (({"tuba": 0.0}, "tuba"), ({"bass": 90.0}, "input_gain_db is 90")):
        method.estimate = lambda *_, gains=gains, **__: Explained(settings, [], gains)  # type: ignore[method-assign]
        with pytest.raises(ArgumentError, match=words):
            automix(song, method, sample_rate=RATE)


@pytest.mark.parametrize(
    ("method", "given", "words"),
    [
        ("equal_loudness", {"target": "mix.wav"}, "equal_loudness takes no target.*least_squares or mixing_graph"),
        ("mixing_graph", {}, "mixing_graph needs a target"),
        ("least_squares", {}, "least_squares needs a target"),
        ("knowledge", {"style": "mix.wav"}, "knowledge takes no style.*choose dmc"),
        ("dugan", {"instruments": {"bass": "bass"}}, "dugan takes no instruments"),
        ("dugan", {"model": "default"}, "dugan takes no model"),
        ("knowledge", {"instruments": {"tuba": "brass"}}, "name no tracks: 'tuba'; the tracks are bass, drums, vocals"),
        ("knowledge", {"instruments": ["bass"]}, "no names by track"),
        ("equal_loudness", {"options": {"colour": 1}}, "equal_loudness has no option 'colour': it takes none$"),
        (
            "dmc",
            {"colour": 1},
            "dmc has no option 'colour': choose from device; .*: model, style, instruments$",
        ),
        ("dugan", {"colour": 1, "depth": 2}, "dugan has no options 'colour', 'depth': choose from mode, weights_db"),
        (
            "mixing_graph",
            {"target": "mix.wav", "tolerence": 1},
            "no option 'tolerence': choose from tolerance, ",
        ),
        (
            "knowledge",
            {"options": {"instruments": {}}},
            "knowledge has no option 'instruments': .* of its own: instruments$",
        ),
        ("dugan", {"options": {"mode": "music"}, "mode": "music"}, "mode is given among the options and by itself"),
        ("dugan", {"options": ["mode"]}, "options is .*expected arguments by name"),
        ("equal_loudness", {"seed": -1}, "seed is -1"),
        (Halves(), {"options": {"colour": 1}}, "options are for methods by name"),
        (Halves(), {"target": "mix.wav"}, "target is for methods by name"),
        ("dmc", {"style": []}, "style is empty"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_rendered(
    song: Path, method: object, given: dict, words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        automix(song, method, sample_rate=RATE, **given)  # type: ignore[arg-type]


def test_wrong_audio(song: Path) -> None:
    with pytest.raises(ArgumentError, match="no tracks"):
        automix([], "equal_loudness")
    with pytest.raises(AudioError, match="all tracks are silent"):
        automix({"a": torch.zeros(1, RATE)}, "equal_loudness", sample_rate=RATE)
    with pytest.raises(AudioError, match=r"target: nothing\.wav does not exist"):
        automix(song, "least_squares", target="nothing.wav")
    with pytest.raises(AudioError, match=r"nothing\.wav does not exist"):
        automix(song, "dmc", style="nothing.wav")
    with pytest.raises(AudioError, match="silent"):
        automix(song, "least_squares", target=torch.zeros(2, RATE))
    with pytest.raises(ArgumentError, match="is track 'bass' too"):
        automix([*song.iterdir()], "least_squares", target=song / "bass.wav")
    with pytest.raises(CheckpointError, match="no such encoder"):
        automix(song, "equal_loudness", encoder="no such encoder")


def test_any_number_of_tracks_silent_and_short_ones_among_them(caplog: pytest.LogCaptureFixture) -> None:
    many = {f"track {number}": played(number, 0.6 + 0.01 * number) for number in range(99)}
    result = automix({**many, "silent": torch.zeros(1, RATE)}, "equal_loudness", sample_rate=RATE)
    assert result.mix.shape == (2, round(1.58 * RATE)) and bool(result.mix.isfinite().all())
    assert result.details["decisions"][-1] == "silent is silent and left as it is."
    one = automix({"alone": played(0)}, "mono_sum", sample_rate=RATE)
    torch.testing.assert_close(one.mix, played(0).repeat(2, 1), rtol=0.0, atol=1e-6)
    short = automix({"click": played(0, 0.01)}, "equal_loudness", sample_rate=RATE)
    assert float(integrated_loudness(short.mix, RATE)) == pytest.approx(-24.0, abs=0.01)
    with caplog.at_level(logging.WARNING):
        automix({"a": played(0), "Full Mix": played(1)}, "equal_loudness", sample_rate=RATE)
    assert "track 'Full Mix' has the name of a finished mix" in caplog.text


def test_a_target_is_gone_towards_and_compared_with(song: Path) -> None:
    tracks = TrackSet(song, RATE)
    gains = {"bass": 6.0, "drums": -3.0, "vocals": -9.0}
    target = tracks.read(0.0, 3.0, gains=gains).sum(1)[0]
    save_audio(song / "mix.wav", target, RATE, subtype="FLOAT")
    # A mix in the folder of its tracks is none of them.
    result = automix(song, "least_squares", target=song / "mix.wav", sample_rate=RATE, encoder=_listen())
    torch.testing.assert_close(result.mix, target, rtol=0.0, atol=2e-3)
    report = result.report
    assert report["compared_with"] == "target" and list(report["references"].values()) == [1.0]
    assert report["embedding_distance"]["after"] < 0.1 * report["embedding_distance"]["before"]
    assert report["features_nearer"]["after"] > 0.8 * report["features_nearer"]["of"]


def _listen() -> torch.nn.Module:
    from encoders import SpectralEncoder

    torch.manual_seed(0)
    encoder = SpectralEncoder(
        dim=8, channels=8, n_blocks=1, hidden=16, sample_rate=RATE, window_s=1.0, n_fft=512, hop=256, n_mels=16
    )
    return encoder.eval()


def test_styles(tmp_path: Path) -> None:
    for number in range(COMPARED + 3):
        save_audio(tmp_path / "folder" / f"{number}.wav", played(number), RATE)
    found = read_style([tmp_path / "folder", tmp_path / "folder" / "0.wav"])
    assert isinstance(found, Recordings) and len(found) == COMPARED + 4
    fewer = compared_recordings(found)
    assert len(fewer) == COMPARED and fewer.paths[0] == found.paths[0] and fewer.paths[-1] == found.paths[-1]
    assert read_style(found) is found and compared_recordings(fewer) is fewer
    for vector in ([3.0, 4.0], np.array([3.0, 4.0]), torch.tensor([3.0, 4.0], dtype=torch.float64)):
        torch.testing.assert_close(read_style(vector), torch.tensor([0.6, 0.8]))
    arrays = read_style([played(0, channels=2), played(1)[0]], RATE)
    assert isinstance(arrays, Recordings) and len(compared_recordings(arrays)) == 2
    for wrong, words in (([0.0, 0.0], "length 0"), ([np.nan, 1.0], "not finite")):
        with pytest.raises(ArgumentError, match=words):
            read_style(wrong)
    with pytest.raises(AudioError, match="style"):
        read_style(torch.zeros(2, RATE), RATE)

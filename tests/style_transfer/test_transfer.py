"""From tracks and a reference to a mix: what is done is right, and what cannot be done is said."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fxrep.audio import integrated_loudness, load_audio, save_audio
from fxrep.errors import ArgumentError, AudioError, CheckpointError, FxrepError
from fxrep.mixing import MixSession
from style_transfer import References, list_methods, methods, transfer

from .conftest import RATE, LevelOfReference, LoudnessAndBalance, played

PAN = 2.0 / math.pi * math.asin(0.6)


def balance(mix: torch.Tensor) -> float:
    left, right = mix.double().square().sum(-1).tolist()
    return float((right - left) / (right + left))


def test_import_is_cheap() -> None:
    code = "import sys, style_transfer; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "scipy"} & set(done.stdout.split())


def test_mix_has_the_loudness_and_the_balance_of_the_reference(song: list[Path], reference: Path) -> None:
    result = transfer(song, reference, LoudnessAndBalance())
    assert result.sample_rate == RATE
    assert balance(result.mix) == pytest.approx(0.6, abs=1e-3)
    assert float(integrated_loudness(result.mix, RATE)) == pytest.approx(-16.0, abs=0.3)
    assert result.console.settings.tracks["bass"]["panner"]["pan"] == pytest.approx(PAN, abs=1e-6)
    moved = result.report["features"]["panning: RMS total"]
    assert abs(moved["after"] - moved["reference"]) < 0.05 < abs(moved["before"] - moved["reference"])
    assert result.report["method"] == "LoudnessAndBalance"
    assert result.report["references"] == {str(reference): 1.0}
    edited = result.console.edit("bass", "panner.pan", -1.0).render()
    assert balance(edited) < balance(result.mix)


def test_strength_and_parts(song: list[Path], reference: Path) -> None:
    half = transfer(song, reference, LoudnessAndBalance(), strength=0.5).console.settings
    assert half.tracks["drums"]["panner"]["pan"] == pytest.approx(PAN / 2, abs=1e-6)
    none = transfer(song, reference, LoudnessAndBalance(), strength=0.0)
    torch.testing.assert_close(none.mix, none.before.render())
    levels = transfer(song, reference, LoudnessAndBalance(), only="master").console.settings
    assert levels.tracks["drums"]["panner"]["pan"] == 0.0 and levels.master["fader"]["gain_db"] != 0.0
    stereo = transfer(song, reference, LoudnessAndBalance(), only=["stereo", "eq"]).console.settings
    assert stereo.tracks["drums"]["panner"]["pan"] > 0.0 and stereo.master["fader"]["gain_db"] == 0.0


def test_weights_lead_from_one_reference_to_the_other(song: list[Path], reference: Path) -> None:
    other = torch.flip(load_audio(reference)[0], [0])
    found = []
    for weights in ([1.0, 0.0], [3.0, 1.0], [1.0, 1.0], [0.0, 1.0]):
        result = transfer(song, [reference, other], LoudnessAndBalance(), weights=weights, reference_rate=RATE)
        found.append(result.console.settings.tracks["bass"]["panner"]["pan"] or 0.0)
    assert found == pytest.approx([PAN, 2 / math.pi * math.asin(0.3), 0.0, -PAN], abs=1e-3)
    again = transfer(song, References([reference, other], [1, 1], RATE), LoudnessAndBalance())
    assert again.console.settings.tracks["bass"]["panner"]["pan"] == pytest.approx(0.0, abs=1e-3)


def test_sections_have_settings_of_their_own(tmp_path: Path, reference: Path) -> None:
    silence = torch.zeros(1, 6 * RATE)
    song = {
        "loud": torch.cat([played(1, 6.0), 0.1 * played(1, 6.0)], -1),
        "late": torch.cat([silence, played(2, 6.0)], -1),
        "early": torch.cat([played(3, 6.0), silence], -1),
    }
    method = LoudnessAndBalance()
    result = transfer(song, reference, method, sample_rate=RATE, sections=[6.0], loudness=None)
    assert [section.start_s for section in result.console.sections] == [6.0]
    assert all(start + method.window_s <= 6.0 for start in method.asked[0])
    assert all(start >= 6.0 for start in method.asked[1])
    for half in result.mix.split(6 * RATE, -1):
        assert float(integrated_loudness(half, RATE)) == pytest.approx(-16.0, abs=0.5)
    assert result.report["sections"] == [6.0]
    result.save(tmp_path / "out")
    torch.testing.assert_close(MixSession.load(tmp_path / "out" / "console.json").render(), result.mix)


class PansWhatIsHeard(LoudnessAndBalance):
    """Pans the tracks that sound in the windows, as a method does that knows nothing of the others."""

    def estimate(self, tracks, references, start_s, seed=0, start=None):  # type: ignore[no-untyped-def]
        settings = self.console.default_settings(tracks.names)
        heard = sum(tracks.read(at, self.window_s).abs().amax((0, 2, 3)) for at in start_s)
        for name, level in zip(tracks.names, heard, strict=True):
            settings = settings.edit(name, "panner.pan", min(start_s) / 20.0 + 0.1 if level > 0 else 0.0)
        return settings


def test_a_track_that_is_not_heard_in_a_section_keeps_its_place(reference: Path) -> None:
    parts = {"always": (1, 1, 1), "first": (1, 0, 0), "last": (0, 0, 1)}
    song = {
        name: torch.cat([played(number, 4.0) * level for level in levels], -1)
        for number, (name, levels) in enumerate(parts.items())
    }
    result = transfer(song, reference, PansWhatIsHeard(), sample_rate=RATE, sections=[4.0, 8.0])
    stages = [result.console.settings, *(section.settings for section in result.console.sections)]
    pans = {name: [stage.tracks[name]["panner"]["pan"] for stage in stages] for name in parts}
    assert len(set(pans["always"])) == 3
    assert pans["first"] == [pans["always"][0]] * 3
    assert pans["last"] == [pans["always"][2]] * 3


def test_stems_are_rendered_anew(song: list[Path], reference: Path, tmp_path: Path) -> None:
    save_audio(song[1], torch.zeros(1, RATE), RATE)  # silent, and shorter
    result = transfer(song, reference, LevelOfReference(), loudness=None)
    expected = sum(
        track * 10 ** ((-16.0 - float(integrated_loudness(track, RATE))) / 20)
        for track in (load_audio(path, channels=2)[0] for path in (song[0], song[2]))
    )
    torch.testing.assert_close(result.mix, expected, atol=1e-5, rtol=0)
    folder = result.save(tmp_path / "out")
    console = result.console.edit("drums", "fader.gain_db", -100.0)
    del result
    gc.collect()
    assert float(console.render().abs().max()) > 0.0  # the rendered stems last as long as what refers to them
    assert {path.name for path in (folder / "tracks").iterdir()} == {"drums.wav", "bass.wav", "vocals.wav"}
    torch.testing.assert_close(MixSession.load(folder / "console.json").render(), expected, atol=1e-5, rtol=0)
    for argument in ({"only": "eq"}, {"strength": 0.5}, {"sections": 2}):
        with pytest.raises(ArgumentError, match="has no settings"):
            transfer(song, reference, LevelOfReference(), **argument)


@pytest.mark.parametrize("count", [1, 100])
def test_one_track_and_a_hundred(count: int, reference: Path, tmp_path: Path) -> None:
    tracks = {f"track {number}": played(number, 1.0) for number in range(count)}
    result = transfer(tracks, reference, LoudnessAndBalance(), sample_rate=RATE)
    assert balance(result.mix) == pytest.approx(0.6, abs=1e-3)
    assert len(result.report["tracks"]) == count
    if count > 1:
        assert (result.save(tmp_path / "out") / "report.html").stat().st_size < 1e6


def test_lengths_rates_and_channels_may_differ(reference: Path, tmp_path: Path) -> None:
    save_audio(tmp_path / "a.wav", played(1, 2.0, 44100), 44100)
    save_audio(tmp_path / "b.flac", played(2, 3.5, 22050, (0.7, 0.7)), 22050)
    save_audio(tmp_path / "c.wav", played(3, 0.7, 48000), 48000)
    save_audio(tmp_path / "d.wav", played(4, 1.0, 44100), 44100)
    result = transfer(
        [tmp_path / name for name in ("a.wav", "b.flac", "c.wav", "d.wav")], reference, LoudnessAndBalance()
    )
    assert result.sample_rate == 44100
    assert result.mix.shape == (2, round(3.5 * 44100))
    assert balance(result.mix) == pytest.approx(0.6, abs=0.01)


def test_silent_tracks_are_kept_and_a_silent_song_is_refused(reference: Path) -> None:
    tracks = {"one": played(1), "nothing": torch.zeros(1, 2 * RATE)}
    result = transfer(tracks, reference, LoudnessAndBalance(), sample_rate=RATE)
    assert list(result.console.settings.tracks) == ["one", "nothing"]
    assert result.report["tracks"]["nothing"]["after_lufs"] is None
    with pytest.raises(AudioError, match="all tracks are silent"):
        transfer({"nothing": torch.zeros(1, RATE)}, reference, LoudnessAndBalance(), sample_rate=RATE)


def test_a_track_may_be_the_reference(song: list[Path]) -> None:
    result = transfer(song, song[0], LoudnessAndBalance())
    assert balance(result.mix) == pytest.approx(0.0, abs=1e-6)
    alone = transfer([song[0]], song[0], LoudnessAndBalance())
    assert alone.report["embedding_distance"]["after"] == pytest.approx(0.0, abs=0.01)


def test_clipping_input_is_mixed_as_it_is(reference: Path) -> None:
    clipped = (played(1) * 100.0).clamp(-1.0, 1.0)
    over = played(2) * 100.0
    result = transfer({"clipped": clipped, "over": over}, reference, LoudnessAndBalance(), sample_rate=RATE)
    assert float(integrated_loudness(result.mix, RATE)) == pytest.approx(-16.0, abs=0.3)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"tracks": []}, ArgumentError, "no tracks"),
        ({"tracks": {}}, ArgumentError, "no tracks"),
        ({"tracks": ["missing.wav"]}, AudioError, r"missing\.wav"),
        ({"reference": "missing.wav"}, AudioError, r"reference: missing\.wav does not exist"),
        ({"reference": []}, ArgumentError, "no reference"),
        ({"reference": torch.zeros(2, RATE), "reference_rate": RATE}, AudioError, "reference 1 is silent"),
        ({"reference": torch.ones(2, 20), "reference_rate": RATE}, AudioError, "give 0.5 s or more"),
        ({"weights": [1.0, 2.0]}, ArgumentError, "2 weights for 1"),
        ({"method": "mst"}, ArgumentError, "choose from diff_mst, mixfx_cloner, inference_time"),
        ({"method": 7}, ArgumentError, "method is a int"),
        ({"method": LoudnessAndBalance}, ArgumentError, "method is a type|method is a"),
        ({"only": "equaliser"}, ArgumentError, "choose from levels, eq"),
        ({"strength": 1.5}, ArgumentError, "strength is 1.5"),
        ({"strength": -0.1}, ArgumentError, "strength is -0.1"),
        ({"sections": "chorus"}, ArgumentError, "sections is 'chorus'"),
        ({"sections": [2.0, 2.5]}, ArgumentError, "shorter than 2 s"),
        ({"encoder": "no such encoder"}, CheckpointError, "no such encoder"),
        ({"model": "large"}, ArgumentError, "model and options"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: dict, error: type[FxrepError], words: str, song: list[Path], reference: Path
) -> None:
    given = {"tracks": song, "reference": reference, "method": LoudnessAndBalance(), **arguments}
    with pytest.raises(error, match=words):
        transfer(given.pop("tracks"), given.pop("reference"), **given)


class AnswersForOthers(LoudnessAndBalance):
    def estimate(self, tracks, references, start_s, seed=0, start=None):  # type: ignore[no-untyped-def]
        return self.console.default_settings(["somebody else"])


def test_an_answer_for_other_tracks_is_refused(song: list[Path], reference: Path) -> None:
    with pytest.raises(ArgumentError, match=r"AnswersForOthers.estimate\(\) gave no settings"):
        transfer(song, reference, AnswersForOthers())


def test_methods_are_listed() -> None:
    assert list_methods() == ["diff_mst", "mixfx_cloner", "inference_time"]


class BeginsWhereItIsTold(LoudnessAndBalance):
    """Lowers what it is given to begin with by 1 dB."""

    def estimate(self, tracks, references, start_s, seed=0, start=None):  # type: ignore[no-untyped-def]
        return start.edit("master", "fader.gain_db", start.master["fader"]["gain_db"] - 1.0)


def test_a_search_may_begin_with_the_answer_of_another_method(
    song: list[Path], reference: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(methods.METHODS, "balance", lambda model, encoder, options: LoudnessAndBalance())
    monkeypatch.setitem(methods.METHODS, "stems", lambda model, encoder, options: LevelOfReference())
    plain = transfer(song, reference, LoudnessAndBalance(), loudness=None).console.settings
    for start in ("balance", plain):
        found = transfer(song, reference, BeginsWhereItIsTold(), start=start, loudness=None).console.settings
        assert found == plain.edit("master", "fader.gain_db", plain.master["fader"]["gain_db"] - 1.0)
    for wrong, words in (("stems", "no settings to begin with"), ("nothing", "choose from")):
        with pytest.raises(ArgumentError, match=words):
            transfer(song, reference, BeginsWhereItIsTold(), start=wrong)

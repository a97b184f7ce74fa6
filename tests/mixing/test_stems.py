"""Wet stems: what the console has of each track behind its strip, all of them or none."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fxrep.audio import load_audio, save_audio
from fxrep.effects import default_console
from fxrep.errors import AudioError, OutputError
from fxrep.mixing import MixSession, Section, TrackSet, neutral_session

RATE = 16000


def noise(seed: int, channels: int, seconds: float) -> torch.Tensor:
    return 0.1 * torch.randn(channels, round(seconds * RATE), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def mix(tmp_path: Path) -> MixSession:
    lengths = {"vox": 3.0, "bass": 1.2, "spare": 2.0}
    for number, (name, seconds) in enumerate(lengths.items()):
        audio = noise(number, 1 + number % 2, seconds) * (name != "spare")
        save_audio(tmp_path / f"song/{name}.wav", audio, RATE, subtype="FLOAT")
    mix = neutral_session(TrackSet([tmp_path / "song"]), default_console())
    mix = mix.edit("vox", "compressor.threshold_db", -40).edit("vox", "compressor.ratio", 4)
    return mix.edit("vox", "panner.pan", 0.5).edit("bass", "compressor.lookahead_ms", 10)


def test_stems_are_the_tracks_behind_their_strips(mix: MixSession, tmp_path: Path) -> None:
    written = mix.stems_to(tmp_path / "stems", tail_s=0.25)
    assert written == {name: tmp_path / f"stems/{name}.wav" for name in ("bass", "spare", "vox")}
    audio = mix.tracks.read(0, 3.25, gains=mix.input_gain_db)
    expected = mix.settings.console.render_parts(audio, mix.settings, RATE).tracks
    assert expected is not None
    for number, path in enumerate(written.values()):
        stem, rate = load_audio(path)
        assert rate == RATE and stem.shape == (2, round(3.25 * RATE))
        assert float((stem - expected[0, number]).abs().max()) < 1e-5
    # Without sends and on a neutral master they are the mix.
    total = sum(load_audio(path)[0] for path in written.values())
    assert float((total - mix.render(0.25)).abs().max()) < 1e-5


def test_stems_pass_through_the_sections(mix: MixSession, tmp_path: Path) -> None:
    other = mix.edit("vox", "fader.gain_db", -12.0)
    both = MixSession(mix.settings, mix.tracks, mix.input_gain_db, [Section(1.5, other.settings)])
    whole = {"first": mix, "second": other, "both": both}
    stems = {name: load_audio(one.stems_to(tmp_path / name)["vox"])[0] for name, one in whole.items()}
    begin, end = round(1.45 * RATE), round(1.55 * RATE)
    assert torch.allclose(stems["both"][:, :begin], stems["first"][:, :begin], atol=1e-6)
    assert torch.allclose(stems["both"][:, end:], stems["second"][:, end:], atol=1e-6)
    assert float((sum(load_audio(tmp_path / f"both/{n}.wav")[0] for n in mix.tracks.names) - both.render()).abs().max()) < 1e-5  # fmt: skip # noqa: E501


def test_other_files_of_the_folder_stay(mix: MixSession, tmp_path: Path) -> None:
    (tmp_path / "stems").mkdir()
    (tmp_path / "stems/notes.txt").write_text("mine")
    (tmp_path / "stems/vox.wav").write_text("old")
    mix.stems_to(tmp_path / "stems")
    assert {path.name for path in (tmp_path / "stems").iterdir()} == {"notes.txt", "bass.wav", "spare.wav", "vox.wav"}
    assert load_audio(tmp_path / "stems/vox.wav")[0].any()


def test_stems_appear_together_or_not_at_all(mix: MixSession, tmp_path: Path) -> None:
    loud = mix.edit("vox", "input_gain_db", 40.0)
    with pytest.raises(AudioError, match=r"vox\.wav peaks at"):
        loud.stems_to(tmp_path / "stems", subtype="PCM_16")
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="file"):
        mix.stems_to(tmp_path / "file")
    (tmp_path / "song/bass.wav").write_bytes((tmp_path / "song/bass.wav").read_bytes()[:30_000])
    with pytest.raises(AudioError, match=r"bass\.wav"):
        mix.stems_to(tmp_path / "stems")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "song"]


def test_names_that_no_file_can_have_are_changed(tmp_path: Path) -> None:
    names = ["a/b", "a:b", "A_B", " . ", "ok"]
    tracks = TrackSet({name: noise(1, 1, 0.1) for name in names}, RATE)
    written = neutral_session(tracks, default_console()).stems_to(tmp_path / "stems")
    assert list(written) == names
    assert {path.name for path in written.values()} == {"a_b.wav", "a_b_2.wav", "A_B_3.wav", "track.wav", "ok.wav"}


def routed(mix: MixSession) -> MixSession:
    """Sends, groups and a master that does something."""
    settings = default_console(groups=["band", "idle"]).default_settings(mix.tracks.names, {"bass": "band"})
    mix = MixSession(settings, mix.tracks, mix.input_gain_db)
    mix = (
        mix.edit("bass", "compressor.lookahead_ms", None)
        .edit("vox", "sends.reverb", -6.0)
        .edit("bass", "sends.reverb", -12.0)
        .edit("bass", "sends.delay", -9.0)
    )
    mix = mix.edit("band", "compressor.threshold_db", -40.0).edit("band", "compressor.ratio", 4.0)
    return mix.edit("vox", "compressor.lookahead_ms", 5.0).edit("band", "fader.gain_db", -3.0)


def under_db(difference: torch.Tensor, mix: torch.Tensor) -> float:
    return float(10.0 * torch.log10(difference.square().sum() / mix.square().sum()))


@pytest.mark.parametrize("sections", [False, True])
def test_stems_add_up_to_the_mix_before_the_master_strip(mix: MixSession, tmp_path: Path, sections: bool) -> None:
    mix = routed(mix)
    if sections:
        # A bus falls silent, another track goes to the group, and the group becomes louder.
        other = mix.edit("vox", "sends.reverb", -100.0).edit("bass", "sends.reverb", -100.0)
        other = other.edit("vox", "group", "band").edit("band", "fader.gain_db", 2.0)
        mix = MixSession(mix.settings, mix.tracks, mix.input_gain_db, [Section(1.1, other.settings)])
    written = mix.edit("master", "fader.gain_db", -6.0).stems_to(tmp_path / "stems", tail_s=0.5)
    assert list(written) == ["spare", "vox", "band", "reverb", "delay"]
    assert {path.name for path in written.values()} == {path.name for path in (tmp_path / "stems").glob("*.wav")}
    assert written["reverb"].name == "bus_reverb.wav" and written["band"].name == "group_band.wav"
    total = sum(load_audio(path)[0] for path in written.values())
    whole = mix.render(0.5)
    assert under_db(total - whole, whole) < -80.0
    # The tracks of the group lie apart, behind their own strips.
    apart = {path.stem for path in (tmp_path / "stems/before_groups").iterdir()}
    assert apart == ({"bass", "vox"} if sections else {"bass"})
    bass = load_audio(tmp_path / "stems/before_groups/bass.wav")[0]
    dry = mix.tracks.read(0.0, 3.5, gains=mix.input_gain_db)[0, mix.tracks.names.index("bass")]
    assert bass.shape == whole.shape and under_db(bass - dry, dry) < -80.0


def test_a_bus_that_nothing_goes_to_any_more_leaves_no_stem(mix: MixSession, tmp_path: Path) -> None:
    mix = mix.edit("vox", "sends.reverb", -6.0)
    assert "reverb" in mix.stems_to(tmp_path / "stems")
    assert "reverb" not in mix.edit("vox", "sends.reverb", -100.0).stems_to(tmp_path / "stems")
    assert not (tmp_path / "stems/bus_reverb.wav").exists()


def test_a_track_called_like_a_bus_keeps_its_stem(tmp_path: Path) -> None:
    tracks = TrackSet({name: noise(1, 1, 0.3) for name in ("reverb", "bus_reverb", "master")}, RATE)
    mix = neutral_session(tracks, default_console()).edit("bus_reverb", "sends.reverb", 0.0)
    written = mix.stems_to(tmp_path / "stems")
    assert {place: path.name for place, path in written.items()} == {
        "track:reverb": "reverb.wav",
        "bus_reverb": "bus_reverb.wav",
        "track:master": "master.wav",
        "bus:reverb": "bus_reverb_2.wav",
    }
    total = sum(load_audio(path)[0] for path in written.values())
    assert under_db(total - mix.render(), mix.render()) < -80.0

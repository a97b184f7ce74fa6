"""Whole songs: parts that join, missing groups, mono, other rates, silence; what comes back adds up to the mix."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from automix import automix
from automix.fxnorm_automix import GROUPS, FxNormAutomix, list_fxnorm_automix, load_fxnorm_automix, song_pass
from automix.fxnorm_automix.row_file import RowFile
from automix.fxnorm_automix.song_pass import render_song
from automix.methods import StemMethod
from fxrep.audio import load_audio, resample, save_audio
from fxrep.errors import ArgumentError, CheckpointError
from fxrep.mixing.tracks import TrackSet
from fxrep.normalization import FitTrack, FxNormalizer

from .conftest import RATE, TINY, sound


def error_db(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float(20.0 * torch.log10((found - wanted).norm() / wanted.norm()))


def by_hand(mixer: FxNormAutomix, groups: dict[str, list[torch.Tensor]]) -> torch.Tensor:
    """The mix of tracks (2, T) at 44.1 kHz, in one pass."""
    normalizer = mixer.normalizer
    assert normalizer is not None
    longest = max(one.shape[1] for several in groups.values() for one in several)
    stems = torch.zeros(1, 4, 2, longest)
    for group, tracks in groups.items():
        made = [normalizer(one, RATE, group) for one in tracks]
        for one in made:
            stems[0, GROUPS.index(group), :, : one.shape[1]] += one
    with torch.no_grad():
        return mixer(stems)[0]


def total(files: dict[str, Path]) -> torch.Tensor:
    return torch.stack([load_audio(path)[0] for path in files.values()]).sum(0)


@pytest.mark.parametrize("samples", [1, 700, 20_001])
def test_parts_join_to_what_one_pass_gives(
    mixer: FxNormAutomix, samples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A song 1000 times shorter than a block, and blocks shorter than what the filters and the TCN hear around them."""
    stems = torch.stack([sound(one, 0.5)[:, :samples] for one in range(4)])
    with torch.no_grad():
        wanted = mixer.network.outputs(stems[None])[0].flatten(0, 1)
    rows = RowFile(8, tmp_path)
    rows.append(stems.flatten(0, 1).t())
    whole = render_song(mixer.network, rows, tmp_path).read(0, samples).t()
    monkeypatch.setattr(song_pass, "BLOCK_FRAMES", 3)
    monkeypatch.setattr(song_pass, "CHUNK", 20)
    parts = render_song(mixer.network, rows, tmp_path)
    assert len(parts) == samples
    for found in (whole, parts.read(0, samples).t()):
        assert error_db(found, wanted) < -100.0  # -80 dB would be inaudible; this is the rounding of float32


def test_a_song_is_the_network_over_its_normalised_stems(mixer: FxNormAutomix, tmp_path: Path) -> None:
    assert isinstance(mixer, StemMethod)
    tracks = {"kick drum": sound(1), "snare drum": sound(2, 0.7), "bass": sound(3), "piano": sound(4)}
    kept = {name: audio.clone() for name, audio in tracks.items()}
    files = mixer.render_stems(TrackSet(tracks, RATE), tmp_path)
    assert list(files) == ["bass", "drums", "other"]
    groups = {"drums": [tracks["kick drum"], tracks["snare drum"]], "bass": [tracks["bass"]]}
    # The normaliser knows no keys and takes what is other for them.
    wanted = by_hand(mixer, groups | {"other": [tracks["piano"]]})
    assert error_db(total(files), wanted) < -90.0
    assert all(torch.equal(tracks[name], kept[name]) for name in tracks)
    assert mixer.decisions[0] == "Stem vocals: no track, the network hears silence."
    assert mixer.decisions[2].startswith("Stem drums: kick drum (drums), snare drum (drums), each normalised")


def test_instruments_may_be_said(mixer: FxNormAutomix, tmp_path: Path) -> None:
    tracks = {"a": sound(1), "b": sound(2)}
    mixer.instruments = {"a": "vocals", "b": "vocals"}
    files = mixer.render_stems(TrackSet(tracks, RATE), tmp_path, {"b": "bass"})
    assert error_db(total(files), by_hand(mixer, {"vocals": [tracks["a"]], "bass": [tracks["b"]]})) < -90.0
    for wrong, words in (({"a": "kazoo"}, "kazoo"), ({"c": "bass"}, "'c'")):
        with pytest.raises(ArgumentError, match=words):
            mixer.render_stems(TrackSet(tracks, RATE), tmp_path, wrong)


def test_mono_files_and_other_rates(mixer: FxNormAutomix, tmp_path: Path) -> None:
    mono = sound(5, channels=1)
    save_audio(tmp_path / "bass.wav", mono, RATE)
    save_audio(tmp_path / "vocals.wav", resample(sound(6), RATE, 32000), 32000)
    # What lies beyond the lower of two rates differs between resamplers.
    heard = resample(resample(sound(6), RATE, 32000), 32000, RATE)
    (tmp_path / "mix").mkdir()
    song = TrackSet([tmp_path / "bass.wav", tmp_path / "vocals.wav"], 48000)
    files = mixer.render_stems(song, tmp_path / "mix")
    wanted = by_hand(mixer, {"bass": [mono.repeat(2, 1)], "vocals": [heard]})
    found, rate = load_audio(files["bass"])
    assert rate == 48000 and found.shape == (2, 48000)
    assert error_db(total(files), resample(wanted, RATE, 48000)) < -25.0


def test_silent_and_very_short_tracks(mixer: FxNormAutomix, tmp_path: Path) -> None:
    tracks = {"drums": torch.zeros(1, 9000), "bass": sound(7, 0.01), "vocals": torch.zeros(2, 1)}
    files = mixer.render_stems(TrackSet(tracks, RATE), tmp_path)
    assert total(files).shape == (2, 9000) and bool(total(files).isfinite().all())
    silent = mixer.render_stems(TrackSet({"drums": torch.zeros(1, 500)}, RATE), tmp_path)
    assert torch.equal(total(silent), torch.zeros(2, 500))


def test_the_mode_of_the_network_is_left_alone(mixer: FxNormAutomix, tmp_path: Path) -> None:
    song = TrackSet({"drums": sound(1, 0.1)}, RATE)
    first = total(mixer.render_stems(song, tmp_path))
    assert torch.equal(total(mixer.train().render_stems(song, tmp_path)), first) and mixer.network.training


def test_rows_on_disk(tmp_path: Path) -> None:
    rows = RowFile(2, tmp_path, 3)
    rows.append(torch.ones(2, 2))
    rows.write(1, torch.full((1, 2), 5.0))
    assert rows.read(-1, 6)[:, 0].tolist() == [0.0, 0.0, 5.0, 0.0, 1.0, 1.0, 0.0]
    assert [len(one) for one in rows.chunks(1, 2)] == [4, 4, 3] and not list(tmp_path.iterdir())


def test_averages_are_needed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not know the averages"):
        FxNormAutomix(**TINY).render_stems(TrackSet({"drums": sound(1, 0.1)}, RATE), tmp_path)
    no_level = FxNormalizer.fit_tracks([FitTrack(sound(1), "other", RATE)], steps=["eq"])
    with pytest.raises(ArgumentError, match="no loudness"):
        FxNormAutomix(**TINY).normalize_to(no_level)


def test_what_ships_mixes_by_default_and_does_not_care_how_loud_tracks_come() -> None:
    assert "fxnorm_automix" in list_fxnorm_automix()
    shipped = load_fxnorm_automix()
    assert shipped.normalizer is not None and shipped.sample_rate == RATE
    tracks = {name: sound(number, 1.0) for number, name in enumerate(("vocals", "bass", "drums", "keys"))}
    mix = automix(tracks, "fxnorm_automix", sample_rate=RATE).mix
    louder = {name: track * (4.0 if name == "bass" else 1.0) for name, track in tracks.items()}
    assert error_db(automix(louder, "fxnorm_automix", sample_rate=RATE).mix, mix) < -60.0
    assert mix.shape == (2, RATE) and float(mix.abs().max()) <= 1.0
    # It mixes: nothing of what came in is lost.
    gains = torch.linalg.lstsq(torch.stack(list(tracks.values())).flatten(1).t(), mix.flatten()[:, None])
    assert bool((gains.solution > 0.0).all())

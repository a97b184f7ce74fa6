from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from fxrep.audio import save_audio
from fxrep.data.multitrack import Multitrack, Song, Track
from fxrep.errors import ArgumentError, AudioError, DataError, FxrepError
from fxrep.normalization import STEPS, FitTrack, FxNormalizer, LoudnessStep, PanningStep, track_loudness

RATE = 44100
Maker = Callable[..., np.ndarray]


def signal_to_difference_db(output: torch.Tensor, audio: torch.Tensor) -> float:
    return float(10 * torch.log10(audio.square().mean() / (output - audio).square().mean().clamp(min=1e-20)))


def test_a_track_at_its_target_is_nearly_unchanged(normalizer: FxNormalizer, music: torch.Tensor) -> None:
    assert signal_to_difference_db(normalizer(music, RATE, "drums"), music) > 60


def test_two_versions_end_nearer_in_every_feature(normalizer: FxNormalizer, music: torch.Tensor) -> None:
    versions = [music * torch.tensor([[0.9], [0.3]]), 4 * torch.diff(music, dim=-1, prepend=torch.zeros(2, 1))]
    before = [normalizer.measure(version, RATE, "drums") for version in versions]
    after = [normalizer.measure(normalizer(version, RATE, "drums"), RATE, "drums") for version in versions]
    for step in normalizer.steps:
        distance = step.distance(before[0][step.name], before[1][step.name])
        assert step.distance(after[0][step.name], after[1][step.name]) < 0.45 * distance, step.name


def filtered_hits(kind: str, corner_hz: float, interval_s: float, maker: Maker) -> torch.Tensor:
    """Hits of which a steep filter leaves one end of the spectrum, as of a kick drum or of cymbals."""
    sos = signal.butter(6, corner_hz, kind, fs=RATE, output="sos")
    audio = signal.sosfilt(sos, maker(interval_s=interval_s, bed=0.0)) + 1e-6 * maker(bed=1.0, seed=5)
    return torch.from_numpy(audio.astype(np.float32))


TRACKS: dict[str, Callable[[torch.Tensor, Maker, Maker], torch.Tensor]] = {
    "distorted": lambda music, hits, noise: torch.tanh(3 * music),
    "sparse percussion": lambda music, hits, noise: torch.from_numpy(hits(interval_s=1.7, bed=0.0)),
    "cymbals": lambda music, hits, noise: filtered_hits("highpass", 7000.0, 0.9, hits),
    "kick": lambda music, hits, noise: filtered_hits("lowpass", 200.0, 0.5, hits),
    "one click": lambda music, hits, noise: torch.eye(1, 3 * RATE),
    "wide": lambda music, hits, noise: torch.from_numpy(noise(seed=3)),
    "hard left": lambda music, hits, noise: music * torch.tensor([[1.0], [0.0]]),
    "no treble": lambda music, hits, noise: torch.from_numpy(
        signal.sosfilt(signal.butter(8, 3000, fs=RATE, output="sos"), music.numpy()).astype(np.float32)
    ),
}


@pytest.mark.parametrize("name", TRACKS)
def test_twice_is_nearly_once(
    name: str, normalizer: FxNormalizer, music: torch.Tensor, hits: Maker, pink_noise: Maker
) -> None:
    once = normalizer(TRACKS[name](music, hits, pink_noise), RATE, "drums")
    twice = normalizer(once, RATE, "drums")
    first, second = (normalizer.measure(audio, RATE, "drums") for audio in (once, twice))
    limits = {"loudness": 0.1, "eq": 0.3, "dynamics": 0.3, "panning": 0.02}
    for step in normalizer.steps:
        if np.isfinite(first[step.name]).any():
            assert step.distance(first[step.name], second[step.name]) < limits[step.name], step.name


@pytest.mark.parametrize(
    ("name", "tolerance_db"),
    # A gain and a mix of channels are exact. Filters and their measures differ in resolution, a compression meets its
    # ceiling to 0.02 dB, a reverberation its decay time to a hundredth of an octave.
    [("loudness", -80), ("imager", -80), ("panning", -40), ("eq", -30), ("dynamics", -40), ("reverb", -40)],
)
def test_a_second_pass_of_a_step_changes_nothing(
    name: str, tolerance_db: float, hits: Maker, pink_noise: Maker, music: torch.Tensor
) -> None:
    audio = (hits(interval_s=0.4, bed=0.002) + 0.005 * pink_noise()) * np.array([[0.9], [0.4]], dtype=np.float32)
    step = STEPS[name]()
    target = step.measure(music, RATE, "keys")
    if name in ("dynamics", "reverb"):
        target = step.measure(audio, RATE, "keys") + (-3.0 if name == "dynamics" else 0.4)
    once = step.apply(audio, RATE, target, "keys")
    twice = step.apply(once, RATE, target, "keys")
    assert signal_to_difference_db(once, torch.from_numpy(audio)) < 25
    assert signal_to_difference_db(twice, once) > -tolerance_db


def test_the_result_is_new_deterministic_and_the_callers_audio_stays(
    normalizer: FxNormalizer, music: torch.Tensor
) -> None:
    kept = music.clone()
    first, second = normalizer(music, RATE, "drums"), normalizer(music, RATE, "drums")
    assert torch.equal(music, kept)
    assert torch.equal(first, second)
    assert first.dtype == torch.float32
    silence = torch.zeros(2, RATE)
    normalizer(silence, RATE, "drums").add_(1.0)
    assert silence.abs().max() == 0
    frozen = music.numpy().copy()
    frozen.flags.writeable = False
    assert torch.equal(normalizer(frozen, RATE, "drums"), first)


def test_silence_and_near_silence_are_unchanged(normalizer: FxNormalizer, music: torch.Tensor) -> None:
    quiet = music / music.abs().max() * 10 ** (-51 / 20)
    assert torch.equal(normalizer(quiet, RATE, "drums"), quiet)
    assert torch.equal(normalizer(torch.zeros(1, 500), RATE, "drums"), torch.zeros(2, 500))


@pytest.mark.parametrize("samples", [1, 100, 17000])
def test_short_audio_gets_its_loudness(normalizer: FxNormalizer, samples: int) -> None:
    output = normalizer(torch.full((1, samples), 0.5), RATE, "drums")
    assert output.shape == (2, samples)
    assert torch.isfinite(output).all()
    assert (output / output[0, 0] - 1).abs().max() < 1e-6


def test_mono_is_stereo_with_two_equal_channels(normalizer: FxNormalizer, music: torch.Tensor) -> None:
    mono = music[:1]
    assert torch.equal(normalizer(mono, RATE, "drums"), normalizer(mono.expand(2, -1), RATE, "drums"))
    assert normalizer(mono[0], RATE, "drums").shape == (2, mono.shape[1])


@pytest.mark.parametrize("rate", [8000, 192000])
def test_every_rate_keeps_its_length_and_meets_the_loudness(
    normalizer: FxNormalizer, pink_noise: Maker, rate: int
) -> None:
    audio = torch.from_numpy(pink_noise(2.0, rate=rate))
    output = normalizer(audio, rate, "drums")
    assert output.shape == audio.shape
    assert track_loudness(output, rate) == pytest.approx(normalizer.targets("drums")["loudness"][0], abs=0.1)


def test_unknown_instruments_fall_back_or_name_the_known(normalizer: FxNormalizer, music: torch.Tensor) -> None:
    assert torch.equal(normalizer(music, RATE, "harp"), normalizer(music, RATE, "other"))
    single = FxNormalizer.fit_tracks([FitTrack(music, "bass", RATE)], steps=["loudness"])
    with pytest.raises(ArgumentError, match="known are bass"):
        single(music, RATE, "harp")


@pytest.mark.parametrize("name", ["stats.json", "stats.npz"])
def test_saved_statistics_are_the_same(
    normalizer: FxNormalizer, music: torch.Tensor, tmp_path: Path, name: str
) -> None:
    normalizer.save(tmp_path / name)
    loaded = FxNormalizer.load(tmp_path / name)
    assert loaded.fingerprint == normalizer.fingerprint
    assert loaded.statistics.provenance == normalizer.statistics.provenance
    assert torch.equal(loaded(music, RATE, "drums"), normalizer(music, RATE, "drums"))
    assert (tmp_path / name).stat().st_size < 100_000


def test_steps_come_in_any_order_and_number(normalizer: FxNormalizer, music: torch.Tensor, tmp_path: Path) -> None:
    normalizer.save(tmp_path / "stats.json")
    only_level = FxNormalizer.load(tmp_path / "stats.json", steps=["loudness"])
    gain = only_level(music * 0.1, RATE, "drums") / (music * 0.1)
    assert gain.std() < 1e-3
    koo = FxNormalizer.load(tmp_path / "stats.json", steps=["loudness", "eq", "dynamics", "loudness"])
    assert [step.name for step in koo.steps] == ["loudness", "eq", "dynamics", "loudness"]
    assert koo.fingerprint != normalizer.fingerprint
    with pytest.raises(ArgumentError, match="not fitted for the step eq"):
        FxNormalizer(FxNormalizer.fit_tracks([FitTrack(music, "bass", RATE)], steps=["loudness"]).statistics, ["eq"])


def test_targets_are_means_over_tracks(music: torch.Tensor) -> None:
    steps = (LoudnessStep(), PanningStep())
    right = music * torch.tensor([[0.5], [1.0]])
    both = FxNormalizer.fit_tracks([FitTrack(0.1 * music, "keys", RATE), FitTrack(right, "keys", RATE)], steps=steps)
    for step in steps:
        single = [both.measure(audio, RATE, "keys")[step.name] for audio in (0.1 * music, right)]
        np.testing.assert_allclose(both.targets("keys")[step.name], np.mean(single, axis=0), rtol=1e-4, atol=1e-5)


def test_fit_reads_songs_and_leaves_bad_files_out(music: torch.Tensor, tmp_path: Path) -> None:
    save_audio(tmp_path / "bass.wav", music, RATE)
    save_audio(tmp_path / "mix.wav", 0.7 * music, RATE)
    save_audio(tmp_path / "silent.wav", torch.zeros(2, RATE), RATE)
    save_audio(tmp_path / "short.wav", music[:, :1000], RATE)
    (tmp_path / "broken.wav").write_bytes(b"RIFF no audio")
    names = ("bass", "silent", "short", "broken", "missing")
    song: Multitrack = Song(
        "one", tuple(Track(name, "bass", tmp_path / f"{name}.wav") for name in names), tmp_path / "mix.wav", None, "CC0"
    )
    for workers in (1, 2):
        fitted = FxNormalizer.fit([song], steps=["loudness"], workers=workers)
        assert fitted.instruments == ["bass", "mixture"]
        assert [Path(path).stem for path, _ in fitted.left_out] == ["silent", "short", "broken", "missing"]
        assert fitted.statistics.provenance["licences"] == ["CC0"]
        assert fitted.targets("bass")["loudness"][0] == pytest.approx(track_loudness(music, RATE), abs=0.01)
    with pytest.raises(DataError, match="none of the 1 tracks"):
        FxNormalizer.fit([Song("two", (Track("broken", "bass", tmp_path / "broken.wav"),))])
    with pytest.raises(DataError):
        FxNormalizer.fit([])


def test_a_path_is_read_at_its_own_rate(normalizer: FxNormalizer, pink_noise: Maker, tmp_path: Path) -> None:
    audio = torch.from_numpy(pink_noise(1.0, rate=22050))
    save_audio(tmp_path / "a.wav", audio, 22050, subtype="FLOAT")
    assert torch.equal(normalizer(tmp_path / "a.wav", instrument="drums"), normalizer(audio, 22050, "drums"))


@pytest.mark.parametrize(
    ("audio", "rate"),
    [
        (torch.zeros(6, 100), RATE),
        (torch.zeros(2, 0), RATE),
        (torch.full((2, 100), torch.nan), RATE),
        (torch.full((2, 100), torch.inf), RATE),
        (torch.ones(2, 100), None),
        (torch.ones(2, 100), 0),
        ("missing.wav", None),
        (torch.ones(1, 30000), 1),
    ],
)
def test_bad_audio_is_refused(normalizer: FxNormalizer, audio: torch.Tensor | str, rate: int | None) -> None:
    with pytest.raises(FxrepError):
        normalizer(audio, rate, "drums")


def test_too_long_is_refused_with_advice(normalizer: FxNormalizer) -> None:
    with pytest.raises(AudioError, match=r"8\.3 h.*split it"):
        normalizer(torch.ones(1, 1).expand(1, 30_000_000), 1000, "drums")


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"format": "other"}', '{"format": "fxrep normalization statistics", "version": 99}'],
)
def test_damaged_statistics_are_refused(content: str, tmp_path: Path) -> None:
    for name in ("stats.json", "stats.npz"):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=r"stats\."):
            FxNormalizer.load(tmp_path / name)


def test_incomplete_statistics_are_refused(normalizer: FxNormalizer, tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    normalizer.save(path)
    content = json.loads(path.read_text())
    content["instruments"]["drums"]["features"]["loudness"] = [float("nan")]
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="damaged"):
        FxNormalizer.load(path)
    with pytest.raises(DataError, match="no statistics"):
        FxNormalizer.load(tmp_path / "missing.json")
    with pytest.raises(ArgumentError, match=r"\.json or \.npz"):
        normalizer.save(tmp_path / "stats.txt")

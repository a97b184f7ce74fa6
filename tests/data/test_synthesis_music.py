"""The generator makes music: instruments can be told apart, songs differ, tempo and key are what they claim."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import numpy.typing as npt
import pytest
import scipy.signal

from fxrep.data.synthesis.composition.score import Score, compose
from fxrep.data.synthesis.song import GeneratedSong, generate_song

RATE = 22050
DURATION_S = 10.0
TRAINING_SONGS = 22
CORE = ("kick", "snare", "hihat", "percussion", "bass", "guitar", "keys", "pad", "lead", "vocals")
Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def songs() -> list[GeneratedSong]:
    """Songs with one channel kept of each track, which is enough here and half the memory."""
    found = []
    for seed in range(100, 132):
        song = generate_song(seed, duration_s=DURATION_S, sample_rate=RATE, tracks=CORE)
        left = {name: audio[:1].clone() for name, audio in song.tracks.items()}
        found.append(dataclasses.replace(song, tracks=left))
    return found


def spectrogram(audio: Array, size: int = 1024, hop: int = 512) -> Array:
    """Power, (frames, bins)."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, size)[::hop] * np.hanning(size)
    return np.abs(np.fft.rfft(frames, axis=-1)) ** 2


def mono(song: GeneratedSong, *names: str) -> Array:
    return np.sum([song.tracks[name][0].double().numpy() for name in names], axis=0)


def describe(audio: Array) -> Array:
    """Mean and spread of log band energies over the frames that sound, and of how they change."""
    power = spectrogram(audio)
    edges = np.unique(np.geomspace(2, power.shape[1], 33).astype(int))
    bands = np.stack([power[:, low:high].mean(axis=1) for low, high in itertools.pairwise(edges)], axis=1)
    active = bands.sum(axis=1) > 1e-4 * bands.sum(axis=1).max()
    decibels = 10 * np.log10(bands / bands.sum(axis=1, keepdims=True).max() + 1e-7)
    relative = decibels[active] - decibels[active].mean(axis=1, keepdims=True)
    change = np.diff(decibels, axis=0)
    return np.concatenate([relative.mean(axis=0), decibels[active].std(axis=0), np.abs(change).mean(axis=0)])


def test_a_linear_classifier_tells_ten_tracks_apart_in_songs_it_never_heard(songs: list[GeneratedSong]) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = np.array([[describe(mono(song, name)) for name in CORE] for song in songs])
    labels = np.arange(len(CORE))
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    training = features[:TRAINING_SONGS].reshape(-1, features.shape[-1])
    classifier.fit(training, np.tile(labels, TRAINING_SONGS))
    held_out = features[TRAINING_SONGS:]
    found = classifier.predict(held_out.reshape(-1, features.shape[-1])).reshape(len(held_out), -1)
    by_track = dict(zip(CORE, (found == labels).mean(axis=0), strict=True))
    assert (found == labels).mean() >= 0.85, by_track


def test_no_two_songs_are_near_copies_in_sound(songs: list[GeneratedSong]) -> None:
    mixes = [scipy.signal.decimate(mono(song, *CORE), 4) for song in songs]
    size = 2 ** int(np.ceil(np.log2(2 * len(mixes[0]))))
    spectra = [np.fft.rfft(mix / np.linalg.norm(mix), size) for mix in mixes]
    alike = max(
        float(np.abs(np.fft.irfft(first * second.conj(), size)).max())
        for first, second in itertools.combinations(spectra, 2)
    )
    assert alike < 0.5


def written(score: Score) -> set[tuple[str, int, int]]:
    """What is played, on a grid of sixteenths, transposed to C."""
    step_s = 15.0 / score.sketch.clock.tempo_bpm
    tonic = score.sketch.key.tonic
    return {
        (part, round(note.start_s / step_s), round(note.pitch - tonic) % 12)
        for part, notes in score.parts.items()
        for note in notes
        if part not in ("kick", "snare", "hihat", "toms", "cymbals", "percussion")
    }


def test_no_two_songs_are_near_copies_on_paper() -> None:
    scores = [written(compose(seed, 20.0)) for seed in range(60)]
    alike = max(len(first & second) / len(first | second) for first, second in itertools.combinations(scores, 2))
    assert alike < 0.4


def test_onsets_keep_the_declared_tempo(songs: list[GeneratedSong]) -> None:
    right = 0
    for song in songs:
        power = spectrogram(mono(song, "kick", "snare", "hihat", "percussion"), 512, 128)
        flux = np.maximum(np.diff(np.log1p(1e3 * power), axis=0), 0).sum(axis=1)
        times = np.arange(len(flux)) * 128 / RATE
        stretch = np.linspace(0.86, 1.16, 121)
        beat_hz = song.tempo_bpm / 60 * stretch
        pulse = sum(
            np.abs(np.exp(-2j * np.pi * np.outer(beat_hz * division, times)) @ (flux - flux.mean()))
            for division in (1, 2, 4)
        )
        right += abs(stretch[int(np.argmax(pulse))] - 1) < 0.025
    assert right >= 0.9 * len(songs)


def test_the_key_dominates(songs: list[GeneratedSong]) -> None:
    shares = []
    for song in songs:
        power = spectrogram(mono(song, "guitar", "keys", "pad", "vocals"), 8192, 4096).sum(axis=0)
        hz = np.fft.rfftfreq(8192, 1 / RATE)
        heard = (hz > 130) & (hz < 700)
        chroma = np.zeros(12)
        pitch = np.round(69 + 12 * np.log2(hz[heard] / 440)).astype(int)
        np.add.at(chroma, pitch % 12, power[heard])
        shares.append(chroma[list(song.pitch_classes)].sum() / chroma.sum())
    # Seven of twelve by chance; overtones and bends leave the key even when every note is in it.
    assert np.mean(shares) > 0.85
    assert min(shares) > 0.65


def test_no_two_strokes_and_no_two_notes_are_the_same(songs: list[GeneratedSong]) -> None:
    for song in songs[:6]:
        score = compose(song.seed, DURATION_S)
        for part in ("kick", "hihat", "bass", "keys"):
            audio = mono(song, part)
            pieces = []
            last_s = -1.0
            for note in score.parts[part][:24]:
                if note.start_s - last_s < 0.03:  # The notes of a chord lie in the same piece of audio.
                    continue
                last_s = note.start_s
                start = int(note.start_s * RATE)
                piece = audio[start : start + 1500]
                if len(piece) == 1500 and np.linalg.norm(piece) > 0:
                    pieces.append(piece / np.linalg.norm(piece))
            alike = [abs(float(one @ other)) for one, other in itertools.combinations(pieces, 2)]
            assert max(alike) < 0.99999, (song.seed, part)


def test_players_are_neither_machines_nor_drunk() -> None:
    for seed in range(8):
        score = compose(seed, 20.0)
        notes = score.parts["hihat"]
        assert len({round(note.velocity, 6) for note in notes}) > 0.9 * len(notes)
        grid = {round(score.sketch.clock.seconds(step / 4), 9) for step in range(20 * 16)}
        nearest = [min(abs(note.start_s - place) for place in grid) for note in notes]
        assert 1e-4 < float(np.mean(nearest)) < 0.03

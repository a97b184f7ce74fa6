"""How fast songs are generated, and how well a linear classifier tells their instruments apart.

    python benchmarks/generator.py --songs 6

Prints a Markdown table. Speed is processor time of one core for a song's first eight tracks, after the kernels were
compiled; the classifier hears other songs than it learned from.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
import torch

from fxrep.data.synthesis.song import generate_song

EIGHT = ("kick", "snare", "hihat", "bass", "guitar", "keys", "pad", "vocals")
HEARD = (*EIGHT, "percussion", "lead")


def measure_speed(songs: int, duration_s: float, sample_rate: int) -> list[float]:
    """Seconds of an eight-track song made per second of processor time, one number per song."""
    for seed in range(4):
        generate_song(seed, duration_s=5.0, sample_rate=sample_rate)
    speeds = []
    for seed in range(1000, 1000 + songs):
        begin = time.process_time()
        generate_song(seed, duration_s=duration_s, sample_rate=sample_rate, tracks=EIGHT)
        speeds.append(duration_s / (time.process_time() - begin))
    return speeds


def describe(audio: np.ndarray) -> np.ndarray:
    """Mean and spread of log band energies of (T,), over the frames that sound, and of how they change."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, 1024)[::512] * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames, axis=-1)) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1], 33).astype(int))
    bands = np.stack([power[:, low:high].mean(axis=1) for low, high in itertools.pairwise(edges)], axis=1)
    total = bands.sum(axis=1)
    decibels = 10 * np.log10(bands / total.max() + 1e-7)
    active = decibels[total > 1e-4 * total.max()]
    relative = active - active.mean(axis=1, keepdims=True)
    change = np.abs(np.diff(decibels, axis=0)).mean(axis=0)
    return np.concatenate([relative.mean(axis=0), active.std(axis=0), change])


def measure_separability(songs: int) -> float:
    """Share of tracks that a logistic regression names right, in the last third of the songs."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = []
    for seed in range(2000, 2000 + songs):
        song = generate_song(seed, duration_s=10.0, sample_rate=22050, tracks=HEARD)
        features.append([describe(audio[0].numpy().astype(np.float64)) for audio in song.tracks.values()])
    stacked, labels, training = np.array(features), np.arange(len(HEARD)), songs * 2 // 3
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    classifier.fit(np.concatenate(stacked[:training]), np.tile(labels, training))
    found = classifier.predict(np.concatenate(stacked[training:]))
    return float((found == np.tile(labels, songs - training)).mean())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=6, help="songs to time")
    parser.add_argument("--duration", type=float, default=20.0, help="seconds of each")
    parser.add_argument("--sample-rate", type=int, default=44100)
    parser.add_argument("--classifier-songs", type=int, default=36, help="songs for the classifier; 0 leaves it out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    speeds = measure_speed(arguments.songs, arguments.duration, arguments.sample_rate)
    print("| measure | value |\n|---|---|")
    print(f"| eight-track song, times real time, median of {len(speeds)} | {np.median(speeds):.1f} |")
    print(f"| slowest song, times real time | {min(speeds):.1f} |")
    if arguments.classifier_songs:
        share = measure_separability(arguments.classifier_songs)
        print(f"| tracks named right, {len(HEARD)} classes, songs held out | {share:.1%} |")


if __name__ == "__main__":
    main()

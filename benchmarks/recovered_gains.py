"""Gains of known mixes by least squares, and what gains explain of mixes with effects.

    python benchmarks/recovered_gains.py songs/manifest.parquet
    python benchmarks/recovered_gains.py songs/manifest.parquet --split validation --seed 3

Songs without a mix on file are mixed with gains of -12 to 12 dB and any position, and the differences of gain and pan
to those are given, the largest over the tracks; a track that sounds on one side only has any position, and counts by
its gain there. For songs with their author's mix on file, of any split, it is the share of its energy that gains
explain.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
import torch

from automix.least_squares import LeastSquares
from fxrep.data.manifest import Manifest, read_manifest
from fxrep.effects.console import default_console
from fxrep.effects.panning import pan_gains
from fxrep.errors import AudioError
from fxrep.mixing import MixSession, TrackSet

RATE = 44100


def side_gains(tracks: TrackSet, gains: Mapping[str, float], pans: Mapping[str, float]) -> np.ndarray:
    """Factors (N, 2) of left and right."""
    law = pan_gains(torch.tensor([pans[name] for name in tracks.names], dtype=torch.float64)).numpy()
    return law * np.array([[10.0 ** (gains[name] / 20.0)] for name in tracks.names])


def recover(tracks: TrackSet, rng: np.random.Generator) -> str:
    gains = {name: float(rng.uniform(-12.0, 12.0)) for name in tracks.names}
    pans = {name: float(rng.uniform(-1.0, 1.0)) for name in tracks.names}
    settings = default_console().default_settings(tracks.names)
    for name, pan in pans.items():
        settings.tracks[name]["panner"]["pan"] = pan
    method = LeastSquares(MixSession(settings, tracks, gains).render())
    method.estimate(tracks, [])
    assert method.fit is not None
    audio = tracks.read(0.0, tracks.duration_s)[0]
    sounds = audio.abs().amax(-1).numpy() > 0.0
    wanted = side_gains(tracks, gains, pans)
    off_db = np.abs(20.0 * np.log10(np.maximum(method.fit.gains, 1e-12) / wanted))[sounds].max()
    both = sounds.all(1)
    off_pan = np.abs(method.fit.pan() - np.array(list(pans.values())))[both].max()
    return f"{off_db:.1e} | {off_pan:.1e} | {max(method.fit.condition):.2f} | "


def explain(tracks: TrackSet, mix: str) -> str:
    method = LeastSquares(mix)
    try:
        method.estimate(tracks, [])
    except AudioError as error:
        return f" | | | {error}"
    assert method.fit is not None
    share = 100.0 * (1.0 - 10.0 ** (method.fit.residual_db / 10.0))
    return f" | | {max(method.fit.condition):.2f} | {share:.0f} % explained"


def measure(manifest: Manifest, split: str, seed: int) -> None:
    print("| song | tracks | gains, dB | pan | condition | mix on file |\n|---|---|---|---|---|---|")
    rng = np.random.default_rng(seed)
    for song in manifest.songs():
        stems = [manifest.path_of(row) for row in manifest.rows if row.kind == "stem" and row.song == song.name]
        own = [manifest.path_of(row) for row in manifest.rows if row.kind == "mix" and row.song == song.name]
        own_split = next(row.split for row in manifest.rows if row.song == song.name)
        if len(stems) < 2 or not (own or own_split == split):
            continue
        tracks = TrackSet(stems, RATE)
        text = explain(tracks, str(own[0])) if own else recover(tracks, rng)
        print(f"| {song.name} | {len(tracks)} | {text} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--split", default="test", help="of the songs that are mixed here")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    measure(read_manifest(args.manifest), args.split, args.seed)


if __name__ == "__main__":
    main()

"""Whether a style that a console's network is told changes its mixes, and towards that style.

    python benchmarks/dmc_style.py songs/manifest.parquet [--model dmc_console] [--songs 7] [--styles 4]

Passages of held-out songs, mixed without a style and in the style of each of several finished mixes of as many artists.
Printed are the mean absolute change of the fader by a style, its spread over the tracks of a song, the distance of the
embedding of a mix to that of its style beside the distance of the mix without a style, and how often, of two styles,
the mix that was told one of them lies nearer to it than the mix that was told the other: chance is a half.
"""

from __future__ import annotations

import argparse
from itertools import combinations

import numpy as np
import torch
from automix_systems import RATE, draw_passages

from automix import automix
from automix.dmc import load_dmc
from fxrep import load_encoder
from fxrep.audio import load_audio, normalize_loudness
from fxrep.data.manifest import Manifest, read_manifest
from fxrep.metrics import embedding_distance
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.mixing.result import MixResult


def embeddings_of_styles(manifest: Manifest, split: str, count: int, encoder: object) -> list[torch.Tensor]:
    """Embeddings (D,) of finished mixes of songs without stems, each of another artist."""
    with_stems = {row.song for row in manifest.rows if row.kind == "stem"}
    rows = {
        row.artist: row
        for row in manifest.rows
        if row.kind == "mix" and row.split == split and row.song not in with_stems
    }
    found = []
    for row in list(rows.values())[:count]:
        audio, rate = load_audio(manifest.path_of(row))
        found.append(encoder.embed(normalize_loudness(audio, rate, REFERENCE_LUFS), rate))  # type: ignore[attr-defined]
    return found


def faders(result: MixResult) -> np.ndarray:
    """(tracks,) in dB, the loudness of the whole set aside."""
    gains = np.array([settings["fader"]["gain_db"] for settings in result.console.settings.tracks.values()])
    return gains - gains.mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--model", default="dmc_console")
    parser.add_argument("--songs", type=int, default=7)
    parser.add_argument("--styles", type=int, default=4)
    parser.add_argument("--split", default="test")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    manifest, encoder, model = read_manifest(arguments.manifest), load_encoder("default"), load_dmc(arguments.model)
    styles = embeddings_of_styles(manifest, arguments.split, arguments.styles, encoder)
    drawing = argparse.Namespace(items=arguments.songs, seconds=10.0, tracks=8, seed=1234)
    changed, spread, told, untold, nearer = [], [], [], [], []
    for passage in draw_passages(manifest, [arguments.split], drawing):
        results = []
        for style in [None, *styles]:
            model.set_style(style)
            results.append(automix(passage.tracks, model, sample_rate=RATE))
        plain, *styled = results
        vectors = [encoder.embed(normalize_loudness(one.mix, RATE, REFERENCE_LUFS), RATE) for one in results]
        away = [[float(embedding_distance(vector, style)) for style in styles] for vector in vectors]
        changed += [np.abs(faders(one) - faders(plain)).mean() for one in styled]
        spread.append(np.abs(faders(plain)).mean())
        told += [away[1 + one][one] for one in range(len(styles))]
        untold += away[0]
        nearer += [
            away[1 + one][one] < away[1 + other][one]
            for pair in combinations(range(len(styles)), 2)
            for one, other in (pair, pair[::-1])
        ]
    print(f"{len(spread)} songs, {len(styles)} styles, {arguments.model}")
    print(f"faders: {np.mean(changed):.2f} dB changed by a style, {np.mean(spread):.2f} dB apart within a song")
    print(f"distance of embeddings to the style: {np.mean(told):.4f} told, {np.mean(untold):.4f} not told")
    print(f"nearer to its own style than the mix in another: {np.mean(nearer):.0%} of {len(nearer)}")


if __name__ == "__main__":
    main()

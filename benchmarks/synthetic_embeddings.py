"""Any number of embeddings that lie as those of real songs do: what `library_scale.py` fills an index with.

A song's mean is that of a real song plus a random combination of the way to its nearest real songs, so that the mixture
has the clusters and the local dimension of the real ones; its windows scatter as windows of real songs do, some songs
more and some less. `hardness` says whether neighbours are as hard to tell apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fxrep.retrieval import EmbeddingTable, read_embeddings

_NEIGHBORS = 16
_DIRECTIONS = 48
SONG_WINDOWS = 48
"""Four minutes in windows of five seconds."""
GROUP_ROWS = 8192


class LikeRealSongs:
    """Draws songs.

    Args:
        table: windows of real songs, of at least two windows each.
    """

    def __init__(self, table: EmbeddingTable) -> None:
        names, owner, counts = np.unique(table.paths, return_inverse=True, return_counts=True)
        several = np.flatnonzero(counts >= 2)
        vectors = table.vectors.astype(np.float64)
        self.means = np.stack([vectors[owner == song].mean(0) for song in several])
        scatter = [vectors[owner == song] - vectors[owner == song].mean(0) for song in several]
        # The mean of n windows is as far from them as (n - 1) / n of the variance.
        scatter = [rows * np.sqrt(len(rows) / (len(rows) - 1)) for rows in scatter]
        power = np.array([np.square(rows).sum(1).mean() for rows in scatter])
        self.spread = np.sqrt(power / power.mean())
        values, axes = np.linalg.eigh(np.cov(np.concatenate(scatter).T))
        # Nearly all of the variance is in few directions; what is left goes into these.
        share = values[-_DIRECTIONS:].sum() / values.sum()
        self.axes = (axes * np.sqrt(np.maximum(values / share, 0))).T[-_DIRECTIONS:].astype(np.float32)
        distance = np.square(self.means[:, None] - self.means[None]).sum(-1)
        nearest = np.argsort(distance, axis=1)[:, 1 : _NEIGHBORS + 1]
        self.ways = (self.means[nearest] - self.means[:, None]) / np.sqrt(_NEIGHBORS)
        self.dim = vectors.shape[1]
        self.songs_fitted = len(names)

    def draw(self, songs: int, windows: int, seed: int) -> np.ndarray:
        """Unit vectors ``(songs, windows, D)``, float32."""
        generator = np.random.default_rng(seed)
        near = generator.integers(len(self.means), size=songs)
        steps = generator.standard_normal((songs, _NEIGHBORS))
        means = self.means[near] + np.einsum("sk,skd->sd", steps, self.ways[near])
        noise = generator.standard_normal((songs, windows, len(self.axes)), dtype=np.float32) @ self.axes
        noise *= generator.choice(self.spread, size=songs).astype(np.float32)[:, None, None]
        noise += means.astype(np.float32)[:, None]
        unit: np.ndarray = noise / np.linalg.norm(noise, axis=-1, keepdims=True)
        return unit


def write_parts(
    source: LikeRealSongs, folder: Path, first: int, songs: int, fingerprint: str, part_songs: int = 4096
) -> Iterator[Path]:
    """Parquet files as `fxrep embed --windows` writes them, of songs from number `first` on, one at a time."""
    for begin in range(first, first + songs, part_songs):
        count = min(part_songs, first + songs - begin)
        flat = source.draw(count, SONG_WINDOWS, begin).reshape(-1)
        numbers = range(begin, begin + count)
        owner = pa.array(np.repeat(np.arange(count), SONG_WINDOWS))
        starts = np.tile(5.0 * np.arange(SONG_WINDOWS), count)
        schema = pa.schema(
            [
                ("path", pa.string()),
                ("content_hash", pa.string()),
                ("start_s", pa.float64()),
                ("duration_s", pa.float64()),
                ("embedding", pa.list_(pa.float32(), source.dim)),
            ],
            metadata={"fxrep.fingerprint": fingerprint, "fxrep.level": "window"},
        )
        columns = [
            pa.array([f"{folder}/{number // 1000:06d}/{number:09d}.flac" for number in numbers]).take(owner),
            pa.array([f"{number:064x}" for number in numbers]).take(owner),
            pa.array(starts),
            pa.array(np.full(len(owner), 5.0)),
            pa.FixedSizeListArray.from_arrays(pa.array(flat), source.dim),
        ]
        file = folder / f"part-{begin:09d}.parquet"
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), file, row_group_size=GROUP_ROWS)
        yield file


def hardness(vectors: np.ndarray, owner: np.ndarray) -> dict[str, float]:
    """How neighbours of other songs lie: median cosines, and the local dimension by Levina and Bickel's estimate."""
    scores = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    scores[owner[:, None] == owner[None]] = -2.0
    nearest = -np.sort(-scores, axis=1)[:, :20]
    distance = np.sqrt(np.maximum(2 - 2 * nearest, 1e-12))
    local = 1 / np.log(distance[:, -1:] / distance[:, :-1]).mean(1)
    return {
        "cosine of 1st": float(np.median(nearest[:, 0])),
        "of 10th": float(np.median(nearest[:, 9])),
        "of any": float(np.median(scores[scores > -2])),
        "local dimension": float(np.median(local)),
    }


def main() -> None:
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("like", type=Path, help="what fxrep embed --windows wrote of real songs")
    table = read_embeddings(parser.parse_args().like)
    names, owner, counts = np.unique(table.paths, return_inverse=True, return_counts=True)
    source = LikeRealSongs(table)
    each = round(float(counts.mean()))
    drawn = source.draw(len(names), each, 0).reshape(-1, source.dim)
    found = {"real": hardness(table.vectors, owner), "drawn": hardness(drawn, np.repeat(np.arange(len(names)), each))}
    print("| | " + " | ".join(found["real"]) + " |\n|---|---|---|---|---|")
    for name, values in found.items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values.values()) + " |")


if __name__ == "__main__":
    main()

"""How long a map takes and how well it keeps neighbours.

python benchmarks/maps.py scale 20000 100000      time and memory on synthetic embeddings
python benchmarks/maps.py quality LIB.fxindex     trustworthiness on a library
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import warnings

import numpy as np

from fxrep.retrieval import ReferenceIndex
from fxrep.visualization.clustering import cluster_positions, nearest_cluster
from fxrep.visualization.placing import NeighbourPlacing
from fxrep.visualization.projection import MOST_FITTED, distinct, fit_projection, principal_axes

DIM = 128
NEIGHBOURS = 10


def songs(count: int, seed: int = 0) -> np.ndarray:
    """Unit vectors as of windows: artists, their songs, and windows about each song."""
    generator = np.random.default_rng(seed)
    per_song, per_artist = 24, 8
    artists = generator.normal(size=(count // (per_song * per_artist) + 1, DIM))
    tracks = np.repeat(artists, per_artist, axis=0)
    tracks = tracks + 0.7 * generator.normal(size=tracks.shape)
    vectors = np.repeat(tracks, per_song, axis=0)[:count].astype(np.float32)
    vectors += 0.5 * generator.normal(size=vectors.shape).astype(np.float32) + generator.normal(size=DIM).astype("f4")
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def measure_scale(counts: list[int]) -> None:
    """Seconds of processor time for fitting, clustering and placing; peak memory of the process."""
    fit_projection(songs(100))  # compiled once in a process
    print(f"{'points':>8} {'fitted':>7} {'fit s':>7} {'cluster s':>9} {'place s':>8} {'ms each':>8} {'peak MB':>8}")
    for count in counts:
        vectors = songs(count)
        times = [time.process_time()]
        drawn = np.sort(np.random.default_rng(0).permutation(count)[:MOST_FITTED])
        projection = fit_projection(vectors[drawn])
        times.append(time.process_time())
        clusters = cluster_positions(projection.positions)
        times.append(time.process_time())
        rest = np.setdiff1d(np.arange(count), drawn)
        for start in range(0, len(rest), 4096):
            places = projection.place(vectors[rest[start : start + 4096]])
            nearest_cluster(places, projection.positions, clusters)
        times.append(time.process_time())
        fit, cluster, place = np.diff(times)
        each = f"{1e3 * place / len(rest):.2f}" if len(rest) else "-"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{count:8} {len(drawn):7} {fit:7.1f} {cluster:9.1f} {place:8.1f} {each:>8} {peak:8.0f}", flush=True)


def measure_quality(folder: str) -> None:
    """Trustworthiness@10 of maps of four fifths of the songs, of the others placed, and of umap's own transform."""
    import umap

    warnings.simplefilter("ignore")
    index = ReferenceIndex.open(folder)
    print(f"{'level':8} {'points':>7} {'':38} {'trustworthiness@10':>18}")
    for level in ("song", "window"):
        points = index.points(level)
        vectors = points.vectors(np.arange(len(points)))
        ids = np.random.default_rng(0).permutation(np.unique(points.song_id))
        later = np.isin(points.song_id, ids[: len(ids) // 5])
        known, new = distinct(np.ascontiguousarray(vectors[~later])), vectors[later]
        projection = fit_projection(known)
        reducer = umap.UMAP(n_neighbors=15, metric="cosine", random_state=0, n_jobs=1).fit(known)
        theirs, moved = reducer.embedding_.astype(np.float64), reducer.transform(new)
        ours = NeighbourPlacing(reducer._a, reducer._b, 1.0).place(new, known, theirs)
        extent = np.abs(theirs - (theirs.max(axis=0) + theirs.min(axis=0)) / 2).max()
        centre, axes = principal_axes(known)
        flat, flat_new = (known - centre) @ axes.T, (new - centre) @ axes.T
        drawn = np.random.default_rng(0).integers(0, len(known), len(new))
        rows = {
            "fitted": (len(known), trust(known, known, projection.positions, projection.positions)),
            "placed later": (len(new), trust(new, known, projection.place(new), projection.positions)),
            "umap-learn's own fit": (len(known), trust(known, known, theirs, theirs)),
            "  placed on it by umap-learn's transform": (len(new), trust(new, known, moved, theirs)),
            "  placed on it by this project": (len(new), trust(new, known, ours, theirs)),
            "two principal components, fitted": (len(known), trust(known, known, flat, flat)),
            "two principal components, later": (len(new), trust(new, known, flat_new, flat)),
            "placed at random landmarks": (len(new), trust(new, known, theirs[drawn], theirs)),
        }
        for name, (count, value) in rows.items():
            print(f"{level:8} {count:7} {name:40} {value:16.3f}")
        gap = np.median(np.linalg.norm(ours - moved, axis=1)) / extent
        print(
            f"{level:8} from umap-learn's transform to our place, median: {gap:.3f} of half the map's width", flush=True
        )


def trust(vectors: np.ndarray, known: np.ndarray, places: np.ndarray, known_places: np.ndarray) -> float:
    """Trustworthiness (Venna and Kaski 2001) of points among the fitted: 1 where who is near on the map is near.

    For the fitted points themselves it is scikit-learn's. For others it looks for neighbours among the fitted only.
    """
    from sklearn.manifold import trustworthiness

    if vectors is known:
        return float(trustworthiness(known, known_places, n_neighbors=NEIGHBOURS, metric="cosine"))
    ranks = np.argsort(np.argsort(-(vectors @ known.T), axis=1), axis=1) + 1
    gaps = np.square(places[:, None] - known_places[None]).sum(axis=-1)
    near = np.argsort(gaps, axis=1)[:, :NEIGHBOURS]
    too_far = np.maximum(np.take_along_axis(ranks, near, axis=1) - NEIGHBOURS, 0).sum()
    return float(1 - 2 * too_far / (len(vectors) * NEIGHBOURS * (2 * len(known) - 3 * NEIGHBOURS - 1)))


def main(arguments: list[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("scale").add_argument("counts", nargs="+", type=int)
    verbs.add_parser("quality").add_argument("index")
    given = parser.parse_args(arguments)
    if given.verb == "scale":
        measure_scale(given.counts)
    else:
        measure_quality(given.index)


if __name__ == "__main__":
    main(sys.argv[1:])

"""Find the recordings whose effects are most like those of a query.

python examples/search_references.py [FOLDER QUERY] [--k 3]

Without a folder, three instruments of a generated song go through four effects, and the query is a fourth
instrument under one of them: the best hits share its effects, not its notes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import fxrep
from fxrep.audio import normalize_loudness, save_audio
from fxrep.data.synthesis.song import generate_song
from fxrep.effects import render_settings

EFFECTS = {
    "dry": [],
    "telephone": [{"effect": "parametric_eq", "settings": {"high_pass_hz": 500.0, "low_pass_hz": 3000.0}}],
    "hall": [{"effect": "noise_shaped_reverb", "settings": {"decay_s": 2.5, "mix": 0.5}}],
    "on the left": [{"effect": "panner", "settings": {"pan": -0.7}}],
}


def make_references(folder: Path) -> Path:
    """Write references into `folder`, and a query beside it."""
    song = generate_song(seed=1, duration_s=10.0, tracks=["vocals", "guitar", "keys", "bass"])
    for name, audio in song.tracks.items():
        for effects, settings in EFFECTS.items():
            wet = normalize_loudness(render_settings(audio[None], song.sample_rate, settings)[0], song.sample_rate, -23)
            place = folder / f"{name}, {effects}.flac" if name != "keys" else folder.parent / f"query {effects}.flac"
            save_audio(place, wet, song.sample_rate)
    return folder.parent / "query telephone.flac"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("query", nargs="?", type=Path)
    parser.add_argument("--k", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.folder and not arguments.query:
        parser.error("name a query too")

    with TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "references"
        query = arguments.query or make_references(folder)
        index = fxrep.ReferenceIndex.create(Path(temporary) / "library.fxindex", fxrep.load_encoder())
        with index:
            for path, reason in index.add(folder).failures:
                print(f"left out {path}: {reason}")
            print(f"most like {query.name}:")
            for hit in index.search(query, k=arguments.k):
                print(f"  {hit.score:.3f}  {hit.start_s:5.1f} s  {hit.path.name}")


if __name__ == "__main__":
    main()

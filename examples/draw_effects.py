"""Draw effect chains, put them on one track, and keep the settings beside the sound.

python examples/draw_effects.py [TRACK] [--count 4] [--out drawn-effects]

Without a track, a guitar is generated. Each result can be made again from its JSON file.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from fxrep.audio import load_audio, normalize_loudness, save_audio
from fxrep.data.synthesis.song import generate_song
from fxrep.effects import create_chain, render_settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("track", nargs="?", help="audio file; a generated guitar if left out")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("drawn-effects"))
    arguments = parser.parse_args()

    if arguments.track:
        audio, rate = load_audio(arguments.track, channels=2)
    else:
        song = generate_song(seed=1, duration_s=6.0, tracks=["guitar"])
        audio, rate = song.tracks["guitar"], song.sample_rate

    chain = create_chain("default")
    generator = torch.Generator().manual_seed(0)
    for number in range(1, arguments.count + 1):
        settings = chain.sample(generator)
        wet = normalize_loudness(chain(audio, rate, settings), rate, -23.0)
        save_audio(arguments.out / f"{number}.wav", wet, rate)
        (arguments.out / f"{number}.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        print(f"{number}: {' -> '.join(effect['effect'] for effect in settings) or 'nothing'}")

    # The same settings give the same samples, from the file too.
    again = render_settings(audio[None], rate, json.loads((arguments.out / "1.json").read_text(encoding="utf-8")))
    written, _ = load_audio(arguments.out / "1.wav")
    difference = (normalize_loudness(again[0], rate, -23.0) - written).abs().max()
    print(f"1.wav made again from 1.json: largest difference {difference:.1e}")


if __name__ == "__main__":
    main()

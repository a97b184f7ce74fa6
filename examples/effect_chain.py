"""Build a chain of effects, draw its settings, keep them, change one, and render again, whole and in blocks.

python examples/effect_chain.py [TRACK] [--out effect-chain]

Without a track, a guitar is generated. dry.wav, drawn.wav and edited.wav differ in the chain alone; all are as loud.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from fxrep.audio import load_audio, normalize_loudness, save_audio
from fxrep.data.synthesis.song import generate_song
from fxrep.effects import ChainEffect, EffectChain, load_settings, save_settings, stream_blocks

BLOCK = 1 << 15


def guitar_chain() -> EffectChain:
    """Drive into a chorus and a plate; tone and drive in either order."""
    return EffectChain(
        [
            ChainEffect("tanh_drive", ranges={"drive_db": (6.0, 18.0), "output_db": (-9.0, -3.0)}),
            ChainEffect("peak", ranges={"frequency_hz": (800.0, 3000.0), "gain_db": (-6.0, 6.0)}, label="presence"),
            ChainEffect("chorus", probability=0.7, ranges={"mix": (0.2, 0.5)}),
            ChainEffect("plate_reverb", ranges={"decay_s": (0.8, 2.5), "mix": (0.1, 0.3)}),
        ],
        shuffle_groups=[["tanh_drive", "presence"]],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("track", nargs="?", help="audio file; a generated guitar if left out")
    parser.add_argument("--out", type=Path, default=Path("effect-chain"))
    arguments = parser.parse_args()

    if arguments.track:
        audio, rate = load_audio(arguments.track, channels=2)
    else:
        song = generate_song(seed=4, duration_s=6.0, tracks=["guitar"])
        audio, rate = song.tracks["guitar"], song.sample_rate

    chain = guitar_chain()
    drawn = chain.sample(torch.Generator().manual_seed(0))
    save_settings(arguments.out / "drawn.json", drawn)

    edited = load_settings(arguments.out / "drawn.json")
    for entry in edited:
        if entry["effect"] == "tanh_drive":
            entry["settings"]["drive_db"] = 30.0
        if entry["effect"] == "plate_reverb":
            entry["bypass"] = True
    save_settings(arguments.out / "edited.json", edited)

    results = {"dry": audio, "drawn": chain(audio, rate, drawn), "edited": chain(audio, rate, edited)}
    for name, result in results.items():
        save_audio(arguments.out / f"{name}.wav", normalize_loudness(result, rate, -23.0), rate)
        print(f"wrote {arguments.out / name}.wav")

    # The same in blocks, as for a file that is longer than the memory.
    blocks = stream_blocks(chain.stream(rate, drawn), audio[None].split(BLOCK, -1))
    joined = torch.cat(list(blocks), -1)[0]
    difference = (joined - results["drawn"]).norm() / results["drawn"].norm()
    print(f"in blocks: {20 * float(torch.log10(difference.clamp(min=1e-9))):.0f} dB from the whole")


if __name__ == "__main__":
    main()

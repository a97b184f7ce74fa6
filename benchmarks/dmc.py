"""How fast automatic mixing by the Differentiable Mixing Console is: the published form beside ours.

One song of 8 stereo tracks of 10 s of noise: every track is heard over the whole length, the console is set, and the
song is mixed with those settings. The published form has its size and random weights, gain and pan; ours the full
console with equalisers, compressors, reverb and delay all in use. Every system runs in a process of its own with one
thread; CPU seconds are those of the process, the median over the rounds after one that is not counted.

    python benchmarks/dmc.py                       # half a minute
    python benchmarks/dmc.py --rounds 1 --tracks 16
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

SYSTEMS = {
    "published": "published form, 12.4 M parameters, gain and pan",
    "gain_pan": "effect encoder and production features, gain and pan",
    "console": "the same, full console",
}
SECONDS, RATE = 10.0, 44100
PUBLISHED_CPU_S = 3.7


def build(system: str) -> Any:
    """The model of a system, with random weights."""
    import torch

    from automix.dmc import DifferentiableMixingConsole, EmbeddingTrackEncoder, ShortChunkEncoder

    torch.manual_seed(0)
    if system == "published":
        encoder: Any = ShortChunkEncoder(window_s=SECONDS)
    else:
        encoder = EmbeddingTrackEncoder(dim=64, window_s=SECONDS)
    sets = None if system == "console" else ["fader.gain_db", "panner.pan"]
    hidden = [256, 256] if system == "published" else [64]
    model = DifferentiableMixingConsole(encoder, sets=sets, relative_levels=system != "published", hidden=hidden)
    with torch.no_grad():
        # So far from where it starts that no effect is left out.
        networks: list[Any] = [model.post_processor.tracks, model.post_processor.shared]
        for network in networks:
            if network is not None:
                network[-1].weight.normal_(std=0.1)
    return model.eval()


def measure(system: str, tracks: int, rounds: int) -> dict[str, float]:
    """CPU seconds of hearing and of mixing, and peak memory in MB; run in a process of its own."""
    import torch

    torch.set_num_threads(1)
    model = build(system)
    generator = torch.Generator().manual_seed(0)
    song = 0.05 * torch.randn(1, tracks, 2, round(SECONDS * RATE), generator=generator)
    heard, mixed = [], []
    with torch.no_grad():
        for _ in range(rounds + 1):
            begin = time.process_time()
            settings = model.listen(song)
            middle = time.process_time()
            model.console.render(song, settings, RATE)
            heard.append(middle - begin)
            mixed.append(time.process_time() - middle)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"hear_s": statistics.median(heard[1:]), "mix_s": statistics.median(mixed[1:]), "peak_mb": peak_mb}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--system", choices=SYSTEMS, help="measure this one in this process, print JSON")
    arguments = parser.parse_args()
    if arguments.system:
        print(json.dumps(measure(arguments.system, arguments.tracks, arguments.rounds)))
        return
    print(f"{arguments.tracks} stereo tracks of {SECONDS:g} s, one thread\n")
    print("| system | hear, CPU s | mix, CPU s | times real time, one thread | peak MB |\n|---|---|---|---|---|")
    for system, title in SYSTEMS.items():
        command = [sys.executable, __file__, "--system", system]
        command += ["--tracks", str(arguments.tracks), "--rounds", str(arguments.rounds)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        times = SECONDS / (found["hear_s"] + found["mix_s"])
        print(
            f"| {title} | {found['hear_s']:.2f} | {found['mix_s']:.2f} | {times:.1f} | {found['peak_mb']:.0f} |",
            flush=True,
        )
    print(
        f"\nTimes real time are those of one thread. The program of automix-toolkit itself took {PUBLISHED_CPU_S} CPU "
        "s for 8 mono tracks of 10 s, 5.4 times real time on two threads."
    )


if __name__ == "__main__":
    main()

"""What a training step of Diff-MST costs: the published form beside ours, in CPU seconds and memory.

One song of 8 stereo tracks, 2.97 s of reference and 2.97 s of tracks, as the published training has them (method 1):
draw settings, make the mix of both halves, encode, set the console, render, loss, gradients, AdamW. Every system runs
in a process of its own with one thread; CPU seconds are those of the process, the median over the steps after one that
is not counted. Of the published form one step is all there is, since it costs a minute.

    python benchmarks/diff_mst_step.py                       # all but the published form, half a minute
    python benchmarks/diff_mst_step.py --published           # with it: two minutes, 7 GB
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
    "published": "published form, 190.9 M parameters, STFT loss",
    "small": "small spectrogram encoders, STFT and settings loss",
    "new_tracks": "frozen effect encoder, tracks never heard before",
    "known_tracks": "frozen effect encoder, tracks heard before",
    "settings_only": "the same, loss on the settings alone",
    "described": "the same, on mixes heard before, 64 at once",
    "other_song": "frozen effect encoder, tracks heard before, method 2 (production style)",
}
SAMPLES = 131072
STEPS = 5
DESCRIBED = 64
"""Mixes in a batch of descriptions."""


def build(system: str) -> Any:
    """The training of a system."""
    from style_transfer.diff_mst import (
        DiffMST,
        EmbeddingConditioning,
        SpectrogramConditioning,
        small_spectrogram_encoder,
    )
    from style_transfer.diff_mst.settings_prior import UniformPrior
    from style_transfer.diff_mst.training import DiffMSTTraining

    if system == "published":
        model = DiffMST(SpectrogramConditioning(), "dasp", 512, 12, 8, 2048, norm_first=False)
        return DiffMSTTraining(model, UniformPrior(), stft_weight=1.0, settings_weight=0.0)
    if system == "small":
        encoders = [small_spectrogram_encoder(), small_spectrogram_encoder()]
        return DiffMSTTraining(DiffMST(SpectrogramConditioning(*encoders), width=128, feedforward=256))
    model = DiffMST(EmbeddingConditioning())
    if system in ("settings_only", "described"):
        return DiffMSTTraining(model, stft_weight=0.0)
    if system == "other_song":
        return DiffMSTTraining(model, stft_weight=0.0, settings_weight=0.0, style_weight=1.0)
    return DiffMSTTraining(model)


def batch(system: str, tracks: int, level_lufs: float) -> dict[str, Any]:
    """One song of noise at the level of the tracks."""
    import torch

    from fxrep.audio import normalize_loudness

    generator = torch.Generator().manual_seed(0)
    samples = SAMPLES if system == "other_song" else 2 * SAMPLES
    audio = normalize_loudness(torch.randn(tracks, 2, samples, generator=generator), 44100, level_lufs)
    made: dict[str, Any] = {
        "tracks": audio[None],
        "mask": torch.ones(1, tracks, dtype=torch.bool),
        "stem": torch.arange(tracks)[None],
        "start_ms": torch.zeros(1, dtype=torch.long),
    }
    if system == "other_song":
        made["reference"] = normalize_loudness(torch.randn(1, 2, SAMPLES, generator=generator), 44100, -16.0)
    return made


def describe(training: Any, song: dict[str, Any]) -> dict[str, Any]:
    """A batch of one mix over and over, as it is kept."""
    import torch

    with torch.no_grad():
        passage = training._passage(song, torch.Generator().manual_seed(0), False)
        tracks = training.described(passage.tracks, passage.mask, passage.stem, passage.start_ms)
        heard = training.model.conditioning.describe_reference(passage.reference)
    places = ("truth_tracks", "truth_buses", "truth_master")
    one = dict(zip(places, training.model.console.normalize(passage.truth), strict=True))
    one |= {"tracks": tracks, "heard": heard, "mask": passage.mask}
    return {name: value.expand(DESCRIBED, *value.shape[1:]).contiguous() for name, value in one.items()}


def measure(system: str, tracks: int) -> dict[str, float]:
    """CPU seconds of a step and peak memory in GB; run in a process of its own."""
    import torch

    torch.set_num_threads(1)
    training = build(system)
    optimizer = torch.optim.AdamW(training.parameters(), lr=1e-5)
    song = batch(system, tracks, training.model.track_lufs)
    generator = torch.Generator().manual_seed(0)
    described = describe(training, song) if system == "described" else None

    def step() -> float:
        start = time.process_time()
        if described is not None:
            training.described_loss(described).backward()
            optimizer.step()
            optimizer.zero_grad()
            return (time.process_time() - start) / DESCRIBED
        passage = training._passage(song, generator)
        terms = training._terms(passage, training._find(passage), set(training._weighed(passage)))
        training._weigh(passage, terms).backward()
        optimizer.step()
        optimizer.zero_grad()
        return time.process_time() - start

    if system == "published":
        seconds = [step()]
    else:
        step()
        seconds = []
        for _ in range(STEPS):
            if system == "new_tracks":
                training.described.known.clear()
            seconds.append(step())
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"cpu_s": statistics.median(seconds), "peak_gb": peak_gb}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", action="store_true", help="measure the published form too")
    parser.add_argument("--tracks", type=int, default=8)
    parser.add_argument("--system", choices=SYSTEMS, help="measure this one in this process, print JSON")
    arguments = parser.parse_args()
    if arguments.system:
        print(json.dumps(measure(arguments.system, arguments.tracks)))
        return
    systems = [name for name in SYSTEMS if name != "published" or arguments.published]
    found: dict[str, dict[str, float]] = {}
    print("| step | CPU seconds | peak memory | times cheaper |\n|---|---|---|---|")
    for name in systems:
        command = [sys.executable, __file__, "--system", name, "--tracks", str(arguments.tracks)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[name] = json.loads(output.splitlines()[-1])
        cpu_s, peak_gb = found[name]["cpu_s"], found[name]["peak_gb"]
        times = f"{found['published']['cpu_s'] / cpu_s:.0f}" if "published" in found else ""
        print(f"| {SYSTEMS[name]} | {cpu_s:.3g} | {peak_gb:.1f} GB | {times} |", flush=True)


if __name__ == "__main__":
    main()

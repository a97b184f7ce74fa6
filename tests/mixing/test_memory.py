"""Long songs take no more memory than short ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from fxrep.audio import save_blocks

RATE = 44100
PROGRAM = """
import resource, sys
from fxrep.effects import default_console
from fxrep.mixing import MixSession, Section, TrackSet, neutral_session

def work(path):
    tracks = TrackSet({name: path for name in ("a", "b", "c")})
    tracks.windows(10.0, 3)
    mix = neutral_session(tracks, default_console()).edit("a", "compressor.ratio", 2.0)
    other = mix.edit("b", "fader.gain_db", -6.0).edit("c", "panner.pan", 0.5)
    mix = MixSession(mix.settings, tracks, mix.input_gain_db, [Section(tracks.duration_s / 2, other.settings)])
    length = sum(block.shape[-1] for block in mix.iter_blocks(threads=2))
    assert length == tracks.samples
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

short = work(sys.argv[1])
print(work(sys.argv[2]) - short)
"""


def test_a_long_song_takes_the_memory_of_a_short_one(tmp_path: Path) -> None:
    second = 0.1 * torch.randn(1, RATE, generator=torch.Generator().manual_seed(0))
    for name, seconds in (("short", 20), ("long", 300)):
        save_blocks(tmp_path / f"{name}.wav", (second for _ in range(seconds)), RATE, subtype="PCM_16")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "short.wav"), str(tmp_path / "long.wav")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    # The mix alone would be 106 MB, its tracks 159 MB.
    assert float(done.stdout) < 40

"""What FxNorm-automix costs: four stereo stems through the networks, one thread, CPU seconds, as a Markdown table.

    python benchmarks/fxnorm_automix.py

"One pass" is the module on all of the audio; "song" is `render_song`, which joins blocks and needs constant memory, and
the error is its distance from one pass. "Song with files" is all of `render_stems`: four tracks on disk are normalised,
rendered and written. Weights are random.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from automix.fxnorm_automix import GROUPS, PUBLISHED, SMALL, FxNormAutomix
from automix.fxnorm_automix.row_file import RowFile
from automix.fxnorm_automix.song_pass import render_song
from fxrep.audio import save_audio
from fxrep.mixing.tracks import TrackSet
from fxrep.normalization import FitTrack, FxNormalizer

RATE = 44100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    seconds = parser.parse_args().seconds
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| form | weights | way | CPU seconds | times real time on one core | error |\n|---|---|---|---|---|---|")
    for name, sizes in (("published", PUBLISHED), ("small", SMALL)):
        mixer = FxNormAutomix(**sizes).eval()
        weights = sum(one.numel() for one in mixer.parameters())
        for way, spent, error in measure(mixer, seconds):
            shown = "" if error is None else f"{error:.0f} dB"
            print(f"| {name} | {weights:,} | {way} | {spent:.2f} | {seconds / spent:.1f} | {shown} |", flush=True)


def measure(mixer: FxNormAutomix, seconds: float) -> list[tuple[str, float, float | None]]:
    stems = noise(seconds)
    with tempfile.TemporaryDirectory() as name, torch.no_grad():
        folder = Path(name)
        mixer.network.outputs(stems[None, ..., :RATE])  # the first call sets things up
        start = time.process_time()
        whole = mixer.network.outputs(stems[None])[0].flatten(0, 1)
        one_pass = time.process_time() - start
        rows = RowFile(8, folder)
        rows.append(stems.flatten(0, 1).t())
        start = time.process_time()
        outputs = render_song(mixer.network, rows, folder)
        song = time.process_time() - start
        joined = outputs.read(0, len(outputs)).t()
        error = float(20.0 * torch.log10((joined - whole).norm() / whole.norm()))
        files = with_files(mixer, stems, folder)
    return [("one pass", one_pass, None), ("song", song, error), ("song with files", files, None)]


def noise(seconds: float) -> torch.Tensor:
    """Four stems of noise that swells, (4, 2, T)."""
    swell = 1.0 + 0.9 * torch.sin(torch.arange(round(seconds * RATE)) * (8.0 * torch.pi / RATE))
    return 0.05 * swell * torch.randn(len(GROUPS), 2, len(swell))


def with_files(mixer: FxNormAutomix, stems: torch.Tensor, folder: Path) -> float:
    tracks = [FitTrack(one[:, : 3 * RATE], group, RATE) for one, group in zip(stems, GROUPS, strict=True)]
    mixer.normalize_to(FxNormalizer.fit_tracks(tracks, steps="default"))
    for one, group in zip(stems, GROUPS, strict=True):
        save_audio(folder / f"{group}.wav", one, RATE, subtype="FLOAT")
    (folder / "mix").mkdir()
    start = time.process_time()
    mixer.render_stems(TrackSet([folder / f"{group}.wav" for group in GROUPS]), folder / "mix")
    return time.process_time() - start


if __name__ == "__main__":
    main()

"""How near the sum of Fx-normalised tracks is to the mix that they come from, before any network, by steps.

    python benchmarks/fxnorm_steps.py songs/manifest.parquet normalized/statistics.json [--split validation]

Of each song the first seconds of its tracks are normalised, each by its instrument, and added up: what
`fxnorm_automix` begins with. Beside it stands the same sum with the gain of each stem that is nearest to the mix, by
least squares: as far as levels of stems can lead. The loss is that of FxNorm-automix (form a) with all mixes at
-16 LUFS, as a share of that of the tracks at equal loudness; families are percentage errors, as in
`automix_systems.py`. The statistics hold all steps that are asked for (`fxrep data normalize MANIFEST -o FOLDER`).
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
import torch
from scipy.optimize import nnls

from automix.fxnorm_automix.groups import GROUPS, group_number
from automix.fxnorm_automix.losses import FxNormLoss
from encoders.training.songs import SongDataset
from fxrep.audio import normalize_loudness
from fxrep.data.manifest import Manifest, read_manifest
from fxrep.metrics import FAMILIES, feature_errors
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.normalization import FxNormalizer

RATE = 44100
STEPS = ("loudness", "dynamics,loudness", "panning,loudness", "dynamics,panning,loudness")
BASELINE = "equal loudness"


def nearest(stems: list[torch.Tensor], target: torch.Tensor) -> torch.Tensor:
    """The sum of stems (2, T) with the gains, 0 or more, that bring it nearest to a target (2, T)."""
    found, _ = nnls(torch.stack([stem.flatten() for stem in stems], dim=1).double().numpy(), target.flatten().numpy())
    return torch.stack([float(gain) * stem for gain, stem in zip(found, stems, strict=True)]).sum(0)


def candidates(
    tracks: list[torch.Tensor], kinds: list[str], target: torch.Tensor, normalizers: dict[str, FxNormalizer]
) -> dict[str, torch.Tensor]:
    """Mixes (2, T) by name."""
    levelled = [normalize_loudness(track[None], RATE, -24.0)[0] for track in tracks]
    found = {}
    for name, normalizer in {BASELINE: None, **normalizers}.items():
        made = levelled
        if normalizer is not None:
            made = [normalizer(track, RATE, kind).float() for track, kind in zip(tracks, kinds, strict=True)]
        stems = []
        for group in range(len(GROUPS)):
            members = [track for track, kind in zip(made, kinds, strict=True) if group_number(kind) == group]
            if members:
                stems.append(torch.stack(members).sum(0))
        found[name] = torch.stack(stems).sum(0)
        found[f"{name}, best gains of stems"] = nearest(stems, target)
    return found


def songs_of(manifest: Manifest, args: argparse.Namespace) -> SongDataset:
    return SongDataset([manifest], args.split, "own_mix", 1, args.seconds, 2, 32, sample_rate=RATE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("statistics")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--steps", action="append", help="with commas; again for more; all without eq")
    args = parser.parse_args()
    torch.set_num_threads(1)
    songs, loss = songs_of(read_manifest(args.manifest), args), FxNormLoss("a", RATE, 0.2)
    normalizers = {
        steps: FxNormalizer.load(args.statistics, steps=steps.split(",")) for steps in args.steps or list(STEPS)
    }
    values: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, stems in songs.songs.items():
        tracks = [songs._read(stem.path, 0.0, stem.duration_s, 1) for stem in stems]
        mix = songs.mixes.get(name)
        target = torch.stack(tracks).sum(0) if mix is None else songs._read(mix.path, 0.0, mix.duration_s, 1)
        sounding = [number for number, track in enumerate(tracks) if float(track.abs().max()) > 1e-4]
        found = candidates(
            [tracks[one] for one in sounding], [stems[one].instrument for one in sounding], target, normalizers
        )
        wanted = normalize_loudness(target[None], RATE, REFERENCE_LUFS)
        for label, one in found.items():
            heard = normalize_loudness(one[None], RATE, REFERENCE_LUFS)
            errors = feature_errors(heard[0].numpy(), wanted[0].numpy(), RATE, aligned=True)
            values[label].append((float(loss(heard, wanted)), float(np.mean([errors[family] for family in FAMILIES]))))
    means = {label: np.mean(found, axis=0) for label, found in values.items()}
    print(f"{len(values[BASELINE])} songs, {args.seconds:g} s each\n")
    print("| steps | loss ratio | mean of families, % |\n|---|---|---|")
    for label, (distance, families) in means.items():
        print(f"| {label} | {distance / means[BASELINE][0]:.2f} | {families:.1f} |")


if __name__ == "__main__":
    main()

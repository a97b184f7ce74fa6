"""Automatic mixing systems that were all trained for the same CPU time on the same songs, beside the baselines.

    python benchmarks/automix_equal_time.py songs/manifest.parquet --normalized normalized/manifest.parquet
    python benchmarks/automix_equal_time.py songs/manifest.parquet --minutes 2 --system mix_wave_unet_small --items 0

Every system starts from random weights, in the small size of its configuration, and learns from the training songs
until its CPU seconds are spent: whatever it prepares before its first step, reading and steps are counted, imports are
not. The learning rate follows the time; nothing is validated, and the last weights are taken. What is solved rather
than trained takes the time that it takes. Each becomes a release FOLDER/NAME; what is there already is not trained
again, so that a run which was stopped goes on. Then `automix_systems.py` compares all of them on held-out songs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import automix_systems
import torch

from automix.classical import fit_classical
from encoders.training.command import run_training
from fxrep.cli.released_kinds import describe_release, find_exporter

CONFIGURATIONS = {
    "dmc_gain_pan": "dmc",
    "dmc_console": "dmc",
    "mix_wave_unet_small": "mix_wave_unet",
    "stem_autoencoder_small": "stem_autoencoder",
    "fxnorm_automix_small": "fxnorm_automix",
}
"""Trained by steps: the configuration, and the method that its release belongs to."""

SOLVED = "classical"
BASELINES = ("dugan", "knowledge", "least_squares")
"""Beside equal loudness and the mono sum, which are always there."""

WITHOUT_END = 10**6


def train(name: str, arguments: argparse.Namespace, folder: Path) -> None:
    """Train a configuration for the CPU time given, and release what it comes to."""
    runs = folder.parent / "runs" / name
    # In the command line of `fxrep train`: no validation, no loaders in processes that nobody counts.
    settings = {
        "data.manifest": arguments.manifest,
        "data.num_workers": 0,
        "trainer.max_steps": WITHOUT_END,
        "trainer.limit_val_batches": 0,
        "trainer.accelerator": "cpu",
        "trainer.default_root_dir": runs,
        "trainer.enable_model_summary": "false",
        "trainer.callbacks": "encoders.training.cpu_time.CpuTime",
        "trainer.callbacks.minutes": arguments.minutes,
    }
    if name.startswith("fxnorm"):
        settings["data.normalized"] = arguments.normalized
    overrides = [str(word) for key, value in settings.items() for word in (f"--{key}", value)]
    report = run_training([f"automix/{name}"], "fit", overrides)
    assert report.checkpoint is not None
    find_exporter(report.checkpoint)(report.checkpoint, folder)


def solve(arguments: argparse.Namespace, folder: Path) -> None:
    """Fit the linear model, and note the CPU seconds."""
    start = time.process_time()
    fit_classical([Path(arguments.manifest)], folder, "train", None, 3, 0)
    (folder.parent / f"{SOLVED}.json").write_text(json.dumps({"cpu_s": time.process_time() - start}))


def label(name: str, folder: Path) -> str:
    """What stands in the table: the system and how far it came."""
    if name == SOLVED:
        spent = json.loads((folder.parent / f"{SOLVED}.json").read_text())["cpu_s"]
        return f"{name} (solved in {spent:.0f} CPU s)"
    return f"{name} ({describe_release(str(folder))['metrics']['training']['steps']} steps)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--normalized", help="of the same songs, for fxnorm_automix_small, which else is left out")
    parser.add_argument("--minutes", type=float, default=5.0, help="CPU minutes per system")
    parser.add_argument("--system", action="append", choices=[*CONFIGURATIONS, SOLVED], help="repeat for several; all")
    parser.add_argument("--keep", type=Path, default=Path("runs/automix_equal_time"), help="folder for the releases")
    parser.add_argument("--split", default="test", help="songs to compare on")
    parser.add_argument("--items", type=int, default=7, help="passages to compare on; 0: train only")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = arguments.system or [*CONFIGURATIONS, SOLVED]
    if arguments.normalized is None and "fxnorm_automix_small" in chosen:
        print("fxnorm_automix_small is left out: it needs --normalized", file=sys.stderr)
        chosen.remove("fxnorm_automix_small")
    arguments.keep.mkdir(parents=True, exist_ok=True)
    for name in chosen:
        folder = arguments.keep / name
        if not folder.exists():
            solve(arguments, folder) if name == SOLVED else train(name, arguments, folder)
    if not arguments.items:
        return
    systems = [f"{label(name, arguments.keep / name)}={_model(name, arguments.keep / name)}" for name in chosen]
    words = [word for system in (*BASELINES, *systems) for word in ("--system", system)]
    words += ["--split", arguments.split, "--items", str(arguments.items)] + ["--json"] * arguments.json
    if not arguments.json:
        print(f"{arguments.minutes:g} CPU minutes of training each\n")
    automix_systems.main([arguments.manifest, *words])


def _model(name: str, folder: Path) -> str:
    return f"{CONFIGURATIONS.get(name, name)}:{folder}"


if __name__ == "__main__":
    main()

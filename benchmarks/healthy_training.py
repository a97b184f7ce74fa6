"""Curves of a healthy training and of five sick ones, as pictures and as a table of where they end.

python benchmarks/healthy_training.py [--out docs/images] [--steps 100] [--only healthy]

Songs are generated; encoder, effects and batches are small, so that all runs together take minutes of one processor.
The trainings are the real ones (`ContrastiveTraining`), and what is drawn is what they log.
"""

from __future__ import annotations

import argparse
import csv
import logging
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor

from encoders import SpectralEncoder
from encoders.objectives import ContrastiveObjective, NTXentObjective
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.data import PairDataModule
from fxrep.data import SplitFractions, scan
from fxrep.data.pairs import PairItem, PairRenderer, RenderedPairs
from fxrep.data.synthesis.dataset import generate_dataset
from fxrep.effects import ChainEffect, EffectChain

RATE_HZ = 22050
COLUMNS = ("loss_ratio", "alignment", "uniformity", "spread")


class AttractionAlone(ContrastiveObjective):
    """Pulls the two of a pair together and pushes nothing apart: what becomes of training without negatives."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (torch.nn.functional.normalize(a) - torch.nn.functional.normalize(b)).square().sum(-1).mean()


class LeakingRenderer(PairRenderer):
    """In training both sides are one recording, which never comes under other effects: content gives pairs away."""

    def forward(self, batch: PairItem, sample_rate: int, generator: torch.Generator) -> RenderedPairs:
        self.hard_negatives = not self.training
        return super().forward(batch | {"b": batch["a"]} if self.training else batch, sample_rate, generator)


@dataclass(frozen=True)
class Run:
    """One training: its title, and in what it differs from the healthy one."""

    title: str
    objective: ContrastiveObjective = field(default_factory=NTXentObjective)
    renderer: type[PairRenderer] = PairRenderer
    learning_rate: float = 2e-3


RUNS = {
    "healthy": Run("healthy"),
    "rate_too_high": Run("learning rate 100 times too high", learning_rate=0.2),
    "no_negatives": Run("no negatives", objective=AttractionAlone()),
    "temperature_too_high": Run("temperature 10 instead of 0.1", objective=NTXentObjective(10.0)),
    "temperature_too_low": Run("temperature 0.002 instead of 0.1", objective=NTXentObjective(0.002)),
    "leak": Run("content gives the pairs away", renderer=LeakingRenderer),
}


def chain() -> EffectChain:
    return EffectChain(
        [
            "parametric_eq",
            ChainEffect("stereo_width", probability=0.5),
            ChainEffect("gain", ranges={"gain_db": (-12.0, 12.0)}),
        ]
    )


def train(run: Run, manifest: Path, folder: Path, steps: int) -> list[dict[str, str]]:
    """The rows of its log."""
    seed_everything(0, verbose=False)
    encoder = SpectralEncoder(
        dim=32, channels=24, n_blocks=1, hidden=64, sample_rate=RATE_HZ, window_s=1.0, n_fft=1024, hop=1024, n_mels=32
    )
    model = ContrastiveTraining(
        encoder, run.renderer(chain(), shortest=1.0), run.objective, None, run.learning_rate, warmup_steps=10
    )
    data = PairDataModule(
        str(manifest),
        batch_size=12,
        length=12 * steps,
        validation_length=32,
        segment_s=1.0,
        mixture_probability=0.0,
        sample_rate=RATE_HZ,
        num_workers=0,
    )
    trainer = Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=CSVLogger(folder, name="", version=""),
        log_every_n_steps=1,
        val_check_interval=max(1, steps // 6),
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
    )
    trainer.fit(model, datamodule=data)
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def curve(rows: list[dict[str, str]], name: str) -> tuple[list[int], list[float]]:
    points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
    return [step for step, _ in points], [value for _, value in points]


def draw(rows: list[dict[str, str]], healthy: list[dict[str, str]], title: str, path: Path) -> None:
    """Five panels, the healthy run in grey behind."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from PIL import Image

    figure, panels = pyplot.subplots(1, 5, figsize=(12, 2.1), layout="constrained")
    names = [*(f"train/{name}" for name in COLUMNS), "validation/retrieval@1"]
    for panel, name in zip(panels, names, strict=True):
        if healthy is not rows:
            panel.plot(*curve(healthy, name), color="0.75", linewidth=1.5, label="healthy")
        panel.plot(*curve(rows, name), color="tab:blue" if healthy is rows else "tab:red", linewidth=1.2)
        panel.set_title(name, fontsize=9)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.25)
    steps, chance = curve(healthy, "validation/chance")
    panels[-1].plot(steps, chance, color="black", linestyle=":", linewidth=1.0, label="chance")
    panels[-1].set_ylim(0.0, 1.0)
    panels[-1].legend(fontsize=7, frameon=False)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=72)
    pyplot.close(figure)
    with Image.open(path) as picture:  # few colours make a third of the size
        small = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=48)
    small.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--songs", type=int, default=12)
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))
    arguments = parser.parse_args()
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    logs: dict[str, Any] = {}
    print("| run | loss_ratio | alignment | uniformity | spread | validation/retrieval@1 | CPU s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        songs = Path(temporary) / "songs"
        generate_dataset(songs, songs=arguments.songs, duration_s=6.0, sample_rate=RATE_HZ, suffix="wav")
        manifest = Path(temporary) / "songs.parquet"
        scan(songs, manifest, fractions=SplitFractions(0.34, 0.0), workers=1)
        for name in arguments.only:
            started = time.process_time()
            rows = logs[name] = train(RUNS[name], manifest, Path(temporary) / name, arguments.steps)
            seconds = time.process_time() - started
            # The mean of the last steps: single batches scatter.
            ends = [sum(values := curve(rows, f"train/{column}")[1][-10:]) / len(values) for column in COLUMNS]
            found = curve(rows, "validation/retrieval@1")[1][-1]
            cells = " | ".join(f"{value:.2f}" for value in ends)
            print(f"| {RUNS[name].title} | {cells} | {found:.0%} | {seconds:.0f} |", flush=True)
    for name, rows in logs.items():
        draw(rows, logs.get("healthy", rows), RUNS[name].title, arguments.out / f"training_{name}.png")


if __name__ == "__main__":
    main()

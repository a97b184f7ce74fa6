"""How well proxies imitate, and how well three techniques find the gradient of an effect that has an exact one.

    python benchmarks/proxies.py [--minutes 3] [--items 24] [--only compressor eq reverb]

Trains a small proxy of each effect for that many CPU minutes on generated songs, with the settings and ranges of
configs/effects/, and prints two Markdown tables. Error: energy of the imitation's error against that of what the effect
changes, on songs that were held out; 0 dB is as far off as doing nothing. Gradient: that of the squared distance to the
same audio under other settings, as a controller in training would have it, per unit of the normalised settings; the
truth is the derivative of our own effect. Cosine and norm (estimate over truth) are medians over the items, the spread
of the cosine is from the 10th to the 90th percentile; CPU time is that of forward and backward per item of one second.
"""

from __future__ import annotations

import argparse
import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import yaml

from encoders.training.configurations import find_configuration
from fxrep.data.excerpts import ExcerptDataModule
from fxrep.effects.black_box import BlackBox
from fxrep.effects.processor import Processor
from fxrep.effects.proxies import NeuralProxy, ProxySize
from fxrep.effects.proxies.loss import relative_db
from fxrep.effects.proxies.training import ProxyTraining

RATE = 44100
SECONDS = 1.0
BATCH = 4
EFFECTS = ("compressor", "eq", "reverb")
SPSA_SAMPLES = (1, 8, 64)
Apply = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Agreement:
    """Cosine and norm ratio of estimates with the truth, one per item, and CPU milliseconds per item."""

    cosine: np.ndarray
    norm: np.ndarray
    cpu_ms: float

    def cells(self) -> str:
        low, middle, high = np.percentile(self.cosine, (10, 50, 90))
        return f"{middle:.3f} | {low:.2f} to {high:.2f} | {np.median(self.norm):.2f} | {self.cpu_ms:.0f}"


def build(name: str, seed: int, channels: int) -> ProxyTraining:
    """The training of a configuration with a network small enough for minutes."""
    options = yaml.safe_load(find_configuration(f"effects/proxy_{name}").read_text())["model"]["init_args"]
    size = replace(ProxySize(**options.pop("size")), channels=channels, condition=32)
    return ProxyTraining(**{**options, "size": size, "seed": seed})


def train(training: ProxyTraining, data: ExcerptDataModule, minutes: float) -> int:
    """Steps made in so many CPU minutes; the learning rate falls to 0 over them."""
    network = training.proxy.network
    optimizer = torch.optim.AdamW(network.parameters(), lr=training.learning_rate)
    begin, step = time.process_time(), 0
    while True:
        for batch in data.train_dataloader():
            done = (time.process_time() - begin) / (60.0 * minutes)
            if done >= 1.0:
                return step
            warm = min(1.0, (step + 1) / 20)
            optimizer.param_groups[0]["lr"] = training.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * done))
            imitated, real, _ = training.imitate(batch["audio"], torch.Generator().manual_seed(step))
            optimizer.zero_grad()
            training.loss(imitated, real).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            step += 1


@torch.no_grad()
def error_db(training: ProxyTraining, audio: torch.Tensor) -> float:
    error, change = 0.0, 0.0
    for number, batch in enumerate(audio.split(BATCH)):
        imitated, real, dry = training.imitate(batch, torch.Generator().manual_seed(10_000 + number))
        error += float((imitated - real).square().sum())
        change += float((real - dry).square().sum())
    return relative_db(error, change)


def gradient(apply: Apply, proxy: NeuralProxy, audio: torch.Tensor, number: int) -> torch.Tensor:
    """(B, P): of the squared distance to a target under other settings, in normalised units."""
    generator = torch.Generator().manual_seed(20_000 + number)
    table = proxy.parameter_table
    here, there = (
        0.02 + 0.96 * torch.rand(len(audio), len(table), generator=generator, dtype=torch.float64) for _ in range(2)
    )
    columns = lambda place: {p.name: p.denormalize(place[:, index]) for index, p in enumerate(table)}  # noqa: E731
    with torch.no_grad():
        target = proxy.effect(audio, RATE, **columns(there))
    here.requires_grad_()
    loss = (apply(audio, RATE, **columns(here)) - target).square().sum((1, 2)) / target.square().sum((1, 2))
    (found,) = torch.autograd.grad(loss.sum(), here)
    return found


def agreement(apply: Apply, proxy: NeuralProxy, audio: torch.Tensor, truth: torch.Tensor) -> Agreement:
    begin = time.process_time()
    parts = [gradient(apply, proxy, batch, number) for number, batch in enumerate(audio.split(BATCH))]
    cpu_ms = 1000.0 * (time.process_time() - begin) / len(audio)
    found = torch.cat(parts)
    cosine = torch.nn.functional.cosine_similarity(found, truth, dim=1, eps=1e-30)
    return Agreement(cosine.numpy(), (found.norm(dim=1) / truth.norm(dim=1)).numpy(), cpu_ms)


def black_box(effect: Processor, proxy: NeuralProxy, **options: Any) -> BlackBox:
    """Our effect as if nothing were known of it."""

    def call(audio: np.ndarray, sample_rate: int, **settings: np.ndarray) -> np.ndarray:
        columns = {name: torch.from_numpy(column) for name, column in settings.items()}
        return effect(torch.from_numpy(audio), sample_rate, **columns).numpy()

    return BlackBox(call, f"unknown_{effect.name}", proxy.parameter_table, batched=True, **options)


def techniques(proxy: NeuralProxy) -> dict[str, Apply]:
    box = functools.partial(black_box, proxy.effect, proxy)
    found: dict[str, Apply] = {"exact": proxy.effect, "finite differences": box(step=0.005)}
    for samples in SPSA_SAMPLES:
        found[f"SPSA, {samples}"] = box(gradient="spsa", samples=samples, step=0.005)
    return {**found, "proxy, hybrid": proxy}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="CPU minutes of training per proxy")
    parser.add_argument("--items", type=int, default=24, help="excerpts of one second to measure on")
    parser.add_argument("--channels", type=int, default=16, help="width of the networks")
    parser.add_argument("--songs", type=int, default=8, help="generated songs to train on")
    parser.add_argument("--only", nargs="+", choices=EFFECTS, default=EFFECTS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = ExcerptDataModule(
        batch_size=BATCH,
        length=100 * BATCH,
        validation_length=options.items,
        segment_s=SECONDS,
        songs=options.songs,
        seed=options.seed,
    )
    audio = torch.cat([batch["audio"] for batch in data.val_dataloader()])
    errors, rows = [], []
    for name in options.only:
        training = build(name, options.seed, options.channels)
        steps = train(training, data, options.minutes)
        weights = sum(parameter.numel() for parameter in training.proxy.network.parameters())
        settings = len(training.proxy.parameter_table)
        errors.append(f"| {name} | {settings} | {weights:,} | {steps} | {error_db(training, audio):.1f} |")
        proxy = training.proxy.requires_grad_(False)
        proxy.mode = "hybrid"
        exact = [gradient(proxy.effect, proxy, batch, number) for number, batch in enumerate(audio.split(BATCH))]
        for technique, apply in techniques(proxy).items():
            rows.append(f"| {name} | {technique} | {agreement(apply, proxy, audio, torch.cat(exact)).cells()} |")
    print(f"\n{options.minutes:g} CPU minutes of training each\n")
    print("| effect | settings | weights | steps | error, dB |\n|---|---|---|---|---|", *errors, sep="\n")
    print("\n| effect | technique | cosine | 10 to 90 % | norm | CPU ms |\n|---|---|---|---|---|---|", *rows, sep="\n")


if __name__ == "__main__":
    main()

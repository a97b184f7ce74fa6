"""The steps of `fxrep demo`, each a call or two of the public interface. Imported when the demo runs: it is heavy."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch import Trainer

from encoders import EffectEncoder, SpectralEncoder, load_encoder, save_encoder
from encoders.evaluation import RetrievalProtocol, baseline_systems, encoder_system, retrieval_benchmark
from encoders.training.contrastive import ContrastiveTraining
from encoders.training.data import PairDataModule
from fxrep.audio import load_audio, normalize_loudness, save_audio
from fxrep.data import Manifest, SplitFractions, scan
from fxrep.data.pairs import PairRenderer
from fxrep.data.synthesis.dataset import generate_dataset
from fxrep.effects import render_settings
from fxrep.normalization import FxNormalizer, normalize_dataset
from fxrep.retrieval import Hit, ReferenceIndex, build_index
from fxrep.visualization import draw_map

SONG_S = 10.0
INSTRUMENTS = ["vocals", "bass", "guitar"]
"""The songs have more tracks; these are enough for three minutes."""

HELD_OUT = 0.46
"""Share of the songs that is never trained on; songs are assigned by their names."""

CANDIDATES = 30
CLIP_S = 3.0
LOUDNESS_LUFS = -23.0

RECIPES: dict[str, list[dict[str, Any]]] = {
    "dry": [],
    "telephone": [{"effect": "parametric_eq", "settings": {"high_pass_hz": 500.0, "low_pass_hz": 3000.0}}],
    "dark": [{"effect": "parametric_eq", "settings": {"high_shelf_gain_db": -15.0, "low_shelf_gain_db": 6.0}}],
    "hall": [{"effect": "noise_shaped_reverb", "settings": {"decay_s": 2.5, "mix": 0.5}}],
    "driven": [{"effect": "saturation", "settings": {"drive_db": 24.0}}],
    "on the left": [{"effect": "panner", "settings": {"pan": -0.7}}],
}
"""What is done to the references that the demo searches: by hand, so that a hit can be judged by eye and ear."""


def walk_the_road(out: Path, *, seconds: float, songs: int, seed: int) -> dict[str, Any]:
    """Run every step, tell each and its time on standard error, and return what was found as plain values."""
    timer = _Timer()
    with timer.step(f"generate {songs} songs"):
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        generate_dataset(out / "songs", songs=songs, duration_s=SONG_S, seed=seed, workers=min(workers, songs))
    with timer.step("scan them into a manifest"):
        scanned = scan(out / "songs", out / "songs.parquet", fractions=SplitFractions(0.0, HELD_OUT)).manifest
        chosen = Manifest([row for row in scanned.rows if row.instrument in INSTRUMENTS], scanned.root)
    with timer.step(f"Fx-normalise {len(chosen)} tracks"):
        normalizer = FxNormalizer.fit(chosen.filter(split="train"), workers=workers)
        normalizer.save(out / "normalized" / "statistics.json")
        normalized = normalize_dataset(chosen, out / "normalized", normalizer, workers=workers)
    with timer.step(f"pretrain an encoder for {seconds:g} s"):
        training = pretrain(normalized.path, out / "encoder", seconds=seconds, seed=seed)
    encoders = {"pretrained just now": load_encoder(out / "encoder"), "shipped": load_encoder()}
    with timer.step("evaluate retrieval on the songs held out"):
        retrieval = evaluate(encoders, normalized.manifest, seed=seed)
    with timer.step("build an index of references and search it"):
        search = search_references(normalized.manifest, out, encoders["shipped"])
    with timer.step("draw the map"):
        report = draw_map(out / "references.fxindex", out / "map.html", color="effects", title="fxrep demo")
    return {
        "songs": songs,
        "tracks": len(chosen),
        "training": training,
        "retrieval": retrieval,
        "search": search,
        "map": {"points": len(report.points), "size_bytes": report.size_bytes},
        "files": {name: str(out / file) for name, file in FILES.items()},
        "steps_s": timer.seconds,
    }


FILES = {
    "songs": "songs",
    "manifest": "songs.parquet",
    "normalised songs": "normalized",
    "encoder": "encoder",
    "references": "references",
    "queries": "queries",
    "index": "references.fxindex",
    "map": "map.html",
}


def pretrain(manifest: Path, folder: Path, *, seconds: float, seed: int) -> dict[str, Any]:
    """Train a `SpectralEncoder` by contrast for some seconds and save it as a release."""
    torch.manual_seed(seed)
    encoder = SpectralEncoder()
    module = ContrastiveTraining(
        encoder,
        PairRenderer("default"),
        projection_dim=None,
        learning_rate=1e-3,
        warmup_steps=3,
        seed=seed,
    )
    data = PairDataModule(
        str(manifest),
        batch_size=8,
        length=16 * 4096,
        segment_s=CLIP_S,
        loudness_lufs=LOUDNESS_LUFS,
        num_workers=1,
        seed=seed,
    )
    with _quiet_lightning():
        trainer = Trainer(
            max_epochs=-1,
            max_time=timedelta(seconds=seconds),
            gradient_clip_val=1.0,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, datamodule=data)
    found = {
        "seconds": seconds,
        "steps": trainer.global_step,
        "pairs": trainer.global_step * data.batch_size * 2,
        "loss_ratio": round(float(trainer.callback_metrics["train/loss_ratio"]), 3),
    }
    save_encoder(encoder, folder, name="demo", metadata={"training": {**found, **data.description()}})
    return found


def evaluate(encoders: dict[str, EffectEncoder], manifest: Manifest, *, seed: int) -> dict[str, Any]:
    """Retrieval@1 of the encoders and of log-mel statistics, on the same clips."""
    protocol = RetrievalProtocol(
        split="test", candidates=CANDIDATES, segment_s=CLIP_S, instruments=INSTRUMENTS, seed=seed
    )
    systems = {name: encoder_system(encoder) for name, encoder in encoders.items()}
    systems["log-mel statistics"] = baseline_systems()["log_mel"]
    found = retrieval_benchmark(systems, manifest, protocol)
    return {
        "candidates": CANDIDATES,
        "chance": 1.0 / CANDIDATES,
        "queries": next(iter(found.values()))["queries"],
        "systems": {
            name: {"r@1": result["r@1"], "r@1_interval": list(result["r@1_interval"])} for name, result in found.items()
        },
    }


def search_references(manifest: Manifest, out: Path, encoder: EffectEncoder) -> dict[str, Any]:
    """Put `RECIPES` on stems of the songs held out, index all but the last song, and search with that one."""
    *reference_songs, query_song = manifest.filter(split="test").songs()
    references = {
        _render(track.path, effects, out / "references" / f"{song.name} {track.name}, {effects}.flac"): {
            "effects": effects,
            "instrument": track.instrument,
        }
        for song in reference_songs
        for track in song.tracks
        for effects in RECIPES
    }
    metadata = {str(path): values for path, values in references.items()}
    index_path = out / "references.fxindex"
    build_index(index_path, references, encoder, model="default", metadata=metadata, overwrite=index_path.exists())
    answers = []
    with ReferenceIndex.open(index_path, encoder) as index:
        for track in query_song.tracks:
            for effects in RECIPES:
                query = _render(track.path, effects, out / "queries" / f"{track.name}, {effects}.flac")
                hits = index.search(query, k=3)
                answers.append(Answer(query.name, effects, hits))
    right = sum(answer.hits[0].metadata["effects"] == answer.effects for answer in answers)
    queries = [{"query": a.query, "effects": a.effects, "hits": [hit.to_dict() for hit in a.hits]} for a in answers]
    return {"references": len(references), "queries": queries, "right": right, "chance": 1.0 / len(RECIPES)}


class Answer(NamedTuple):
    """A query of the demo: its file, what was done to it, and what the search found."""

    query: str
    effects: str
    hits: list[Hit]


def _render(source: Path, effects: str, target: Path) -> Path:
    audio, rate = load_audio(source, channels=2)
    wet = render_settings(audio[None], rate, RECIPES[effects])[0]
    save_audio(target, normalize_loudness(wet, rate, LOUDNESS_LUFS), rate)
    return target


class _Timer:
    """Tells each step on standard error when it begins, and its time when it ends."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        print(f"{name} …", file=sys.stderr, end=" ", flush=True)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 1)
        print(f"{self.seconds[name]:.1f} s", file=sys.stderr, flush=True)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Without Lightning's hints about things that are so on purpose."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

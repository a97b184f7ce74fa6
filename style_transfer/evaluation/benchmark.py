"""The benchmark of mixing: every system on the same mixes, by every measure, with confidence intervals."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from encoders.evaluation.systems import System
from fxrep.audio import normalize_loudness
from fxrep.data.manifest import Manifest
from fxrep.errors import ArgumentError
from fxrep.metrics import VectorSet, frechet_distance, in_reference_units, kernel_distance, kernel_interval
from fxrep.metrics.cosine import embedding_distance
from fxrep.mixing.recordings import REFERENCE_LUFS
from fxrep.progress import track_progress
from style_transfer.evaluation.items import ItemDrawing, MixItem
from style_transfer.evaluation.measures import measure_answer
from style_transfer.evaluation.mixers import Mixer
from style_transfer.evaluation.protocol import MixProtocol
from style_transfer.evaluation.summaries import share_below, summarize

BASELINE = "equal loudness"
"""The system that the others are set against, where it takes part."""

ALL = "all"


@dataclass
class Answers:
    """What one system made of the mixes of one row.

    Attributes:
        songs: of each mix.
        values: by measure, of each mix.
        embeddings: by encoder, of each mix.
        targets: by encoder, of what each mix is compared with.
        processor_s: processor time from tracks and reference to each mix.
    """

    songs: list[str] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    embeddings: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))
    targets: dict[str, list[Tensor]] = field(default_factory=lambda: defaultdict(list))
    processor_s: list[float] = field(default_factory=list)

    def extend(self, other: Answers) -> None:
        """Take in the mixes of another row."""
        self.songs += other.songs
        self.processor_s += other.processor_s
        for name, numbers in other.values.items():
            self.values[name] += numbers
        for vectors, more in ((self.embeddings, other.embeddings), (self.targets, other.targets)):
            for name, rows in more.items():
                vectors[name] += rows


def mix_benchmark(
    mixers: Mapping[str, Mixer],
    manifest: Manifest,
    protocol: MixProtocol,
    encoders: Mapping[str, System],
    against: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Run the protocol for every system.

    Args:
        mixers: by name.
        manifest: of dry stems, and perhaps of finished mixes.
        protocol: what is drawn.
        encoders: in whose spaces mixes are compared; features are standardised by the references.
        against: names of further systems that the others are set against, as all are against equal loudness.

    Returns:
        Rows, one for each task, number of tracks (and ``all`` together, where there are several) and system: ``task``,
        ``tracks``, ``system``, ``items``, ``songs``, ``borrowed`` (mean number of tracks from elsewhere in the song),
        ``processor_s`` (mean processor time from tracks and reference to a mix of two windows), ``measures`` (each with
        ``value``, the mean, ``interval``, 95 %, bootstrap over songs, ``below``, how far its mean lies below that of
        equal loudness, with ``below_interval``, and ``against``, the same by the names of `against`), and ``sets`` (by
        encoder: ``frechet``, ``kernel`` and ``kernel_interval`` between the mixes and what they are compared with).

    Raises:
        DataError: the split holds nothing to draw from.
        ArgumentError: a system gave settings that do not fit, or there is none of a name in `against`.
    """
    if unknown := [name for name in against if name not in mixers]:
        raise ArgumentError(f"there is no system {unknown[0]!r} to set others against: there is {', '.join(mixers)}")
    drawing = ItemDrawing(manifest, protocol.split, protocol)
    rows = []
    for task in protocol.tasks:
        pooled: dict[str, Answers] = {name: Answers() for name in mixers}
        borrowed: list[int] = []
        for count in protocol.tracks:
            answers, lent = _ask(mixers, drawing, task, count, protocol, encoders)
            rows += _rows(task, count, answers, lent, protocol, against)
            borrowed += lent
            for name, one in answers.items():
                pooled[name].extend(one)
        if len(protocol.tracks) > 1:
            rows += _rows(task, ALL, pooled, borrowed, protocol, against)
    return rows


def _ask(
    mixers: Mapping[str, Mixer],
    drawing: ItemDrawing,
    task: str,
    count: int,
    protocol: MixProtocol,
    encoders: Mapping[str, System],
) -> tuple[dict[str, Answers], list[int]]:
    answers = {name: Answers() for name in mixers}
    borrowed = []
    for item in track_progress(drawing.items(task, count), f"{task}, {count} tracks", protocol.items):
        borrowed.append(item.borrowed)
        targets = _embed(item.target, encoders, protocol.sample_rate)
        for name, mixer in mixers.items():
            _note(answers[name], mixer, item, targets, encoders, protocol)
    return answers, borrowed


def _note(
    answers: Answers,
    mixer: Mixer,
    item: MixItem,
    targets: Mapping[str, Tensor],
    encoders: Mapping[str, System],
    protocol: MixProtocol,
) -> None:
    begin = time.process_time()
    answer = mixer.mix(item)
    if answer is None:
        return
    answers.processor_s.append(time.process_time() - begin)
    answers.songs.append(item.song)
    for measure, value in measure_answer(item, answer, protocol.sample_rate, protocol.track_lufs).items():
        answers.values[measure].append(value)
    for encoder, vector in _embed(answer.mix, encoders, protocol.sample_rate).items():
        answers.embeddings[encoder].append(vector)
        answers.targets[encoder].append(targets[encoder])


@torch.no_grad()
def _embed(audio: Tensor, encoders: Mapping[str, System], sample_rate: int) -> dict[str, Tensor]:
    levelled = normalize_loudness(audio[None], sample_rate, REFERENCE_LUFS)
    return {name: encoder.embed(levelled, sample_rate)[0].double() for name, encoder in encoders.items()}


def _rows(
    task: str,
    count: int | str,
    answers: Mapping[str, Answers],
    borrowed: Sequence[int],
    protocol: MixProtocol,
    against: Sequence[str],
) -> list[dict[str, Any]]:
    found = {name: (one, *_compare_sets(one, protocol.seed)) for name, one in answers.items() if one.songs}
    values = {name: {**one.values, **distances} for name, (one, _, distances) in found.items()}
    rows = []
    for name, (one, sets, _) in found.items():
        measures: dict[str, Any] = {}
        for measure, numbers in values[name].items():
            summary = summarize(numbers, one.songs)
            if summary is None:
                continue
            below = {
                other: share_below(numbers, values[other][measure], one.songs)
                for other in (BASELINE, *against)
                if other in values and other != name
            }
            measures[measure] = summary | below.pop(BASELINE, {})
            measures[measure] |= {"against": below} if below else {}
        rows.append(
            {
                "task": task,
                "tracks": count,
                "system": name,
                "items": len(one.songs),
                "songs": len(set(one.songs)),
                "borrowed": sum(borrowed) / len(borrowed),
                "processor_s": sum(one.processor_s) / len(one.processor_s),
                "measures": measures,
                "sets": sets,
            }
        )
    return rows


def _compare_sets(answers: Answers, seed: int) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """By encoder, distances between the sets; and of each mix from its target, by measure."""
    sets, distances = {}, {}
    for encoder, vectors in answers.embeddings.items():
        mixes, targets = torch.stack(vectors), torch.stack(answers.targets[encoder])
        pair = (VectorSet(mixes, answers.songs), VectorSet(targets, answers.songs))
        if not _is_unit(targets):
            pair = in_reference_units(*pair)
            mixes, targets = (torch.from_numpy(one.vectors) for one in pair)
        distances[f"embedding {encoder}"] = _distances(mixes, targets)
        if pair[0].n_groups >= 2:
            sets[encoder] = {
                "frechet": frechet_distance(*pair),
                "kernel": kernel_distance(*pair),
                "kernel_interval": list(kernel_interval(*pair, seed=seed)),
            }
    return sets, distances


def _distances(mixes: Tensor, targets: Tensor) -> list[float]:
    found = []
    for mix, target in zip(mixes, targets, strict=True):
        # A silent mix has no direction: it is as far as can be from unrelated.
        silent = float(mix.norm()) == 0.0 or float(target.norm()) == 0.0
        found.append(1.0 if silent else float(embedding_distance(mix, target)))
    return found


def _is_unit(vectors: Tensor) -> bool:
    """Whether these are embeddings; features of mixed units are not of unit length."""
    return bool(((vectors.norm(dim=1) - 1.0).abs() < 1e-3).all())

"""The systems of the benchmark of mixing, by name."""

from __future__ import annotations

from collections.abc import Sequence

from encoders import load_encoder
from encoders.evaluation.systems import System, baseline_systems, encoder_system
from fxrep.data.manifest import Manifest
from fxrep.errors import ArgumentError
from fxrep.metrics import FEATURES
from style_transfer.evaluation.benchmark import BASELINE
from style_transfer.evaluation.mixers import ConsoleMixer, EqualLoudness, Mixer, Oracle, RandomSettings, StemMixer
from style_transfer.evaluation.protocol import MixProtocol
from style_transfer.evaluation.settings_bank import NearestReference
from style_transfer.methods import ConsoleMethod, create_method, list_methods

NEAREST, RANDOM, ORACLE = "nearest reference", "random settings", "oracle"
BASELINES = (BASELINE, RANDOM, NEAREST, ORACLE)
"""Systems that learn nothing; `BASELINE` is the one that others are set against."""


def create_mixers(
    methods: Sequence[str], manifest: Manifest, protocol: MixProtocol, bank_encoder: str = "default"
) -> dict[str, Mixer]:
    """The baselines, and methods of `style_transfer` between them.

    Args:
        methods: ``METHOD``, ``METHOD:MODEL`` or ``LABEL=METHOD:MODEL``, as ``ours=diff_mst:runs/ours``; see
            `style_transfer.create_method`.
        manifest: with the songs of the retrieval prior.
        protocol: of the benchmark.
        bank_encoder: name or folder of the encoder by which the nearest reference is found.

    Raises:
        ArgumentError: no such method, or one label for two.
        CheckpointError: there is no such model or encoder.
        DataError: there are no songs for the retrieval prior.
    """
    parsed = [parse_system(text) for text in methods]
    labels = [*BASELINES, *(label for label, _, _ in parsed)]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise ArgumentError(
            f"{', '.join(twice)} is the name of two systems: write NAME=METHOD:MODEL to tell them apart"
        )
    # Loaded before the bank is rendered: what cannot be found is said at once.
    made = {label: create_method(method, model) for label, method, model in parsed}
    mixers: dict[str, Mixer] = {
        BASELINE: ConsoleMixer(EqualLoudness(protocol)),
        RANDOM: ConsoleMixer(RandomSettings(protocol)),
        NEAREST: ConsoleMixer(NearestReference(manifest, protocol, load_encoder(bank_encoder).eval())),
    }
    for label, method in made.items():
        mixers[label] = ConsoleMixer(method) if isinstance(method, ConsoleMethod) else StemMixer(method)
    return mixers | {ORACLE: Oracle(protocol)}


def parse_system(text: str) -> tuple[str, str, str | None]:
    """``LABEL=METHOD:MODEL`` as label, method and model; the label is what was written where there is none.

    Raises:
        ArgumentError: no such method, or an empty part.
    """
    # An equals sign behind the colon belongs to a path.
    head, colon, model = text.partition(":")
    label, equals, method = head.rpartition("=")
    if method not in list_methods() or (equals and not label) or (colon and not model):
        raise ArgumentError(
            f"{text!r} names no system: write METHOD, METHOD:MODEL or LABEL=METHOD:MODEL, where METHOD is "
            f"{', '.join(list_methods())}"
        )
    return label or text, method, model or None


def open_measuring(names: Sequence[str]) -> dict[str, System]:
    """What distances are measured by: encoders by name or folder, or features (production, mfcc, log_mel).

    Raises:
        CheckpointError: there is no such encoder.
    """
    features = baseline_systems()
    return {name: features[name] if name in FEATURES else encoder_system(load_encoder(name)) for name in names}

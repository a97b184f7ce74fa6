"""The systems of the benchmark of mixing, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class SystemSpec:
    """A system as a person names it: ``LABEL=METHOD:MODEL,option=value,…``.

    Attributes:
        label: in the table.
        method: of `style_transfer`.
        model: what the method has learnt; None for its default.
        start: label of the system whose answer the method begins with.
        encoder: of a method that takes one.
        options: further arguments of the method.
    """

    label: str
    method: str
    model: str | None
    start: str | None
    encoder: str | None
    options: dict[str, Any]


def create_mixers(
    systems: Sequence[str],
    manifest: Manifest,
    protocol: MixProtocol,
    bank_encoder: str = "default",
    baselines: Sequence[str] = BASELINES,
) -> dict[str, Mixer]:
    """The baselines, and methods of `style_transfer` between them.

    Args:
        systems: each as `parse_system` takes it.
        manifest: with the songs of the retrieval prior.
        protocol: of the benchmark.
        bank_encoder: name or folder of the encoder by which the nearest reference is found.
        baselines: which of `BASELINES` take part; equal loudness always does.

    Raises:
        ArgumentError: no such method, start or baseline, or one label for two.
        CheckpointError: there is no such model or encoder.
        DataError: there are no songs for the retrieval prior.
    """
    if unknown := sorted(set(baselines) - set(BASELINES)):
        raise ArgumentError(f"there is no baseline {unknown[0]!r}: choose from {', '.join(BASELINES)}")
    specs = [parse_system(text) for text in systems]
    labels = [*BASELINES, *(spec.label for spec in specs)]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise ArgumentError(
            f"{', '.join(twice)} is the name of two systems: write NAME=METHOD:MODEL to tell them apart"
        )
    # Loaded before the bank is rendered: what cannot be found is said at once.
    made: dict[str, Mixer] = {}
    for spec in specs:
        method = create_method(spec.method, spec.model, spec.encoder, spec.options)
        start = None if spec.start is None else _find_start(spec, made)
        made[spec.label] = ConsoleMixer(method, start) if isinstance(method, ConsoleMethod) else StemMixer(method)
    found: dict[str, Mixer] = {BASELINE: ConsoleMixer(EqualLoudness(protocol))}
    if RANDOM in baselines:
        found[RANDOM] = ConsoleMixer(RandomSettings(protocol))
    if NEAREST in baselines:
        found[NEAREST] = ConsoleMixer(NearestReference(manifest, protocol, load_encoder(bank_encoder).eval()))
    found |= made
    return found | {ORACLE: Oracle(protocol)} if ORACLE in baselines else found


def parse_system(text: str) -> SystemSpec:
    """Read ``METHOD``, ``METHOD:MODEL`` or ``LABEL=METHOD:MODEL``, each perhaps with options behind commas.

    Options are arguments of the method, numbers where they can be read as such: ``inference_time,steps=50``; of their
    own kind are ``encoder`` and ``start``, the label of an earlier system whose answer is begun with. The label is what
    was written where none is given.

    Raises:
        ArgumentError: no such method, or an empty part.
    """
    first, *rest = text.split(",")
    # An equals sign behind the colon belongs to a path.
    head, colon, model = first.partition(":")
    label, equals, method = head.rpartition("=")
    pairs = [part.partition("=") for part in rest]
    wrong = method not in list_methods() or (equals and not label) or (colon and not model)
    if wrong or not all(name and sign and value for name, sign, value in pairs):
        raise ArgumentError(
            f"{text!r} names no system: write METHOD, METHOD:MODEL or LABEL=METHOD:MODEL, where METHOD is "
            f"{', '.join(list_methods())}; options follow as ,name=value"
        )
    options = {name.strip(): _read(value) for name, _, value in pairs}
    start, encoder = options.pop("start", None), options.pop("encoder", None)
    return SystemSpec(label or text, method, model or None, _text(start), _text(encoder), options)


def _find_start(spec: SystemSpec, made: Mapping[str, Mixer]) -> ConsoleMixer:
    found = made.get(spec.start or "")
    if not isinstance(found, ConsoleMixer):
        there = [label for label, mixer in made.items() if isinstance(mixer, ConsoleMixer)]
        raise ArgumentError(
            f"{spec.label}: no earlier system called {spec.start!r} sets a console; there is "
            f"{', '.join(there) or 'none'}"
        )
    return found


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def open_measuring(names: Sequence[str]) -> dict[str, System]:
    """What distances are measured by: encoders by name or folder, or features (production, mfcc, log_mel).

    Raises:
        CheckpointError: there is no such encoder.
    """
    features = baseline_systems()
    return {name: features[name] if name in FEATURES else encoder_system(load_encoder(name)) for name in names}

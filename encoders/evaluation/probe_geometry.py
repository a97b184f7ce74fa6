"""The shape of an embedding's space: do small changes move it little, and do effects add up?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encoders.evaluation.effect_draws import draw_settings, only
from encoders.evaluation.probe_clips import ClipSource, embed_rendered
from encoders.evaluation.probe_protocol import ProbeProtocol
from encoders.evaluation.systems import System, unit_vectors
from fxrep.data.manifest import Manifest
from fxrep.effects import EffectChain, Settings
from fxrep.metrics import bootstrap_interval, production_features, standardize
from fxrep.metrics.probes import spearman

POINTS = 5
"""Points on a path from one drawing of settings to another."""

STYLES = 16
"""Styles of a group, each on two contents."""

Found = dict[str, dict[str, Any]]


def probe_paths(systems: Mapping[str, System], manifest: Manifest, protocol: ProbeProtocol) -> Found:
    """Smoothness in settings: one effect, along straight paths between two drawings of its settings.

    Returns:
        Per system ``settings``, the mean over paths of Spearman's correlation between the distance of two points on the
        path and their distance in the space, one point on one content and one on another; ``settings_interval`` and
        ``by_effect``.
    """
    assert isinstance(protocol.chain, EffectChain)
    rng = np.random.default_rng([protocol.seed, 20])
    generator = torch.Generator().manual_seed(protocol.seed * 1000 + 20)
    labels = [label for label in protocol.chain.processors for _ in range(protocol.paths)]
    contents = ClipSource(manifest, protocol.split, protocol).draw(rng, 2 * len(labels))
    settings = [one for label in labels for one in 2 * _path(protocol.chain, label, generator)]
    audio = [clip.audio for clip in contents for _ in range(POINTS)]
    embedded = embed_rendered(systems, audio, settings, protocol, "paths")
    places = np.arange(POINTS, dtype=np.float64)
    steps = np.abs(places[:, None] - places).ravel()
    found: Found = {}
    for name, embeddings in embedded.items():
        vectors = unit_vectors(systems[name], embeddings).unflatten(0, (len(labels), 2, POINTS))
        distances = 1.0 - vectors[:, 0] @ vectors[:, 1].transpose(1, 2)
        values = [spearman(steps, one.flatten().numpy()) for one in distances]
        by_effect = {
            label: float(np.mean([value for value, of in zip(values, labels, strict=True) if of == label]))
            for label in protocol.chain.processors
        }
        found[name] = {
            "settings": float(np.mean(values)),
            "settings_interval": bootstrap_interval(values),
            "by_effect": by_effect,
        }
    return found


def _path(chain: EffectChain, label: str, generator: torch.Generator) -> list[Settings]:
    """Settings of one effect at equal steps from one drawing to another; names stay those of the first."""
    alone = only(chain, [label])
    (start,), (end,) = alone.sample(generator), alone.sample(generator)
    table = {parameter.name: parameter for parameter in chain.processors[label].parameter_table}
    points = []
    for step in range(POINTS):
        share = step / (POINTS - 1)
        values = dict(start["settings"])
        for name, parameter in table.items():
            if name in values:
                low, high = (parameter.normalize(float(entry["settings"][name])) for entry in (start, end))
                # Rounding may leave the range by a hair at its ends.
                there = parameter.denormalize(low + share * (high - low))
                values[name] = min(max(there, parameter.minimum), parameter.maximum)
        points.append([{**start, "settings": values}])
    return points


def probe_styles(systems: Mapping[str, System], manifest: Manifest, protocol: ProbeProtocol) -> Found:
    """Smoothness in features: whole chains, distances in the space taken across two contents.

    Returns:
        Per system ``features``, the mean over groups of Spearman's correlation between the distance of two styles in
        production features, on one and the same content, and their distance in the space, one on that content and one
        on another; and ``features_interval``.
    """
    assert isinstance(protocol.chain, EffectChain)
    rng = np.random.default_rng([protocol.seed, 21])
    generator = torch.Generator().manual_seed(protocol.seed * 1000 + 21)
    contents = ClipSource(manifest, protocol.split, protocol).draw(rng, 2 * protocol.style_groups)
    audio = [clip.audio for clip in contents for _ in range(STYLES)]
    settings: list[Settings] = []
    for _ in range(protocol.style_groups):
        settings += 2 * protocol.chain.sample_batch(generator, STYLES)
    reference = System(lambda clips, rate: production_features(clips, rate).cpu(), lambda a, b: a @ b.T, standardize)
    embedded = embed_rendered({**systems, "": reference}, audio, settings, protocol, "styles")
    features = standardize(embedded.pop("")).unflatten(0, (protocol.style_groups, 2, STYLES))
    apart = ~np.eye(STYLES, dtype=bool)
    found: Found = {}
    for name, embeddings in embedded.items():
        vectors = unit_vectors(systems[name], embeddings).unflatten(0, (protocol.style_groups, 2, STYLES))
        values = [
            spearman(torch.cdist(sound[0], sound[0]).numpy()[apart], (1.0 - space[0] @ space[1].T).numpy()[apart])
            for sound, space in zip(features, vectors, strict=True)
        ]
        found[name] = {"features": float(np.mean(values)), "features_interval": bootstrap_interval(values)}
    return found


def probe_sums(systems: Mapping[str, System], manifest: Manifest, protocol: ProbeProtocol) -> Found:
    """Additivity: two effects together move one content as their single displacements of another content, added.

    Returns:
        Per system ``cosine``, the mean cosine between the displacement by both effects and the sum of the displacements
        by each, measured on another content, ``cosine_interval``, and ``control``, the same with the sum of another
        pair of effects. Empty for chains of one effect.
    """
    assert isinstance(protocol.chain, EffectChain)
    if len(protocol.chain.processors) < 2:
        return {name: {} for name in systems}
    rng = np.random.default_rng([protocol.seed, 22])
    generator = torch.Generator().manual_seed(protocol.seed * 1000 + 22)
    contents = [clip.audio for clip in ClipSource(manifest, protocol.split, protocol).draw(rng, 2 * protocol.sums)]
    both = draw_settings(protocol.chain, 2, generator, protocol.sums)
    audio: list[Tensor] = []
    settings: list[Settings] = []
    for one, other, pair in zip(contents[::2], contents[1::2], both, strict=True):
        audio += [one, one, other, other, other]
        settings += [[], pair, [], pair[:1], pair[1:]]
    embedded = embed_rendered(systems, audio, settings, protocol, "sums")
    found: Found = {}
    for name, embeddings in embedded.items():
        dry, wet, other, first, second = unit_vectors(systems[name], embeddings).unflatten(0, (-1, 5)).unbind(1)
        together, added = wet - dry, first + second - 2.0 * other
        values = torch.cosine_similarity(together, added, dim=-1)
        control = torch.cosine_similarity(together, added.roll(1, 0), dim=-1)
        found[name] = {
            "cosine": float(values.mean()),
            "cosine_interval": bootstrap_interval(values),
            "control": float(control.mean()),
        }
    return found

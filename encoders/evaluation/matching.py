"""Parameter matching: settings found by descending the distance to a reference of another content.

The reference is content B under drawn settings of known effects, the source is content A without effects. Every
objective is minimised by gradient descent through the chain; what it finds is compared with the settings that were
drawn, and with A under those settings, the oracle, which no objective hears.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from encoders.evaluation.effect_draws import only
from encoders.evaluation.matching_protocol import MatchingProtocol
from encoders.evaluation.objectives import Loss, Objective
from encoders.evaluation.settings_search import Rows, search_settings
from encoders.evaluation.settings_space import SettingsSpace, padded
from encoders.evaluation.sound_distance import level_frames, mrstft
from fxrep.data.manifest import Manifest
from fxrep.data.segments import SegmentSampler
from fxrep.effects import EffectChain, Settings
from fxrep.metrics import bootstrap_interval
from fxrep.optimization import Descent
from fxrep.progress import track_progress

NEUTRAL, DRAWN, ORACLE = "neutral start", "drawn anew", "oracle"


@dataclass(frozen=True)
class Items:
    """What is drawn.

    Attributes:
        sources: contents A, (N, 2, T).
        references: contents B under their chains, (N, 2, T).
        oracles: contents A under the same chains, (N, 2, T).
        spaces: of every item.
        starts: positions (starts, N, K) to descend from; the first are neutral.
    """

    sources: Tensor
    references: Tensor
    oracles: Tensor
    spaces: list[SettingsSpace]
    starts: Tensor


def matching_benchmark(
    objectives: Mapping[str, Objective], manifest: Manifest, protocol: MatchingProtocol | None = None
) -> dict[str, dict[str, Any]]:
    """Search the settings of every item by every objective.

    Returns:
        Per objective, and for ``neutral start``, ``drawn anew`` (settings of chance) and ``oracle``:
        ``settings_error``, mean over items of the mean absolute error of their settings, in shares of the ranges they
        are drawn from, with ``settings_error_interval`` (95 %, bootstrap over items) and ``by_effect``; ``mrstft`` and
        ``level_db``, mean distances of the render from the oracle's, with intervals. For objectives also ``start``,
        ``found`` and ``oracle``, mean values of the objective at the neutral start, at its end and at the truth, and
        ``below_oracle``, share of items whose end is lower than the truth: there the objective itself is wrong.

    Raises:
        DataError: the split holds nothing to draw from.
        ArgumentError: an encoder has no gradient.
    """
    protocol = protocol or MatchingProtocol()
    items = _draw_items(manifest, protocol)
    truth = padded([space.truth for space in items.spaces])
    found = {
        NEUTRAL: _measure(items, items.starts[0], protocol),
        DRAWN: _measure(items, items.starts[-1], protocol),
        ORACLE: _measure(items, truth, protocol),
    }
    searched = {}
    for name, objective in objectives.items():
        loss = objective(items.references, protocol.sample_rate)
        positions, values = _search(items, loss, protocol, name)
        start, oracle = (_values(items, loss, there, protocol) for there in (items.starts[0], truth))
        searched[name] = {
            **_measure(items, positions, protocol),
            "start": float(start.mean()),
            "found": float(values.mean()),
            "oracle": float(oracle.mean()),
            "below_oracle": float((values < oracle).double().mean()),
        }
    return searched | found


def _draw_items(manifest: Manifest, protocol: MatchingProtocol) -> Items:
    assert isinstance(protocol.chain, EffectChain)
    sampler = SegmentSampler(manifest, protocol.split, protocol.segment_s, protocol.sample_rate)
    rng = np.random.default_rng([protocol.seed, 40])
    generator = torch.Generator().manual_seed(protocol.seed * 1000 + 40)
    pairs = [sampler.draw_content_pair(rng, sampler.draw_instrument(rng))[:2] for _ in range(protocol.items)]
    first, second = (torch.stack([pair[side] for pair in pairs]).to(protocol.device) for side in (0, 1))
    settings = _draw_settings(protocol.chain, protocol, generator)
    spaces = [SettingsSpace(protocol.chain, one) for one in settings]
    starts = [padded([space.neutral() for space in spaces])]
    # One drawing more than there are descents: what chance would find.
    for _ in range(protocol.starts):
        starts.append(padded([torch.rand(len(space.unknowns), generator=generator).double() for space in spaces]))
    with torch.no_grad():
        references, oracles = (_rendered(content, settings, protocol) for content in (second, first))
    return Items(first, references, oracles, spaces, torch.stack(starts))


def _draw_settings(chain: EffectChain, protocol: MatchingProtocol, generator: torch.Generator) -> list[Settings]:
    """Settings of every item; its effects go around the chain, so that all come equally often."""
    labels = [list(chain.processors)[place] for place in torch.randperm(len(chain.processors), generator=generator)]
    drawn = []
    for item in range(protocol.items):
        places = [(item * protocol.effects + step) % len(labels) for step in range(protocol.effects)]
        chosen = only(chain, [labels[place] for place in places])
        drawn.append(chosen.sample(generator, protocol.sample_rate))
    return drawn


def _rendered(contents: Tensor, settings: Sequence[Settings], protocol: MatchingProtocol) -> Tensor:
    assert isinstance(protocol.chain, EffectChain)
    size = protocol.batch
    parts = [
        protocol.chain(contents[start : start + size], protocol.sample_rate, list(settings[start : start + size]))
        for start in range(0, len(contents), size)
    ]
    return torch.cat(parts)


def _rows(items: Items, start: int, protocol: MatchingProtocol) -> Rows:
    chosen = slice(start, start + protocol.batch)
    sources = items.sources[chosen]
    numbers = torch.arange(start, start + len(sources), device=sources.device)
    return Rows(sources, items.spaces[chosen], numbers, protocol.sample_rate)


def _search(items: Items, loss: Loss, protocol: MatchingProtocol, name: str) -> tuple[Tensor, Tensor]:
    """The positions (N, K) of the lowest objective over all descents of each item, and its value (N,)."""
    assert isinstance(protocol.chain, EffectChain)
    search = Descent(steps=protocol.steps, rate=protocol.rate)
    batches = []
    for start in track_progress(range(0, protocol.items, protocol.batch), name):
        rows = _rows(items, start, protocol)
        descents = torch.stack(
            [
                search_settings(protocol.chain, rows, loss, list(begin[start : start + protocol.batch]), search)
                for begin in items.starts[: protocol.starts]
            ]
        )
        best = descents[..., 0].argmin(0)
        batches.append(descents[best, torch.arange(descents.shape[1])])
    found = torch.cat(batches)
    return found[:, 1:], found[:, 0]


@torch.no_grad()
def _values(items: Items, loss: Loss, positions: Tensor, protocol: MatchingProtocol) -> Tensor:
    """The objective (N,) at positions (N, K)."""
    parts = []
    for start in range(0, protocol.items, protocol.batch):
        rows = _rows(items, start, protocol)
        parts.append(loss(_render(rows, positions, start, protocol), rows.items).double().cpu())
    return torch.cat(parts)


def _render(rows: Rows, positions: Tensor, start: int, protocol: MatchingProtocol) -> Tensor:
    assert isinstance(protocol.chain, EffectChain)
    return rows.render(protocol.chain, positions[start : start + protocol.batch])


@torch.no_grad()
def _measure(items: Items, positions: Tensor, protocol: MatchingProtocol) -> dict[str, Any]:
    """Distance of positions (N, K) from the truth, in settings and in sound."""
    errors, by_effect = [], defaultdict(list)
    for space, row in zip(items.spaces, positions, strict=True):
        wrong = (row[: len(space.unknowns)] - space.truth).abs()
        errors.append(float(wrong.mean()) if len(wrong) else 0.0)
        for effect in {one.effect for one in space.unknowns}:
            own = [float(value) for one, value in zip(space.unknowns, wrong, strict=True) if one.effect == effect]
            by_effect[effect].append(float(np.mean(own)))
    spectral: list[float] = []
    levels: list[float] = []
    for start in range(0, protocol.items, protocol.batch):
        render = _render(_rows(items, start, protocol), positions, start, protocol)
        oracle = items.oracles[start : start + protocol.batch]
        spectral += mrstft(render, oracle).tolist()
        frames, wanted = (level_frames(audio, protocol.sample_rate) for audio in (render, oracle))
        levels += (frames - wanted).abs().mean(-1).tolist()
    found: dict[str, Any] = {"by_effect": {effect: float(np.mean(own)) for effect, own in sorted(by_effect.items())}}
    for name, values in {"settings_error": errors, "mrstft": spectral, "level_db": levels}.items():
        found[name], found[f"{name}_interval"] = float(np.mean(values)), bootstrap_interval(values)
    return found

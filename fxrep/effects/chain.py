"""Chains of effects: draw settings, then apply them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from fxrep.effects.chain_rendering import render_settings, stream_settings
from fxrep.effects.chain_settings import Settings, entry_label
from fxrep.effects.processor import Processor, Range
from fxrep.effects.registry import check_label, check_list, find_processor
from fxrep.effects.settings import is_number
from fxrep.effects.streaming import Stream
from fxrep.errors import ArgumentError


@dataclass(frozen=True)
class ChainEffect:
    """One effect of a chain.

    Attributes:
        processor: a processor, or the name of one.
        probability: of being active, 0 to 1.
        ranges: narrower ranges to draw from, by setting; see `Processor.sample`.
        match_rms: scale the output to the root mean square of the input, per item over all channels.
        mix: share of the effect beside its input, 0 to 1, or the range to draw it from.
        label: what the chain calls it; needed to tell two of the same processor apart. None: the processor's name.
    """

    processor: Processor | str
    probability: float = 1.0
    ranges: Mapping[str, Range] = field(default_factory=dict)
    match_rms: bool = False
    mix: float | tuple[float, float] = 1.0
    label: str | None = None

    @property
    def mix_range(self) -> tuple[float, float]:
        """The lowest and the highest share."""
        low, high = self.mix if isinstance(self.mix, (tuple, list)) else (self.mix, self.mix)
        return float(low), float(high)


class EffectChain(nn.Module):
    """Effects with probabilities and an order.

    `sample` draws settings; calling the chain applies them, and draws nothing. Settings are a list of
    ``{"effect": name, "settings": {…}}`` in the order of application, only of the effects that are active; they can be
    written as JSON (`save_settings`) and applied again by any chain. An entry may also hold ``"mix"`` (0 to 1, the
    share of the effect beside its input), ``"match_rms"``, ``"bypass": true`` (left out, as if it were not there) and
    the ``"label"`` of the effect in its chain.

    Args:
        effects: any number, as `ChainEffect`, processor or name of one; the same processor more than once under
            different labels.
        order: ``"fixed"``, as listed; ``"random"``, any permutation per item.
        shuffle_groups: lists of labels; the effects of a group, which must stand next to each other, are permuted
            among themselves. Only with the fixed order.

    Raises:
        ArgumentError: an effect is unknown, two have one label, a probability or range is wrong, or a group is torn.
    """

    def __init__(
        self,
        effects: Sequence[ChainEffect | Processor | str],
        order: Literal["fixed", "random"] = "fixed",
        shuffle_groups: Sequence[Sequence[str]] = (),
    ) -> None:
        super().__init__()
        given = check_list("a chain", effects, "ChainEffect")
        self.effects = [effect if isinstance(effect, ChainEffect) else ChainEffect(effect) for effect in given]
        # A dictionary of modules would refuse labels such as "keys", which are names of its own.
        self.processors: dict[str, Processor] = {}
        for effect in self.effects:
            self._add(effect)
        self.registered = nn.ModuleList(self.processors.values())
        if order not in ("fixed", "random"):
            raise ArgumentError(f"order is {order!r}; expected 'fixed' or 'random'")
        self.order = order
        names = list(self.processors)
        self.groups = [names] if order == "random" else _group(names, shuffle_groups)

    def _add(self, effect: ChainEffect) -> None:
        processor = find_processor(effect.processor)
        label = check_label(effect.label, processor)
        if label in self.processors:
            raise ArgumentError(f"{label} is listed twice in the chain: give one of them another label")
        if not is_number(effect.probability) or not 0.0 <= effect.probability <= 1.0:
            raise ArgumentError(f"probability of {label} is {effect.probability!r}; expected 0 to 1")
        shares = effect.mix if isinstance(effect.mix, (tuple, list)) else (effect.mix, effect.mix)
        fits = len(shares) == 2 and all(is_number(share) for share in shares)
        if not fits or not 0.0 <= shares[0] <= shares[1] <= 1.0:
            raise ArgumentError(f"mix of {label} is {effect.mix}; expected 0 to 1, or a range within")
        processor.check_ranges(effect.ranges)
        self.processors[label] = processor

    def sample(self, generator: torch.Generator, sample_rate: float | None = None) -> Settings:
        """Draw the settings of one item.

        Args:
            generator: the only source of chance.
            sample_rate: Hz, of the audio they are meant for: no filter is drawn above what it can hold. Where it holds
                all that the ranges allow, as 44100 Hz does, the same is drawn with it as without.

        Returns:
            The active effects in order; empty if none is.
        """
        if not isinstance(generator, torch.Generator):
            raise ArgumentError(f"generator is {generator!r}; give torch.Generator().manual_seed(0)")
        by_label = dict(zip(self.processors, self.effects, strict=True))
        settings: Settings = []
        for group in self.groups:
            for position in torch.randperm(len(group), generator=generator).tolist() if len(group) > 1 else [0]:
                label, effect = group[position], by_label[group[position]]
                if float(torch.rand((), generator=generator)) < effect.probability:
                    settings.append(self._draw(label, effect, generator, sample_rate))
        return settings

    def _draw(
        self, label: str, effect: ChainEffect, generator: torch.Generator, sample_rate: float | None
    ) -> dict[str, Any]:
        processor = self.processors[label]
        entry: dict[str, Any] = {"effect": processor.name}
        if label != processor.name:
            entry["label"] = label
        entry["settings"] = processor.sample(generator, effect.ranges, sample_rate)
        if effect.match_rms:
            entry["match_rms"] = True
        low, high = effect.mix_range
        if low < high:
            entry["mix"] = low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))
        elif low < 1.0:
            entry["mix"] = low
        return entry

    def sample_batch(
        self, generator: torch.Generator, batch_size: int, sample_rate: float | None = None
    ) -> list[Settings]:
        """Draw independent settings for every item of a batch, as `sample` does."""
        return [self.sample(generator, sample_rate) for _ in range(batch_size)]

    def redraw(
        self,
        settings: Settings,
        share: float,
        generator: torch.Generator,
        sample_rate: float | None = None,
    ) -> Settings:
        """Draw some of the effects anew and keep the others as they are: settings that sound near the given ones.

        Args:
            settings: of one item, as `sample` drew them.
            share: chance of each effect, active or not, to be drawn anew; 0 to 1.
            generator: the only source of chance.
            sample_rate: Hz, as for `sample`.

        Returns:
            New settings: effects that are kept stay in their order and share their entries with the given ones; newly
            active ones stand at a random place of their group.

        Raises:
            ArgumentError: the share is out of range, or the settings name an effect that this chain does not have.
        """
        if not 0.0 <= share <= 1.0:
            raise ArgumentError(f"share is {share}; expected 0 to 1")
        given = {entry_label(entry): entry for entry in settings}
        for label in given:
            if label not in self.processors:
                raise ArgumentError(f"this chain has no {label}; it has {', '.join(self.processors)}")
        drawn = {entry_label(entry): entry for entry in self.sample(generator, sample_rate)}
        redrawn: Settings = []
        for group in self.groups:
            anew = [label for label in group if float(torch.rand((), generator=generator)) < share]
            run = [entry for label, entry in given.items() if label in group and label not in anew]
            for label in anew:
                if label in drawn:
                    run.insert(int(torch.randint(len(run) + 1, (), generator=generator)), drawn[label])
            redrawn += run
        return redrawn

    def forward(self, audio: torch.Tensor, sample_rate: int, settings: Settings | Sequence[Settings]) -> torch.Tensor:
        """Apply settings.

        Args:
            audio: (B, C, T), or (C, T) for a single item.
            sample_rate: Hz.
            settings: of one item, used for all; or a list of B of them.

        Returns:
            The shape of the audio, with two channels if any item passes a stereo effect. With no active effect the
            audio is returned bit for bit. The input is never written to.

        Raises:
            ArgumentError: settings that do not fit the batch, name unknown effects or are out of range.
            AudioError: the audio is unusable.
        """
        if isinstance(audio, torch.Tensor) and audio.dim() == 2:
            return render_settings(audio.unsqueeze(0), sample_rate, settings, self.processors).squeeze(0)
        return render_settings(audio, sample_rate, settings, self.processors)

    def stream(self, sample_rate: int, settings: Settings) -> Stream:
        """Return the chain with its memory, for a signal that arrives in blocks.

        Args:
            sample_rate: Hz.
            settings: of one item, used for all of the batch.

        Returns:
            A stream for blocks (B, C, T); all its output, joined, equals the chain on the whole signal to -90 dB.

        Raises:
            ArgumentError: settings that name unknown effects or are out of range, or an effect that needs the whole
                signal, as the matching of levels does.
        """
        return stream_settings(sample_rate, settings, self.processors)


def _group(names: list[str], shuffle_groups: Sequence[Sequence[str]]) -> list[list[str]]:
    """Split the names into runs: one per shuffle group, one per effect outside of all groups."""
    runs, position = [], 0
    wanted = [sorted(group) for group in shuffle_groups]
    while position < len(names):
        sizes = [len(group) for group in wanted if sorted(names[position : position + len(group)]) == group]
        size = max(sizes, default=1)
        runs.append(names[position : position + size])
        position += size
    for group in wanted:
        if len(group) > 1 and group not in [sorted(run) for run in runs]:
            raise ArgumentError(f"shuffle group {', '.join(group)} is not a run of neighbours in {', '.join(names)}")
    return runs

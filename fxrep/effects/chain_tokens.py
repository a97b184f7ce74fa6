"""The settings of a chain as a sequence of tokens, and back: for networks that write chains.

A sequence is the start, then for every effect in order its name and the values of its settings in a fixed order, then
the end. Numbers are quantised on the scale of their parameter between the ends of the chain's range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from fxrep.effects.chain import ChainEffect, EffectChain
from fxrep.effects.chain_settings import Settings, entry_label
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.errors import ArgumentError

PAD, START, END = 0, 1, 2
_FIRST_EFFECT = 3
_MIX = Parameter("mix", "", 0.0, 1.0)


@dataclass(frozen=True)
class Field:
    """One value that follows an effect's name: a number between two ends, or one of several names.

    Attributes:
        name: of the setting; ``mix`` of the chain's own share has `of_chain`.
        values: number of tokens that it may be.
        parameter: scale of a number; None for names.
        low, high: ends of a number's range, in its unit.
        options: the names.
        of_chain: the share of the effect beside its input, which stands beside the settings.
    """

    name: str
    values: int
    parameter: Parameter | None = None
    low: float = 0.0
    high: float = 0.0
    options: tuple[Any, ...] = ()
    of_chain: bool = False

    def place(self, value: Any) -> int:
        """The token of a value, counted from 0."""
        if self.parameter is None:
            return self.options.index(value)
        start, end = self.parameter.normalize(self.low), self.parameter.normalize(self.high)
        if end <= start:
            return 0
        share = (self.parameter.normalize(float(value)) - start) / (end - start)
        return min(max(int(share * self.values), 0), self.values - 1)

    def value(self, place: int) -> Any:
        """The value in the middle of a token's span."""
        if self.parameter is None:
            return self.options[place]
        start, end = self.parameter.normalize(self.low), self.parameter.normalize(self.high)
        middle = self.parameter.denormalize(start + (end - start) * (place + 0.5) / self.values)
        return min(max(float(middle), self.low), self.high)


class ChainTokens:
    """The vocabulary of one chain and the grammar of its sequences.

    A slot is what is expected next: slot 0 an effect or the end, every other slot one field of one effect.

    Args:
        chain: whose effects, ranges and choices there are.
        bins: tokens of a number; neighbouring ones differ by 1 / bins of its range.

    Raises:
        ArgumentError: bins is below 2.
    """

    def __init__(self, chain: EffectChain, bins: int = 32) -> None:
        if bins < 2:
            raise ArgumentError(f"bins is {bins}: a number needs at least 2 tokens")
        self.labels = list(chain.processors)
        self.names = [processor.name for processor in chain.processors.values()]
        self.match_rms = [effect.match_rms for effect in chain.effects]
        self.fields = [
            _fields(processor, effect, bins)
            for processor, effect in zip(chain.processors.values(), chain.effects, strict=True)
        ]
        everything = [field for fields in self.fields for field in fields]
        self.first_value = _FIRST_EFFECT + len(self.labels)
        self.size = self.first_value + max((field.values for field in everything), default=0)
        self.slots = 1 + len(everything)
        self.longest = 2 + len(self.labels) + len(everything)
        counts = [len(fields) for fields in self.fields]
        self._first_slot = [1 + sum(counts[:place]) for place in range(len(counts))]

    def allowed(self) -> torch.Tensor:
        """Which tokens may follow in each slot: (slots, size) of booleans."""
        allowed = torch.zeros(self.slots, self.size, dtype=torch.bool)
        allowed[0, END] = True
        allowed[0, _FIRST_EFFECT : self.first_value] = True
        for first, fields in zip(self._first_slot, self.fields, strict=True):
            for place, field in enumerate(fields):
                allowed[first + place, self.first_value : self.first_value + field.values] = True
        return allowed

    def encode(self, settings: Settings) -> list[int]:
        """Tokens of the settings of one item, start and end with them.

        Raises:
            ArgumentError: an effect is not of the chain, comes twice, or lacks a setting.
        """
        tokens, seen = [START], set()
        for entry in settings:
            label = entry_label(entry)
            if label not in self.labels or label in seen:
                raise ArgumentError(f"{label} is not in this chain, or twice: it has {', '.join(self.labels)}")
            seen.add(label)
            place = self.labels.index(label)
            tokens.append(_FIRST_EFFECT + place)
            tokens.extend(self.first_value + field.place(_read(entry, field)) for field in self.fields[place])
        return [*tokens, END]

    def decode(self, tokens: Sequence[int]) -> Settings:
        """Settings of a sequence as `encode` writes them; what comes after the end is left out.

        Raises:
            ArgumentError: the sequence breaks the grammar.
        """
        settings: Settings = []
        position = 1
        while position < len(tokens) and tokens[position] != END:
            place = tokens[position] - _FIRST_EFFECT
            if not 0 <= place < len(self.labels):
                raise ArgumentError(f"token {tokens[position]} at {position} is no effect")
            values = tokens[position + 1 : position + 1 + len(self.fields[place])]
            if len(values) < len(self.fields[place]):
                raise ArgumentError(f"the sequence ends within {self.labels[place]}")
            settings.append(self._entry(place, values))
            position += 1 + len(values)
        return settings

    def expected(self, tokens: Sequence[int]) -> list[int]:
        """After each token of a sequence, the slot of the one that follows."""
        slots: list[int] = []
        slot, left = 0, 0
        for token in tokens:
            if _FIRST_EFFECT <= token < self.first_value:
                place = token - _FIRST_EFFECT
                slot, left = self._first_slot[place] - 1, len(self.fields[place])
            slot = slot + 1 if left else 0
            left = max(0, left - 1)
            slots.append(slot)
        return slots

    def _entry(self, place: int, values: Sequence[int]) -> dict[str, Any]:
        label, name = self.labels[place], self.names[place]
        read = {}
        for field, token in zip(self.fields[place], values, strict=True):
            if not 0 <= token - self.first_value < field.values:
                raise ArgumentError(f"token {token} is no {field.name} of {label}")
            read[field] = field.value(token - self.first_value)
        entry: dict[str, Any] = {"effect": name, **({"label": label} if label != name else {})}
        entry["settings"] = {field.name: value for field, value in read.items() if not field.of_chain}
        if self.match_rms[place]:
            entry["match_rms"] = True
        shares = [value for field, value in read.items() if field.of_chain]
        return {**entry, "mix": shares[0]} if shares and shares[0] < 1.0 else entry


def _fields(processor: Processor, effect: ChainEffect, bins: int) -> list[Field]:
    fields = []
    for parameter in processor.parameter_table:
        if parameter.name in effect.ranges or parameter.default is not None:
            low, high = effect.ranges.get(parameter.name, (parameter.minimum, parameter.maximum))
            count = bins if low < high else 1
            fields.append(Field(parameter.name, count, parameter, float(low), float(high)))
    for choice in processor.choices:
        options = tuple(effect.ranges.get(choice.name, (choice.default,)))
        fields.append(Field(choice.name, len(options), options=options))
    low, high = effect.mix_range
    if low < 1.0:
        fields.append(Field("mix", bins if low < high else 1, _MIX, low, high, of_chain=True))
    return fields


def _read(entry: Mapping[str, Any], field: Field) -> Any:
    if field.of_chain:
        return entry.get("mix", 1.0)
    if field.name not in entry["settings"]:
        raise ArgumentError(f"{entry_label(entry)} has no {field.name}: give every setting of the chain")
    value = entry["settings"][field.name]
    if field.parameter is None and value not in field.options:
        raise ArgumentError(f"{field.name} of {entry_label(entry)} is {value!r}: the chain has {field.options}")
    return value

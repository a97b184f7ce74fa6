"""What a processor can be set to: named, with a unit, a range and a scale."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch

from fxrep.errors import ArgumentError

Scale = Literal["linear", "log", "db"]
Number = TypeVar("Number", float, torch.Tensor)

SCALES = ("linear", "log", "db")


@dataclass(frozen=True)
class Parameter:
    """One continuous setting of a processor.

    Attributes:
        name: keyword of the processor's function; its suffix carries the unit.
        unit: for people, for example ``"dB"``; empty for plain ratios.
        minimum: smallest allowed value.
        maximum: largest allowed value.
        scale: how values spread over [0, 1]: ``linear``; ``log`` (equal steps are equal ratios, for frequencies
            and times); ``db`` (linear in decibels).
        default: value when none is given. None: this part of the processor is off unless a value is given.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    scale: Scale = "linear"
    default: float | None = 0.0

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ArgumentError(f"{self.name}: scale {self.scale!r} is not one of {', '.join(SCALES)}")
        if not self.minimum < self.maximum or (self.scale == "log" and self.minimum <= 0):
            raise ArgumentError(f"{self.name}: range {self.minimum} to {self.maximum} is empty or not for a log scale")
        if self.default is not None and not self.minimum <= self.default <= self.maximum:
            raise ArgumentError(
                f"{self.name}: default {self.default} is outside {self.minimum} to {self.maximum}; name one"
            )

    def normalize(self, value: Number) -> Number:
        """Map a value in its unit to [0, 1]."""
        if self.scale != "log":
            return (value - self.minimum) / (self.maximum - self.minimum)
        span = math.log(self.maximum / self.minimum)
        if isinstance(value, torch.Tensor):
            return torch.log(value / self.minimum) / span
        return math.log(value / self.minimum) / span

    def denormalize(self, position: Number) -> Number:
        """Map a position in [0, 1] to a value in its unit."""
        if self.scale != "log":
            return self.minimum + position * (self.maximum - self.minimum)
        span = math.log(self.maximum / self.minimum)
        if isinstance(position, torch.Tensor):
            return self.minimum * torch.exp(position * span)
        return self.minimum * math.exp(position * span)


@dataclass(frozen=True)
class Choice:
    """One setting of a processor that is a name, not a number.

    Attributes:
        name: keyword of the processor's function.
        options: the allowed names.
        default: the name used when none is given.
    """

    name: str
    options: tuple[str, ...]
    default: str

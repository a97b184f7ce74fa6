"""The module that goes with every effect function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn

from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.settings import HIGHEST_FREQUENCY, is_number
from fxrep.effects.streaming import MemorylessStream, Stream
from fxrep.errors import ArgumentError

Range = Sequence[Any]


class Processor(nn.Module):
    """An effect function together with the table of its settings.

    A subclass names the function and the table; it holds no state and draws nothing at random when applied.

    Attributes:
        name: key of the processor in ``PROCESSORS``.
        function: ``function(audio, sample_rate, **settings)``, the truth of the effect.
        parameter_table: its continuous settings.
        choices: its settings that are names.
        stereo: True if the output always has two channels.
        tensor_dims: its settings that are tensors, by name: how many dimensions they have where there is one piece per
            item, the first of them the batch.
        above_nyquist: its frequencies that have a meaning above half the sample rate too.
        memoryless: True if every output sample depends on one input sample; others write their own `stream`.
    """

    name: ClassVar[str]
    function: ClassVar[Callable[..., torch.Tensor]]
    parameter_table: ClassVar[tuple[Parameter, ...]] = ()
    choices: ClassVar[tuple[Choice, ...]] = ()
    tensor_dims: ClassVar[Mapping[str, int]] = {}
    above_nyquist: ClassVar[tuple[str, ...]] = ()
    stereo: ClassVar[bool] = False
    memoryless: ClassVar[bool] = False

    def forward(self, audio: torch.Tensor, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Apply the effect; settings not given take the defaults of the table.

        Args:
            audio: (B, C, T).
            sample_rate: Hz.
            settings: by name, in physical units; a number for all items or a tensor (B,).

        Returns:
            (B, C, T), or (B, 2, T) if the processor is a stereo one.

        Raises:
            ArgumentError: a setting is unknown or out of range.
            AudioError: the audio is unusable.
        """
        self.check_names(settings)
        return type(self).function(audio, sample_rate, **{**self.defaults(), **settings})

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect with its memory, for a signal that arrives in blocks.

        Args:
            sample_rate: Hz.
            settings: as for `forward`.

        Returns:
            A stream; all its output, joined, equals `forward` of the whole signal to -90 dB.

        Raises:
            ArgumentError: a setting is unknown or out of range, or this effect cannot be streamed.
        """
        self.check_names(settings)
        if not type(self).memoryless:
            raise ArgumentError(f"{self.name} cannot be rendered in blocks")
        return MemorylessStream(lambda block: self(block, sample_rate, **settings))

    def defaults(self) -> dict[str, Any]:
        """Return the default of every setting that has one."""
        numbers = {p.name: p.default for p in self.parameter_table if p.default is not None}
        return {**numbers, **{choice.name: choice.default for choice in self.choices}}

    def setting_names(self) -> tuple[str, ...]:
        """Return the names of all settings, continuous ones first."""
        return tuple(p.name for p in self.parameter_table) + tuple(choice.name for choice in self.choices)

    def check_names(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that this processor does not have.

        Raises:
            ArgumentError: a name is unknown.
        """
        for name in settings:
            if name not in self.setting_names():
                raise ArgumentError(
                    f"{self.name} has no setting {name!r}; choose from {', '.join(self.setting_names())}"
                )

    def highest_frequencies(self, sample_rate: float) -> dict[str, float]:
        """Return the settings whose range reaches beyond what a sample rate can hold, and how far it can, in Hz.

        Args:
            sample_rate: Hz.
        """
        limit = HIGHEST_FREQUENCY * sample_rate
        return {
            p.name: max(limit, p.minimum)
            for p in self.parameter_table
            if p.unit == "Hz" and p.maximum > limit and p.name not in self.above_nyquist
        }

    def sample(
        self,
        generator: torch.Generator,
        ranges: Mapping[str, Range] | None = None,
        sample_rate: float | None = None,
    ) -> dict[str, float | str]:
        """Draw settings: uniform on the scale of each parameter, choices at their default.

        Args:
            generator: the only source of chance.
            ranges: narrower ranges by name: (low, high) for a parameter, the names to choose from for a choice.
                A parameter without default is drawn only if it is named here.
            sample_rate: Hz; ranges of frequencies end where it does (0.49 of it). None: they stay as they are.

        Returns:
            Plain numbers and names by setting, in physical units, ready for JSON.

        Raises:
            ArgumentError: a range is unknown, reversed, or wider than the parameter's.
        """
        ranges = self.check_ranges(ranges or {})
        limits = self.highest_frequencies(sample_rate) if sample_rate is not None else {}
        drawn: dict[str, float | str] = {}
        for parameter in self.parameter_table:
            if parameter.name in ranges or parameter.default is not None:
                limit = limits.get(parameter.name, parameter.maximum)
                low, high = (min(float(e), limit) for e in ranges.get(parameter.name, (parameter.minimum, limit)))
                drawn[parameter.name] = _draw_between(parameter, low, high, generator)
        for choice in self.choices:
            options = ranges.get(choice.name, (choice.default,))
            index = int(torch.randint(len(options), (), generator=generator)) if len(options) > 1 else 0
            drawn[choice.name] = options[index]
        return drawn

    def check_ranges(self, ranges: Mapping[str, Range]) -> Mapping[str, Range]:
        """Return the ranges if they lie within the table.

        Raises:
            ArgumentError: a range is unknown, reversed, empty, or wider than the parameter's.
        """
        self.check_names(ranges)
        for parameter in self.parameter_table:
            pair = ranges.get(parameter.name, (parameter.minimum, parameter.maximum))
            fits = isinstance(pair, Sequence) and len(pair) == 2 and all(is_number(edge) for edge in pair)
            if not fits or not parameter.minimum <= pair[0] <= pair[1] <= parameter.maximum:
                allowed = f"{parameter.minimum:g} to {parameter.maximum:g} {parameter.unit}".strip()
                raise ArgumentError(f"{self.name}: range {pair} of {parameter.name} is not within {allowed}")
        for choice in self.choices:
            options = ranges.get(choice.name, choice.options)
            fits = isinstance(options, Sequence) and not isinstance(options, str) and len(options) > 0
            if not fits or any(option not in choice.options for option in options):
                raise ArgumentError(
                    f"{self.name}: {options!r} is not a selection of {choice.name}: {', '.join(choice.options)}"
                )
        return ranges


def _draw_between(parameter: Parameter, low: float, high: float, generator: torch.Generator) -> float:
    start, end = parameter.normalize(low), parameter.normalize(high)
    position = start + (end - start) * float(torch.rand((), generator=generator, dtype=torch.float64))
    return min(max(parameter.denormalize(position), low), high)

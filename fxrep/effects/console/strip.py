"""A strip of a console: processors in series, with the table of what can be set on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from fxrep.effects.console.blending import WET, blend_effect, wet_parameter
from fxrep.effects.parameters import Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.registry import PROCESSORS, check_label, check_list, find_processor
from fxrep.effects.settings import real_dtype
from fxrep.effects.streaming import MixStream, SeriesStream, Stream
from fxrep.errors import ArgumentError

StripValues = Mapping[str, Mapping[str, Any]]
# A row of a column that switches an optional setting off, since a tensor cannot hold None.
OFF = float("nan")


@dataclass(frozen=True)
class StripEffect:
    """One effect of a strip.

    Attributes:
        processor: a processor, or the name of one.
        label: what the strip calls it; needed for two of one processor. None: the processor's name.
        ranges: narrower ranges of settings; also takes a setting without default into the controller's tensor.
        fixed: settings that are the same for every mix: choices, seeds, the mix of a reverb on a bus.
        manual: settings that only a person changes; a controller has no position for them.
        linear: spread every setting linearly over [0, 1], whatever scale the processor's table has.
        wet: gives the effect one more setting, ``wet``, with this default: its weight beside what came in, from 0 (the
            input, bit for bit) to 1 (the effect). With 0 also what is not neutral by its own settings is. None: there
            is no such setting, and the effect is all that is heard.
    """

    processor: Processor | str
    label: str | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    manual: Sequence[str] = ()
    linear: bool = False
    wet: float | None = None


class Strip(nn.Module):
    """Effects in series. Values are given by label and setting; what is not given is at its default.

    Attributes:
        processors: by label, in the order of the signal.
        tables: the settings that a controller has, by label; the order of its tensor.
        optional: the settings that only a person changes, by label; without default they are off until then.
        fixed: the settings that never change, by label.
        weights: the default of ``wet``, by label, of the effects that have it.

    Raises:
        ArgumentError: an effect is unknown or listed twice, or a range or fixed setting is wrong.
    """

    def __init__(self, effects: Sequence[StripEffect | Processor | str]) -> None:
        super().__init__()
        self.processors: dict[str, Processor] = {}
        self.tables: dict[str, dict[str, Parameter]] = {}
        self.optional: dict[str, dict[str, Parameter]] = {}
        self.fixed: dict[str, dict[str, Any]] = {}
        self.weights: dict[str, float] = {}
        for effect in check_list("a strip", effects, "StripEffect"):
            self._add(effect if isinstance(effect, StripEffect) else StripEffect(effect))
        # Registered, so that what a processor has learnt moves and is saved with the console.
        self.registered = nn.ModuleList(self.processors.values())

    def _add(self, effect: StripEffect) -> None:
        processor = find_processor(effect.processor)
        label = check_label(effect.label, processor)
        if label in self.processors:
            raise ArgumentError(f"{label} is listed twice in a strip: give one of them another label")
        if "." in label:
            raise ArgumentError(f"{label!r} cannot be a label: leave out the dot")
        processor.check_ranges(effect.ranges)
        processor.check_names({**effect.fixed, **dict.fromkeys(effect.manual)})
        if effect.wet is not None and WET in processor.setting_names():
            raise ArgumentError(f"{label} has a setting {WET!r} of its own: leave {WET} out")
        self.processors[label] = processor
        self.fixed[label] = dict(effect.fixed)
        self.tables[label], self.optional[label] = {}, {}
        for parameter in processor.parameter_table:
            if parameter.name in effect.fixed:
                continue
            exposed = parameter.default is not None or parameter.name in effect.ranges
            kind = self.tables if exposed and parameter.name not in effect.manual else self.optional
            kind[label][parameter.name] = _narrowed(parameter, effect)
        if effect.wet is not None:
            self.tables[label][WET] = wet_parameter(effect.wet)
            self.weights[label] = effect.wet

    @property
    def size(self) -> int:
        """How many numbers a controller sets on this strip."""
        return sum(len(table) for table in self.tables.values())

    @property
    def stereo(self) -> bool:
        """Whether any effect always gives two channels."""
        return any(processor.stereo for processor in self.processors.values())

    def setting_names(self) -> list[str]:
        """Return ``label.setting`` for every column of the controller's tensor."""
        return [f"{label}.{name}" for label, table in self.tables.items() for name in table]

    def defaults(self) -> dict[str, dict[str, float | None]]:
        """Return every setting that a person can change, at its default; None is off."""
        return {
            label: {
                **{name: parameter.default for name, parameter in self.tables[label].items()},
                **{name: parameter.default for name, parameter in self.optional[label].items()},
            }
            for label in self.processors
            if self.tables[label] or self.optional[label]
        }

    def parameter(self, label: str, name: str) -> Parameter:
        """Return the table entry of one setting.

        Raises:
            ArgumentError: there is none; the message lists what there is.
        """
        if label not in self.processors:
            raise ArgumentError(f"there is no {label!r} here; choose from {', '.join(self.processors)}")
        known = {**self.tables[label], **self.optional[label]}
        if name not in known:
            fixed = " is fixed in this console" if name in self.processors[label].setting_names() else " is unknown"
            raise ArgumentError(f"{label}.{name}{fixed}; choose from {', '.join(known) or 'nothing'}")
        return known[name]

    def denormalize(self, positions: torch.Tensor) -> dict[str, dict[str, torch.Tensor]]:
        """Turn positions (…, size) in [0, 1] into values (…) in physical units, float64."""
        columns = iter(positions.to(real_dtype(positions.device)).unbind(-1))
        return {
            label: {name: parameter.denormalize(next(columns)) for name, parameter in table.items()}
            for label, table in self.tables.items()
        }

    def normalize(self, values: StripValues, shape: torch.Size) -> torch.Tensor:
        """Turn values into positions (*shape, size), the reverse of `denormalize`.

        Args:
            values: tensors that broadcast to the shape, by label and setting; defaults where there is none.
            shape: all dimensions but the last.

        Raises:
            ArgumentError: a setting without default has no value.
        """
        columns = []
        for label, table in self.tables.items():
            for name, parameter in table.items():
                value = values.get(label, {}).get(name, parameter.default)
                if value is None:
                    raise ArgumentError(f"{label}.{name} is off: a position needs a number")
                columns.append(parameter.normalize(torch.as_tensor(value, dtype=torch.float64)).expand(shape))
        return torch.stack(columns, -1) if columns else torch.zeros((*shape, 0), dtype=torch.float64)

    def forward(self, audio: torch.Tensor, sample_rate: int, values: StripValues) -> torch.Tensor:
        """Send audio through the strip.

        An effect whose settings are all at their defaults is the identity and is left out, unless a gradient is
        wanted. A frequency that the sample rate cannot hold is taken down to 0.49 of it, so that positions and settings
        made for 44.1 kHz can be rendered at any rate.

        Args:
            audio: (R, C, T).
            sample_rate: Hz.
            values: by label and setting: a number or (R,); NaN in a row switches an optional setting off there, and
                as the weight ``wet`` the whole effect.

        Returns:
            (R, C or 2, T).
        """
        output = audio
        for _, processed in self.walk(audio, sample_rate, values):
            output = processed
        return output

    def walk(
        self, audio: torch.Tensor, sample_rate: int, values: StripValues, first: str | None = None
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """Do what `forward` does, and yield every effect by its label with what comes out of it.

        Args:
            audio: (R, C, T).
            sample_rate: Hz.
            values: as for `forward`.
            first: label of the effect to begin with, which the audio is then the input of; None: the first.
        """
        labels = list(self.processors)
        for label in labels[0 if first is None else labels.index(first) :]:
            audio = self._weigh(label, audio, sample_rate, values.get(label, {}))
            yield label, audio

    def _weigh(self, label: str, audio: torch.Tensor, sample_rate: int, values: Mapping[str, Any]) -> torch.Tensor:
        """Apply an effect with its weight, if it has one."""
        wet, rest = self._split_weight(label, values)
        return blend_effect(
            lambda part, chosen: self._process(label, part, sample_rate, chosen), audio, _plain(wet), rest
        )

    def _process(self, label: str, audio: torch.Tensor, sample_rate: int, values: Mapping[str, Any]) -> torch.Tensor:
        settings: dict[str, Any] = {name: _plain(value) for name, value in values.items()}
        for name in self.optional[label]:
            value = settings.get(name)
            if isinstance(value, torch.Tensor) and bool((off := value.isnan()).any()):
                if not bool(off.all()):
                    return self._apply_apart(label, audio, sample_rate, values, off)
                settings[name] = None
        settings = {name: value for name, value in settings.items() if value is not None}
        if self._is_neutral(label, settings):
            return audio
        processed: torch.Tensor = self.processors[label](audio, sample_rate, **self._held(label, settings, sample_rate))
        return processed

    def _held(self, label: str, settings: Mapping[str, Any], sample_rate: int) -> dict[str, Any]:
        """Return all settings of an effect, with frequencies that the sample rate cannot hold at the highest it can."""
        given = {**self.processors[label].defaults(), **self.fixed[label], **settings}
        for name, limit in self.processors[label].highest_frequencies(sample_rate).items():
            value = given.get(name)
            if value is not None:
                given[name] = value.clamp_max(limit) if isinstance(value, torch.Tensor) else min(value, limit)
        return given

    def _apply_apart(
        self, label: str, audio: torch.Tensor, sample_rate: int, values: Mapping[str, Any], off: torch.Tensor
    ) -> torch.Tensor:
        """Apply to the rows where a setting is off and to those where it is on, one after the other."""
        output: torch.Tensor | None = None
        for rows in (off.nonzero()[:, 0], (~off).nonzero()[:, 0]):
            chosen = {
                name: value[rows] if isinstance(value, torch.Tensor) and value.dim() and len(value) > 1 else value
                for name, value in values.items()
            }
            part = self._process(label, audio[rows], sample_rate, chosen)
            output = part.new_zeros((len(off), *part.shape[1:])) if output is None else output
            output = output.index_copy(0, rows, part)
        assert output is not None
        return output

    def _is_neutral(self, label: str, settings: Mapping[str, Any]) -> bool:
        processor = self.processors[label]
        given = {**self.fixed[label], **settings}
        defaults = {parameter.name: parameter.default for parameter in processor.parameter_table}
        # Beside numbers, choices say how, not how much: they do not take a neutral effect away from the identity.
        numbers = {name: value for name, value in given.items() if name in defaults}
        changed = any(isinstance(value, torch.Tensor) or value != defaults[name] for name, value in numbers.items())
        if not defaults:
            # Without numbers, as in a polarity switch, the choices are all there is.
            changed = any(given.get(choice.name, choice.default) != choice.default for choice in processor.choices)
        # Only of the registered ones is it known that their defaults are the identity.
        return PROCESSORS.get(processor.name) is type(processor) and not changed

    def stream(self, sample_rate: int, values: StripValues) -> Stream:
        """Return the strip with its memory, for values that are numbers (None: off)."""
        return SeriesStream(list(self.streams(sample_rate, values).values()))

    def streams(self, sample_rate: int, values: StripValues) -> dict[str, Stream]:
        """Return every effect that is in use with its memory, by label, in the order of the signal."""
        streams = {}
        for label, processor in self.processors.items():
            given = {name: value for name, value in values.get(label, {}).items() if value is not None}
            wet, settings = self._split_weight(label, given)
            if wet and not self._is_neutral(label, settings):
                stream = processor.stream(sample_rate, **self._held(label, settings, sample_rate))
                streams[label] = stream if wet == 1.0 else MixStream(stream, wet)
        return streams

    def _split_weight(self, label: str, values: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the weight of an effect, 1 where it has none, and its other settings."""
        default = self.weights.get(label)
        if default is None:
            return 1.0, dict(values)
        return values.get(WET, default), {name: value for name, value in values.items() if name != WET}


def _narrowed(parameter: Parameter, effect: StripEffect) -> Parameter:
    low, high = effect.ranges.get(parameter.name, (parameter.minimum, parameter.maximum))
    default = None if parameter.default is None else min(max(parameter.default, low), high)
    scale = "linear" if effect.linear else parameter.scale
    return dataclasses.replace(parameter, minimum=low, maximum=high, scale=scale, default=default)


def _plain(value: Any) -> Any:
    """Return one number for a column that says the same for all, so that effects can leave out what is off."""
    if not isinstance(value, torch.Tensor) or value.requires_grad:
        return value
    low, high = torch.aminmax(value)
    return float(low) if bool(low == high) else value

"""A trained proxy and the real effect as one processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch

from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor, Range
from fxrep.effects.proxies.model import ProxyNetwork
from fxrep.effects.settings import check_choice, check_input, read_settings
from fxrep.effects.streaming import Stream
from fxrep.errors import ArgumentError

Mode = Literal["hybrid", "half_hybrid", "proxy"]

MODES = ("hybrid", "half_hybrid", "proxy")


class NeuralProxy(Processor):
    """An effect whose gradient, in the settings and in the audio, is that of a network that imitates it.

    What it does depends on the mode and on whether it is in training mode (`train`, where modules begin) or in
    evaluation mode (`eval`):

    ============= ============================ ===================== ==========================
    mode          value while training         gradient              value and gradient in eval
    ============= ============================ ===================== ==========================
    hybrid        the real effect, bit for bit the network's         the real effect
    half_hybrid   the network                  the network's         the real effect
    proxy         the network                  the network's         the network
    ============= ============================ ===================== ==========================

    (C. Steinmetz, N. Bryan and J. Reiss, "Style Transfer of Audio Effects with Differentiable Signal Processing",
    JAES 2022, who call them full hybrid, half hybrid and neural proxy.) It carries the name and the setting names of
    the effect, so that settings can be exchanged with chains that hold the effect itself.

    Args:
        effect: the real one.
        network: told as many settings as `proxy_table` has.
        sample_rate: Hz at which the network was trained; it cannot work at another.
        ranges: what the network was trained on: narrower ranges by setting; a choice with the one name to use.
        settings: the settings that the network is told; all others stay at the effect's defaults. None: all that have
            a default or a range.
        mode: see above.
        trainable: let the optimiser of whatever holds this processor change the network.

    Raises:
        ArgumentError: the arguments do not fit the effect or each other.
    """

    def __init__(
        self,
        effect: Processor,
        network: ProxyNetwork,
        sample_rate: int,
        *,
        ranges: Mapping[str, Range] | None = None,
        settings: Sequence[str] | None = None,
        mode: Mode = "hybrid",
        trainable: bool = False,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ArgumentError(f"mode is {mode!r}; expected one of {', '.join(MODES)}")
        table = proxy_table(effect, ranges, settings)
        told = network.condition[0].in_features
        if told != len(table):
            raise ArgumentError(f"the network is told {told} settings; {effect.name} has {len(table)}")
        # A class of processors describes one effect for all its instances; here every instance may be another.
        vars(self).update(
            name=effect.name,
            parameter_table=table,
            choices=proxy_choices(effect, ranges),
            stereo=effect.stereo,
        )
        self.effect, self.network, self.mode, self.sample_rate = effect, network, mode, sample_rate
        network.requires_grad_(trainable)

    def forward(self, audio: torch.Tensor, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Apply the real effect or its imitation; see the class.

        Args:
            audio: (B, C, T).
            sample_rate: Hz.
            settings: by name, in physical units; a number for all items or a tensor (B,).

        Returns:
            (B, C, T), or (B, 2, T) if the effect is a stereo one.

        Raises:
            ArgumentError: a setting is unknown or outside the range of the training, or the network is asked to work at
                another sample rate than that of its training.
            AudioError: the audio is unusable.
        """
        columns, names = self._read(audio, sample_rate, settings)
        if self.mode != "proxy" and not self.training:
            applied: torch.Tensor = self.effect(audio, sample_rate, **columns, **names)
            return applied
        imitated = self.imitate(audio, sample_rate, columns)
        if self.mode != "hybrid":
            return imitated
        with torch.no_grad():
            real = self.effect(audio, sample_rate, **columns, **names)
        exchanged: torch.Tensor = _Exchange.apply(imitated, real)
        return exchanged

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the stream of the real effect: streams render, they do not train.

        Raises:
            ArgumentError: a setting is unknown, the effect cannot be streamed, or the mode is "proxy".
        """
        self.check_names(settings)
        if self.mode == "proxy":
            raise ArgumentError(f"the proxy of {self.name} cannot be rendered in blocks; mode 'hybrid' can")
        return self.effect.stream(sample_rate, **{**self.defaults(), **settings})

    def imitate(self, audio: torch.Tensor, sample_rate: int, columns: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the network's output.

        Args:
            audio: (B, C, T).
            sample_rate: Hz.
            columns: (B,) for every setting of the table, in physical units.

        Raises:
            ArgumentError: the sample rate is not that of the training.
        """
        if sample_rate != self.sample_rate:
            raise ArgumentError(
                f"the proxy of {self.name} was trained at {self.sample_rate} Hz; it cannot work at {sample_rate} Hz"
            )
        if self.stereo and audio.shape[1] == 1:
            audio = audio.expand(-1, 2, -1)
        parts = [parameter.normalize(columns[parameter.name]) for parameter in self.parameter_table]
        imitated: torch.Tensor = self.network(audio, torch.stack(parts, 1))
        return imitated

    def _read(
        self, audio: torch.Tensor, sample_rate: int, settings: Mapping[str, Any]
    ) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
        self.check_names(settings)
        check_input(audio, sample_rate)
        given = {**self.defaults(), **settings}
        names = {choice.name: check_choice(choice, given.pop(choice.name)) for choice in self.choices}
        columns = read_settings(audio, self.parameter_table, given)
        missing = [parameter.name for parameter in self.parameter_table if parameter.name not in columns]
        if missing:
            raise ArgumentError(
                f"the proxy of {self.name} needs {missing[0]}: None is not among what it was trained on"
            )
        return columns, names


class _Exchange(torch.autograd.Function):
    """The value of one tensor with the graph of another."""

    @staticmethod
    def forward(ctx: Any, imitated: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        return real.clone()

    @staticmethod
    def backward(ctx: Any, incoming: torch.Tensor) -> tuple[torch.Tensor, None]:
        return incoming, None


def proxy_table(
    effect: Processor, ranges: Mapping[str, Range] | None = None, settings: Sequence[str] | None = None
) -> tuple[Parameter, ...]:
    """Return the settings that a proxy of the effect is told, in its ranges; defaults are moved into them.

    Raises:
        ArgumentError: a name is unknown, a range is wider than the effect's or empty, or nothing is left.
    """
    ranges = effect.check_ranges(ranges or {})
    effect.check_names(dict.fromkeys(settings or ()))
    table = []
    for parameter in effect.parameter_table:
        chosen = parameter.name in settings if settings is not None else parameter.default is not None
        if not chosen and (settings is not None or parameter.name not in ranges):
            continue
        low, high = (float(end) for end in ranges.get(parameter.name, (parameter.minimum, parameter.maximum)))
        if not low < high:
            raise ArgumentError(f"{effect.name}: the range of {parameter.name} is one value; leave it out of settings")
        middle = replace(parameter, minimum=low, maximum=high, default=None).denormalize(0.5)
        default = middle if parameter.default is None else min(max(parameter.default, low), high)
        table.append(replace(parameter, minimum=low, maximum=high, default=default))
    if not table:
        raise ArgumentError(f"{effect.name} has no continuous setting that a proxy could be told")
    return tuple(table)


def proxy_choices(effect: Processor, ranges: Mapping[str, Range] | None = None) -> tuple[Choice, ...]:
    """Return the choices of the effect with the one option that the proxy stands for.

    Raises:
        ArgumentError: more than one option is asked for.
    """
    fixed = []
    for choice in effect.choices:
        options = tuple((ranges or {}).get(choice.name, (choice.default,)))
        if len(options) != 1:
            raise ArgumentError(f"{effect.name}: a proxy stands for one option of {choice.name}, not {len(options)}")
        fixed.append(Choice(choice.name, options, options[0]))
    return tuple(fixed)

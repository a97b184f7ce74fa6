"""What mixes are made with while a console's network is trained, and so where its gradients come from."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from encoders.configurable import Configurable
from fxrep.effects.black_box import BlackBox, Gradient
from fxrep.effects.console import MixingConsole, StripEffect
from fxrep.effects.console.strip import Strip
from fxrep.effects.processor import Processor
from fxrep.effects.proxies import NeuralProxy, ProxyNetwork, ProxySize, load_proxy
from fxrep.effects.proxies.processor import Mode, proxy_table
from fxrep.errors import ArgumentError


class Transformation(Configurable):
    """Base: exchanges effects of a console for others with the same settings. A subclass implements `exchange`.

    Only training uses it: mixes for people are always made with the console as it is.

    Args:
        effects: labels of the effects that are exchanged, on whichever strips they are.
    """

    effects: Sequence[str] = ()

    def exchange(self, label: str, processor: Processor, sample_rate: int) -> Processor:
        """Return what stands in for an effect.

        Args:
            label: of the effect.
            processor: the effect.
            sample_rate: Hz.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define exchange(label, processor, sample_rate)")

    def console_for(self, console: MixingConsole, sample_rate: int) -> MixingConsole:
        """Return the console with its effects exchanged; settings in physical units mean the same on both.

        Raises:
            ArgumentError: the console has no such effect.
        """
        if not self.effects:
            return console
        strips = [console.track, *console.groups.values(), *console.buses.values(), console.master]
        known = {label: one for strip in strips for label, one in strip.processors.items()}
        if missing := [label for label in self.effects if label not in known]:
            raise ArgumentError(f"this console has no effect {missing[0]!r}; choose from {', '.join(known)}")
        stand_ins = {label: self.exchange(label, known[label], sample_rate) for label in self.effects}
        return MixingConsole(
            track=_exchanged(console.track, stand_ins),
            groups={name: _exchanged(strip, stand_ins) for name, strip in console.groups.items()},
            buses={name: _exchanged(strip, stand_ins) for name, strip in console.buses.items()},
            master=_exchanged(console.master, stand_ins),
            name=console.name,
        )


class ExactEffects(Transformation):
    """The console itself, whose effects are differentiable."""


class ProxyEffects(Transformation):
    """Neural proxies in place of some effects (Steinmetz et al. 2021): networks that imitate them.

    Mixes for people are made with the effects themselves: hybrid inference.

    Args:
        proxies: by label of the effect, a folder that the proxies' trainer wrote (``fxrep train -c
            configs/effects/proxy_eq.yaml``); None: a network without training, the identity, for trying out.
        mode: ``half_hybrid``: mixes of training are the networks'; ``hybrid``: they are the effects', with the gradient
            of the networks; ``proxy``: as half_hybrid.

    Raises:
        CheckpointError: a folder is no release of a proxy.
    """

    def __init__(self, proxies: dict[str, str | None], mode: Mode = "half_hybrid") -> None:
        self.proxies, self.mode = dict(proxies), mode
        self.effects = list(self.proxies)

    def exchange(self, label: str, processor: Processor, sample_rate: int) -> Processor:
        """Open the proxy of an effect.

        Raises:
            ArgumentError: it imitates another effect, or works at another sample rate.
        """
        folder = self.proxies[label]
        if folder is None:
            size = ProxySize(channels=4, blocks=1, kernel=3, condition=4)
            network = ProxyNetwork(len(proxy_table(processor)), size)
            return NeuralProxy(processor, network, sample_rate, mode=self.mode)
        proxy = load_proxy(folder, mode=self.mode)
        if proxy.name != processor.name or proxy.sample_rate != sample_rate:
            raise ArgumentError(
                f"{folder} imitates {proxy.name} at {proxy.sample_rate} Hz; the console has {processor.name} as "
                f"{label}, and the model works at {sample_rate} Hz"
            )
        return proxy


class BlackBoxEffects(Transformation):
    """Effects of which only the output is used: gradients of their settings are estimated from further renders.

    For effects that cannot be differentiated, shown here with those of the console. A plug-in comes in by a subclass
    whose `exchange` returns a `fxrep.effects.black_box.BlackBox` around it.

    Args:
        effects: labels of the effects.
        gradient: ``spsa`` (two renders for every sample) or ``finite_differences`` (two for every setting).
        samples: of SPSA, averaged.
        step: distance to either side, of the range of a setting.
        seed: of SPSA.
    """

    def __init__(
        self,
        effects: Sequence[str] = ("parametric_eq", "compressor"),
        gradient: Gradient = "spsa",
        samples: int = 1,
        step: float = 0.02,
        seed: int = 0,
    ) -> None:
        self.effects = list(effects)
        self.gradient: Gradient = gradient
        self.samples, self.step, self.seed = samples, step, seed

    def exchange(self, label: str, processor: Processor, sample_rate: int) -> Processor:
        """Close an effect into a black box."""
        return BlackBox(
            functools.partial(_render, processor),
            f"black_box_{processor.name}",
            processor.parameter_table,
            choices=processor.choices,
            gradient=self.gradient,
            samples=self.samples,
            step=self.step,
            seed=self.seed,
            batched=True,
            stereo=processor.stereo,
        )


def check_reach(console: MixingConsole, lowest: Mapping[str, float], highest: Mapping[str, float]) -> None:
    """Refuse settings that go where a proxy was not trained.

    Args:
        console: with effects exchanged.
        lowest: least value of every setting, by its name on the strip, for example ``compressor.ratio``.
        highest: most.

    Raises:
        ArgumentError: naming the first, with both ranges.
    """
    strips = [console.track, *console.groups.values(), *console.buses.values(), console.master]
    for strip in strips:
        for label, table in strip.tables.items():
            for name, parameter in table.items():
                path = f"{label}.{name}"
                if not isinstance(strip.processors[label], NeuralProxy) or path not in lowest:
                    continue
                # Positions and back again round in the last place.
                spare = 1e-6 * (parameter.maximum - parameter.minimum)
                if lowest[path] < parameter.minimum - spare or highest[path] > parameter.maximum + spare:
                    raise ArgumentError(
                        f"{path} goes from {lowest[path]:g} to {highest[path]:g}, its proxy was trained from "
                        f"{parameter.minimum:g} to {parameter.maximum:g}: give the model ranges within that"
                    )


def _exchanged(strip: Strip, stand_ins: Mapping[str, Processor]) -> list[StripEffect]:
    return [
        StripEffect(stand_ins.get(label, processor), label, fixed=strip.fixed[label], manual=_manual(strip, label))
        for label, processor in strip.processors.items()
    ]


def _manual(strip: Strip, label: str) -> list[str]:
    return [name for name, parameter in strip.optional[label].items() if parameter.default is not None]


def _render(processor: Processor, audio: Any, sample_rate: int, **settings: Any) -> Any:
    """Apply an effect to (B, C, T) of NumPy; a setting is an array (B,) or a name."""
    values = {name: torch.from_numpy(one) if isinstance(one, np.ndarray) else one for name, one in settings.items()}
    with torch.no_grad():
        return processor(torch.from_numpy(audio), sample_rate, **values).numpy()

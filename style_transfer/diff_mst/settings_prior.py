"""Drawing settings of a console at random, for training on mixes whose settings are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from encoders.configurable import Configurable
from fxrep.effects.console import MixingConsole
from fxrep.effects.console.sends import SEND
from fxrep.effects.console.starting_point import is_compressor
from fxrep.effects.parameters import Parameter
from fxrep.errors import ArgumentError
from style_transfer.diff_mst.controller import Positions

Table = Mapping[str, Parameter]


class SettingsPrior(Configurable):
    """Base: where settings are drawn from. A subclass implements `draw_strip` and `draw_sends`."""

    def draw(
        self, console: MixingConsole, batch: int, tracks: int, generator: torch.Generator, track_lufs: float = -24.0
    ) -> Positions:
        """Draw the settings of `batch` mixes of `tracks` tracks; everything random comes from the generator.

        Args:
            console: of which the settings are.
            batch: B.
            tracks: N.
            generator: of the CPU.
            track_lufs: loudness of the tracks before the console, which thresholds go with.
        """
        rows = batch * tracks
        strip = self._draw_strips([console.track.tables], rows, generator, track_lufs, False)
        sends = self.draw_sends(rows, len(console.buses), generator)
        shared = [one.tables for one in (*console.groups.values(), *console.buses.values())]
        return Positions(
            torch.cat([strip, sends], dim=1).unflatten(0, (batch, tracks)),
            self._draw_strips(shared, batch, generator, track_lufs, True),
            self._draw_strips([console.master.tables], batch, generator, track_lufs, True),
        )

    def draw_effect(
        self, label: str, table: Table, rows: int, generator: torch.Generator, track_lufs: float, shared: bool
    ) -> dict[str, Tensor]:
        """Draw positions (rows,) by setting of one effect.

        Args:
            label: of the effect in its strip.
            table: its settings.
            rows: strips.
            generator: of all chance.
            track_lufs: loudness of the tracks.
            shared: a strip that several tracks go through.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define draw_effect")

    def draw_sends(self, rows: int, buses: int, generator: torch.Generator) -> Tensor:
        """Draw positions (rows, buses) of the sends."""
        raise NotImplementedError(f"{type(self).__name__} does not define draw_sends")

    def _draw_strips(
        self,
        strips: Sequence[Mapping[str, Table]],
        rows: int,
        generator: torch.Generator,
        track_lufs: float,
        shared: bool,
    ) -> Tensor:
        columns: list[Tensor] = []
        for tables in strips:
            for label, table in tables.items():
                drawn = self.draw_effect(label, table, rows, generator, track_lufs, shared)
                columns += [drawn[name].clamp(0.0, 1.0).float() for name in table]
        return torch.stack(columns, dim=1) if columns else torch.zeros(rows, 0)


class UniformPrior(SettingsPrior):
    """As published: every position evenly over its range, faders at 0 dB. Mixes seldom sound like music."""

    def draw_effect(
        self, label: str, table: Table, rows: int, generator: torch.Generator, track_lufs: float, shared: bool
    ) -> dict[str, Tensor]:
        """Draw evenly; see `SettingsPrior`."""
        if "fader" in label:
            return {name: _default(parameter, rows) for name, parameter in table.items()}
        return {name: torch.rand(rows, generator=generator) for name in table}

    def draw_sends(self, rows: int, buses: int, generator: torch.Generator) -> Tensor:
        """Draw evenly."""
        return torch.rand(rows, buses, generator=generator)


class ModeratePrior(SettingsPrior):
    """As people mix: most effects moderate, some extreme, many off.

    ===========  =========================================================  ==============================
    what         moderate                                                   extreme
    ===========  =========================================================  ==============================
    faders       normal, 5 dB around 0; shared strips 2 dB                  even, -24 to 10 dB
    equaliser    each band in use in 6 of 10; normal, 4 dB; frequency       even, -12 to 12 dB
                 even over its octaves, Q even over the octaves 0.4 to 2.5
    compressor   in use in 6 of 10; threshold even, 11 dB under to 14 dB    threshold 26 under to 19 above,
                 above the loudness of the tracks; ratio 1.5 to 6           ratio 1 to 20
    panner       a third near the middle, else even over nine tenths        even
    width        half at 1, else normal, 0.3 around 1                       even
    sends        off in half; else even, -36 to -8 dB                       up to 0 dB
    all other    normal around the default, 0.15 of the range               even
    ===========  =========================================================  ==============================

    On shared strips gains of equalisers are half of that.

    Args:
        extreme: share of effects that are drawn from the extreme.
        in_use: share of bands and compressors that are in use.
    """

    def __init__(self, extreme: float = 0.1, in_use: float = 0.6) -> None:
        if not (0.0 <= extreme <= 1.0 and 0.0 <= in_use <= 1.0):
            raise ArgumentError(f"extreme={extreme}, in_use={in_use}: expected shares from 0 to 1")
        self.extreme, self.in_use = extreme, in_use

    def draw_effect(
        self, label: str, table: Table, rows: int, generator: torch.Generator, track_lufs: float, shared: bool
    ) -> dict[str, Tensor]:
        """Draw as the table above says; see `SettingsPrior`."""
        chance = _Chance(rows, generator, self.extreme)
        if is_compressor(table):
            return self._compressor(table, chance, track_lufs)
        if any(name.endswith("_q") for name in table):
            return self._equalizer(table, chance, 0.5 if shared else 1.0)
        drawn = {}
        for name, parameter in table.items():
            if name == "gain_db":
                level = chance.either(chance.normal(2.0 if shared else 5.0), chance.even(-24.0, 10.0))
                drawn[name] = parameter.normalize(_within(parameter, level))
            elif name == "pan":
                drawn[name] = 0.5 + chance.either(self._pan(chance), chance.even(-0.5, 0.5))
            elif name == "width":
                moderate = torch.where(chance.is_below(0.5), 1.0, 1.0 + chance.normal(0.3))
                drawn[name] = parameter.normalize(_within(parameter, chance.either(moderate, chance.even(0.0, 2.0))))
            else:
                around = _default(parameter, rows) + chance.normal(0.15)
                drawn[name] = chance.either(around, chance.even(0.0, 1.0))
        return drawn

    def draw_sends(self, rows: int, buses: int, generator: torch.Generator) -> Tensor:
        """Half of them off."""
        columns = []
        for _ in range(buses):
            chance = _Chance(rows, generator, self.extreme)
            level = chance.either(chance.even(-36.0, -8.0), chance.even(-36.0, 0.0))
            columns.append(torch.where(chance.is_below(0.5), SEND.minimum, level))
        return SEND.normalize(torch.stack(columns, dim=1)) if columns else torch.zeros(rows, 0)

    def _pan(self, chance: _Chance) -> Tensor:
        return torch.where(chance.is_below(0.35), chance.even(-0.05, 0.05), chance.even(-0.45, 0.45))

    def _equalizer(self, table: Table, chance: _Chance, scale: float) -> dict[str, Tensor]:
        drawn = {}
        for name, parameter in table.items():
            if name.endswith("gain_db"):
                gain = chance.either(chance.normal(4.0), chance.even(-12.0, 12.0)) * scale
                used = torch.where(chance.is_below(self.in_use), gain, 0.0)
                drawn[name] = parameter.normalize(_within(parameter, used))
            elif name.endswith("_q"):
                octaves = chance.even(-1.32, 1.32)
                drawn[name] = parameter.normalize(_within(parameter, torch.pow(2.0, octaves)))
            else:
                drawn[name] = chance.even(0.0, 1.0)
        return drawn

    def _compressor(self, table: Table, chance: _Chance, track_lufs: float) -> dict[str, Tensor]:
        used = chance.is_below(self.in_use)
        threshold = track_lufs + chance.either(chance.even(-11.0, 14.0), chance.even(-26.0, 19.0))
        ratio = torch.exp(chance.either(chance.even(0.405, 1.792), chance.even(0.0, 2.996)))
        values = {"threshold_db": threshold, "ratio": ratio, "makeup_db": chance.even(0.0, 6.0)}
        drawn = {}
        for name, parameter in table.items():
            spread = chance.even(0.15, 0.85)
            position = parameter.normalize(_within(parameter, values[name])) if name in values else spread
            drawn[name] = torch.where(used, position, _default(parameter, len(position)))
        return drawn


class _Chance:
    """Columns of chance for the rows of one effect; which rows are extreme is drawn once."""

    def __init__(self, rows: int, generator: torch.Generator, extreme: float) -> None:
        self.rows, self.generator = rows, generator
        self.extreme = self.is_below(extreme)

    def is_below(self, share: float) -> Tensor:
        return torch.rand(self.rows, generator=self.generator) < share

    def even(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.rows, generator=self.generator)

    def normal(self, spread: float) -> Tensor:
        return spread * torch.randn(self.rows, generator=self.generator)

    def either(self, moderate: Tensor, extreme: Tensor) -> Tensor:
        return torch.where(self.extreme, extreme, moderate)


def _default(parameter: Parameter, rows: int) -> Tensor:
    middle = (parameter.minimum + parameter.maximum) / 2.0
    value = middle if parameter.default is None else parameter.default
    return torch.full((rows,), float(parameter.normalize(float(value))))


def _within(parameter: Parameter, values: Tensor) -> Tensor:
    return values.clamp(parameter.minimum, parameter.maximum)

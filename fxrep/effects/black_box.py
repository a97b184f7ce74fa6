"""Any Python function as an effect, with gradients by finite differences or SPSA."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from fxrep.effects.estimated_gradients import SPSA, FiniteDifferences, GradientEstimate, with_estimated_gradient
from fxrep.effects.foreign_function import ForeignFunction, Samples
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.processor import Processor
from fxrep.effects.registry import PROCESSORS
from fxrep.effects.settings import check_choice, check_input, read_settings
from fxrep.effects.streaming import MemorylessStream, Stream
from fxrep.errors import ArgumentError

Gradient = Literal["finite_differences", "spsa", "none"]
AudioGradient = Literal["straight_through", "none"]
BlockFunction = Callable[[Samples], Samples]

GRADIENTS = ("finite_differences", "spsa", "none")
AUDIO_GRADIENTS = ("straight_through", "none")


class BlackBox(Processor):
    """An effect of which nothing is known but what it puts out.

    The gradient in the settings is estimated from further renders while back-propagating: with finite differences two
    for every setting that needs one, with SPSA two for every sample. There is no estimate of the gradient in the
    audio, which would take two renders per sample of audio: "straight_through" hands the incoming gradient on as if
    the effect were the identity, so that effects in front of this one learn something, though not the truth; "none"
    ends the graph there. The gradients of this effect's own settings do not depend on that choice.

    Args:
        function: ``function(audio, sample_rate, **settings)`` with audio (C, T) float32 NumPy, its own copy, and plain
            numbers; returns (C, T). With `batched`, audio is (B, C, T) and every setting an array (B,), float64.
        name: of the processor in a chain; letters, digits and underscores, and none of the registry's.
        parameters: the continuous settings. One without default is only passed on if it is given.
        choices: the settings that are names; with `batched`, one name for all items.
        gradient: in the settings.
        audio_gradient: see above.
        step: distance to either side, in the range [0, 1] of a normalised setting.
        samples: of SPSA, averaged.
        seed: of SPSA.
        batched: the function takes whole batches.
        threads: items rendered at once; more than 1 only if the function may be called from several threads.
        stereo: the function always returns two channels.
        memoryless: every output sample depends on the input sample at its place, so that blocks can be given.
        open_stream: ``open_stream(sample_rate, **settings)`` returns a function of consecutive blocks (C, n) of one
            signal that keeps its state between calls and returns as many samples; for `stream`.
        block: length of the blocks that this function takes, in samples; only the last is shorter. None: any.

    Raises:
        ArgumentError: a name is taken or malformed, or a number is out of range.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        parameters: Sequence[Parameter] = (),
        *,
        choices: Sequence[Choice] = (),
        gradient: Gradient = "finite_differences",
        audio_gradient: AudioGradient = "straight_through",
        step: float = 0.01,
        samples: int = 1,
        seed: int = 0,
        batched: bool = False,
        threads: int = 1,
        stereo: bool = False,
        memoryless: bool = False,
        open_stream: Callable[..., BlockFunction] | None = None,
        block: int | None = None,
    ) -> None:
        super().__init__()
        _check_name(name)
        if gradient not in GRADIENTS:
            raise ArgumentError(f"gradient is {gradient!r}; expected one of {', '.join(GRADIENTS)}")
        if audio_gradient not in AUDIO_GRADIENTS:
            raise ArgumentError(f"audio_gradient is {audio_gradient!r}; expected one of {', '.join(AUDIO_GRADIENTS)}")
        if not 0.0 < step <= 0.5 or samples < 1 or threads < 1:
            raise ArgumentError(f"step={step}, samples={samples}, threads={threads}: expected 0 to 0.5, and 1 or more")
        # A class of processors describes one effect for all its instances; here every instance is another effect.
        vars(self).update(name=name, parameter_table=tuple(parameters), choices=tuple(choices), stereo=stereo)
        self.foreign = ForeignFunction(function, name, batched, threads, stereo)
        self.straight_through = audio_gradient == "straight_through"
        self.without_memory, self.open_stream, self.block = memoryless, open_stream, block
        self.estimate: GradientEstimate | None = None
        if gradient != "none":
            self.estimate = SPSA(step, samples, seed) if gradient == "spsa" else FiniteDifferences(step)

    def forward(self, audio: torch.Tensor, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Apply the function, on the CPU and in float32.

        Args:
            audio: (B, C, T).
            sample_rate: Hz.
            settings: by name, in physical units; a number for all items or a tensor (B,).

        Returns:
            (B, C, T), or (B, 2, T) if the effect is a stereo one; dtype and device of the audio.

        Raises:
            ArgumentError: a setting is unknown or out of range.
            AudioError: the audio is unusable, or what the function returned is.
            FxrepError: the function raised; the message names the effect and its settings.
        """
        columns, names = self.read(audio, sample_rate, settings)
        signals = audio.detach().cpu().numpy().astype(np.float32, copy=False)
        values = {name: column.detach().cpu().numpy() for name, column in columns.items()}
        render = functools.partial(self.foreign.render, signals, sample_rate, names=names)
        output = torch.from_numpy(render(values)).to(device=audio.device, dtype=audio.dtype)
        moved = [p for p in self.parameter_table if p.name in columns and columns[p.name].requires_grad]
        if not torch.is_grad_enabled() or not (moved or audio.requires_grad):
            return output
        # One rounding beyond the end of a range is accepted as a setting, but has no other side.
        parts = [p.normalize(columns[p.name]).clamp(0.0, 1.0) for p in moved]
        positions = torch.stack(parts, 1) if parts else audio.new_zeros(audio.shape[0], 0)
        estimate = None
        if self.estimate is not None and moved:
            place = positions.detach().cpu().double()
            estimate = functools.partial(_settings_gradient, self.estimate, render, values, moved, place)
        return with_estimated_gradient(audio, positions, output, estimate, self.straight_through)

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the effect for blocks, if it is memoryless or `open_stream` was given.

        Args:
            sample_rate: Hz.
            settings: as for `forward`.

        Raises:
            ArgumentError: a setting is unknown, or the effect cannot work in blocks.
        """
        self.check_names(settings)
        if self.without_memory:
            return MemorylessStream(lambda block: self(block, sample_rate, **settings))
        if self.open_stream is None:
            raise ArgumentError(f"{self.name} cannot be rendered in blocks: give open_stream, or say memoryless=True")
        return _BlackBoxStream(self, sample_rate, settings)

    def read(
        self, audio: torch.Tensor, sample_rate: int, settings: Mapping[str, Any]
    ) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
        """Return the checked columns (B,) of the continuous settings, and the names.

        Raises:
            ArgumentError: a setting is unknown or out of range.
            AudioError: the audio is unusable.
        """
        self.check_names(settings)
        check_input(audio, sample_rate)
        given = {**self.defaults(), **settings}
        names = {choice.name: check_choice(choice, given.pop(choice.name)) for choice in self.choices}
        return read_settings(audio, self.parameter_table, given), names


class _BlackBoxStream(Stream):
    """One function of blocks per item; how many items there are, the first block tells."""

    def __init__(self, effect: BlackBox, sample_rate: int, settings: Mapping[str, Any]) -> None:
        self.effect, self.sample_rate, self.settings = effect, sample_rate, settings
        self.items: list[tuple[BlockFunction, dict[str, float]]] = []
        self.kept: torch.Tensor | None = None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Render all whole blocks there are now."""
        if not self.items:
            self.items = self._open(block)
        if self.effect.block is None:
            return self._render(block)
        joined = block if self.kept is None else torch.cat((self.kept, block), -1)
        ready = joined.shape[-1] // self.effect.block * self.effect.block
        self.kept = joined[..., ready:].clone()
        parts = (
            [self._render(part) for part in torch.split(joined[..., :ready], self.effect.block, -1)] if ready else []
        )
        return torch.cat(parts, -1) if parts else self._silent(block)

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        """Render what is less than a block."""
        return self._render(self.kept) if self.kept is not None and self.kept.shape[-1] else None

    def _render(self, block: torch.Tensor) -> torch.Tensor:
        rendered = []
        for signal, (function, settings) in zip(block.float().cpu().numpy(), self.items, strict=True):
            output = self.effect.foreign.guard(functools.partial(function, signal.copy()), settings)
            rendered.append(self.effect.foreign.check(output, signal.shape, settings))
        return torch.from_numpy(np.stack(rendered)).to(block)

    def _silent(self, block: torch.Tensor) -> torch.Tensor:
        return block.new_empty(block.shape[0], 2 if self.effect.stereo else block.shape[1], 0)

    def _open(self, block: torch.Tensor) -> list[tuple[BlockFunction, dict[str, float]]]:
        columns, names = self.effect.read(block, self.sample_rate, self.settings)
        items = []
        for item in range(block.shape[0]):
            settings = {name: float(column[item]) for name, column in columns.items()}
            assert self.effect.open_stream is not None
            opening = functools.partial(self.effect.open_stream, self.sample_rate, **settings, **names)
            items.append((self.effect.foreign.guard(opening, settings), settings))
        return items


def _settings_gradient(
    estimate: GradientEstimate,
    render: Callable[[dict[str, Any]], Samples],
    values: Mapping[str, Any],
    moved: Sequence[Parameter],
    place: torch.Tensor,
    incoming: torch.Tensor,
) -> torch.Tensor:
    """Return the gradient (B, P) in the positions of the moved parameters, given that in the output."""
    weights = incoming.detach().cpu().double().numpy()

    def scores(positions: torch.Tensor) -> torch.Tensor:
        rows = []
        for row in positions:
            there = {p.name: p.denormalize(row[:, column]).numpy() for column, p in enumerate(moved)}
            # Of every render only its inner product with the incoming gradient is kept.
            rows.append(np.einsum("bct,bct->b", weights, render({**values, **there})))
        return torch.from_numpy(np.stack(rows))

    return estimate(scores, place)


def _check_name(name: str) -> None:
    if not name.isidentifier():
        raise ArgumentError(f"{name!r} cannot name an effect: use letters, digits and underscores")
    if name in PROCESSORS:
        raise ArgumentError(f"{name} is an effect of this library: call the black box something else")

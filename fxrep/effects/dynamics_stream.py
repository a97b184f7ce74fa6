"""Compressor, expander and gate for a signal that arrives in blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from fxrep.effects.gain_application_kernels import apply_rows
from fxrep.effects.gain_computer import GainCurve, time_coefficient
from fxrep.effects.gain_kernels import smooth_rows
from fxrep.effects.level_detector import CHANNEL_LINK, detect_level
from fxrep.effects.parameters import Parameter
from fxrep.effects.settings import check_choice, check_input, read_settings
from fxrep.effects.sidechain import check_sidechain
from fxrep.effects.streaming import Stream

LevelMemory = Callable[[torch.Tensor], torch.Tensor]


class GainStream:
    """A gain computer with its memory, on the CPU.

    Args:
        settings: of the gain computer.
    """

    def __init__(self, settings: GainCurve) -> None:
        self.curve, self.times = settings.curve().contiguous().numpy(), settings.times().contiguous().numpy()
        self.makeup_db = settings.makeup_db.contiguous().numpy()
        # A whole number of samples needs nothing beyond it.
        self.ahead = int(settings.lookahead.ceil().max())
        self.states: torch.Tensor | None = None
        self.smooth: torch.Tensor | None = None
        self.audio: torch.Tensor | None = None

    def push(self, audio: torch.Tensor, level_db: torch.Tensor) -> torch.Tensor:
        """Take audio (B, C, T) and its level (B, R, T) and return the audio whose gain is known."""
        self.audio = audio if self.audio is None else torch.cat((self.audio, audio), -1)
        self._smooth(level_db, level_db.shape[-1])
        return self._apply()

    def finish(self) -> torch.Tensor | None:
        """Return the audio whose look-ahead meets the end."""
        if self.smooth is None or not self.ahead:
            return None
        self._smooth(self.smooth[..., :0], self.ahead)
        return self._apply()

    def _smooth(self, level_db: torch.Tensor, samples: int) -> None:
        smooth = level_db.new_empty((*level_db.shape[:2], samples))
        if self.states is None:
            self.states = torch.zeros(level_db.shape[:2], dtype=torch.float64)
        # Item by item, row by row, as one dimension.
        level, states, out = (tensor.contiguous().flatten(0, 1) for tensor in (level_db, self.states, smooth))
        smooth_rows(level.numpy(), level_db.shape[1], self.curve, self.times, states.numpy(), out.numpy())
        self.smooth = smooth if self.smooth is None else torch.cat((self.smooth, smooth), -1)

    def _apply(self) -> torch.Tensor:
        assert self.audio is not None
        assert self.smooth is not None
        ready = max(0, self.smooth.shape[-1] - self.ahead)
        source, self.audio = self.audio[..., :ready].contiguous(), self.audio[..., ready:]
        output = torch.empty_like(source)
        if ready:
            # The sample after the last is read with weight 0 where the look-ahead is whole.
            smooth = torch.nn.functional.pad(self.smooth, (0, 1))
            apply_rows(source.numpy(), smooth.numpy(), self.times, self.makeup_db, output.numpy())
        self.smooth = self.smooth[..., ready:]
        return output


class DynamicsStream(Stream):
    """Detector, level memory and gain computer in blocks.

    Args:
        sample_rate: Hz.
        table: the settings of the effect.
        settings: all of them, by name, with the choices and the side chain.
        curve: what they mean for the gain computer.
        memory: makes what lies between detector and gain computer, for the checked columns: it maps the levels
            (B, R, T) of a block and keeps its own state.
    """

    def __init__(
        self,
        sample_rate: int,
        table: Sequence[Parameter],
        settings: Mapping[str, Any],
        curve: Callable[[dict[str, torch.Tensor], int], GainCurve],
        memory: Callable[[dict[str, torch.Tensor], int], LevelMemory] | None = None,
    ) -> None:
        names = {parameter.name for parameter in table}
        self.sample_rate, self.table, self.make_curve, self.make_memory = sample_rate, table, curve, memory
        self.numbers = {name: value for name, value in settings.items() if name in names}
        self.link = check_choice(CHANNEL_LINK, settings.get("link", CHANNEL_LINK.default))
        self.sidechain: torch.Tensor | None = settings.get("sidechain")
        self.position = 0
        self.gain: GainStream | None = None

    def _start(self, block: torch.Tensor) -> None:
        columns = {name: column.detach() for name, column in read_settings(block, self.table, self.numbers).items()}
        self.gain = GainStream(self.make_curve(columns, self.sample_rate))
        self.memory = self.make_memory(columns, self.sample_rate) if self.make_memory else None
        channels = block.shape[1] if self.sidechain is None else self.sidechain.shape[1]
        self.powers = torch.zeros((block.shape[0], channels if self.link == "none" else 1), dtype=torch.float64)
        self.keep = time_coefficient(columns["rms_ms"], self.sample_rate) if "rms_ms" in columns else None

    @torch.no_grad()
    def push(self, block: torch.Tensor) -> torch.Tensor:
        """Take the next block (B, C, T) and return what is ready."""
        check_input(block, self.sample_rate)
        if self.gain is None:
            self._start(block)
        assert self.gain is not None
        key = block
        if self.sidechain is not None:
            part = self.sidechain[..., self.position : self.position + block.shape[-1]]
            key = check_sidechain(part, block, self.link)
        self.position += block.shape[-1]
        level_db = detect_level(key, self.keep, link=self.link, powers=self.powers)
        return self.gain.push(block, level_db if self.memory is None else self.memory(level_db))

    @torch.no_grad()
    def finish(self) -> torch.Tensor | None:
        """Return what the look-ahead still owes."""
        return None if self.gain is None else self.gain.finish()

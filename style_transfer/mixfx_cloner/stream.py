"""The network over a stem that comes in blocks: every layer keeps what it has to hear again, nothing is done twice."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.effects.streaming import Stream
from fxrep.errors import AudioError
from style_transfer.mixfx_cloner.block_rendering import BlockRenderer
from style_transfer.mixfx_cloner.network import ClonerNetwork, told_condition


class ClonerStream(Stream):
    """`ClonerNetwork` in evaluation mode on one stem, block by block, on the CPU.

    Each layer waits for as much of the future as it hears, so that what comes out, joined, is the network on the whole
    stem: the context of a sample is exactly the receptive field. The first samples come when the reach of the network
    is filled, and the last ones at the end. Memory: of each layer the features that it hears again, and two layers'
    features of one block.

    Args:
        network: it is copied.
        embedding: (D,) of unit length.
    """

    @torch.no_grad()
    def __init__(self, network: ClonerNetwork, embedding: Tensor) -> None:
        told = told_condition(embedding.detach().to(network.bias))
        self.equalizer = None if network.equalizer is None else network.equalizer.stream(told)
        self.layers = [_Layer(BlockRenderer(block, told)) for block in network.temporal_blocks()]
        self.finished = network.finished
        self.weight, self.bias = network.head.weight.detach()[:, :, 0].t().clone(), network.bias.detach().clone()
        self.waiting = torch.zeros(2, 0)
        self.memory = [torch.empty(0), torch.empty(0)]

    @torch.no_grad()
    def push(self, block: Tensor) -> Tensor:
        """Take the next block (1, 2, T) and return what is ready, (1, 2, T').

        Raises:
            AudioError: it is not one stereo stem.
        """
        if block.dim() != 3 or block.shape[:2] != (1, 2):
            raise AudioError(f"a block of shape {tuple(block.shape)}: expected one stereo stem, (1, 2, samples)")
        audio = block.float() if self.equalizer is None else self.equalizer.push(block.float())
        return self._advance(audio[0], at_end=False)

    @torch.no_grad()
    def finish(self) -> Tensor | None:
        """Return the samples whose future is the end."""
        late = None if self.equalizer is None else self.equalizer.finish()
        if late is None and not self.waiting.shape[1]:
            return None
        return self._advance(self.waiting[:, :0] if late is None else late[0], at_end=True)

    def _advance(self, audio: Tensor, at_end: bool) -> Tensor:
        self.waiting = torch.cat([self.waiting, audio], dim=1)
        arriving, sizes = audio.shape[1], []
        for layer in self.layers:
            sizes.append(layer.plan(arriving, at_end))
            arriving = layer.ready(arriving, at_end)
        self._reserve(max(*sizes, arriving * self.layers[-1].block.outputs))
        features = self.layers[0].place(self.memory[0], audio.shape[1])
        features.copy_(audio.t())
        for number, layer in enumerate(self.layers):
            mine, other = self.memory[number % 2], self.memory[1 - number % 2]
            ready = layer.ready(len(features), at_end)
            after = self.layers[number + 1] if number + 1 < len(self.layers) else None
            result = _rows(other, 0, ready, layer.block.outputs) if after is None else after.place(other, ready)
            layer.advance(mine, len(features), at_end, result)
            features = result
        samples = len(features)
        heard, self.waiting = self.waiting[:, :samples], self.waiting[:, samples:].clone()
        return self.finished(heard, torch.addmm(self.bias, features, self.weight).t())[None]

    def _reserve(self, numbers: int) -> None:
        """Make room once: fresh memory for every block would cost as much time as a fifth of the sums."""
        if self.memory[0].numel() < numbers:
            self.memory = [torch.empty(numbers), torch.empty(numbers)]


class _Layer:
    """One block with the features that it hears again, (T, C); silence before them."""

    def __init__(self, block: BlockRenderer) -> None:
        self.block = block
        self.kept = torch.zeros(block.reach, block.inputs)

    def ready(self, arriving: int, at_end: bool) -> int:
        """How many outputs so many more inputs allow."""
        known = len(self.kept) + arriving + (self.block.reach if at_end else 0)
        return max(0, known - 2 * self.block.reach)

    def plan(self, arriving: int, at_end: bool) -> int:
        """How many numbers of memory `advance` needs for its inputs."""
        ready = self.ready(arriving, at_end)
        rows = len(self.kept) + arriving + self.block.reach
        return self.block.inputs * max(rows, self.block.padded_length(ready))

    def place(self, memory: Tensor, arriving: int) -> Tensor:
        """Where the inputs (T, C) go in the memory: behind what is kept."""
        return _rows(memory, len(self.kept), arriving, self.block.inputs)

    def advance(self, memory: Tensor, arriving: int, at_end: bool, result: Tensor) -> None:
        """Process inputs that lie at their `place` into the result (ready, C')."""
        rows = memory[: self.plan(arriving, at_end)].view(-1, self.block.inputs)
        rows[: len(self.kept)] = self.kept
        rows[len(self.kept) + arriving :] = 0.0
        known = len(self.kept) + arriving + (self.block.reach if at_end else 0)
        if len(result):
            self.block.render(rows, result)
        self.kept = rows[len(result) : known].clone()


def _rows(memory: Tensor, first: int, rows: int, channels: int) -> Tensor:
    return memory[first * channels : (first + rows) * channels].view(rows, channels)

"""A deep autoencoder of magnitude frames: what a raw recording's spectrum becomes in the processed stem.

M. A. Martínez-Ramírez, J. D. Reiss: "Deep Learning and Intelligent Audio Mixing", Workshop on Intelligent Music
Production, 2017: input and output of 1025 bins, three hidden layers of 1024, ReLU, dropout of 0.2.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from automix.stem_autoencoder.frames import BINS
from fxrep.errors import ArgumentError

Output = Literal["magnitudes", "gains"]

PUBLISHED: dict[str, Any] = {"hidden": 1024, "layers": 3, "dropout": 0.2, "output": "magnitudes", "compression": 1.0}
"""Sizes of the published network: 4,200,449 weights for each group of instruments."""

SMALL: dict[str, Any] = {"hidden": 48, "layers": 3, "dropout": 0.2, "output": "gains", "compression": 0.3}
"""Sizes of which a release holds several in a few megabytes."""

MOST = 1.5
"""Gains of compressed magnitudes lie within exp(-1.5) and exp(1.5), 43 dB up or down at a compression of 0.3."""


class FrameAutoencoder(nn.Module):
    """Frame in, frame out, (N, 1025) each, of magnitudes raised to the power of `compression`.

    Args:
        hidden: width of the hidden layers.
        layers: how many there are.
        dropout: share of what each hidden layer hears that is dropped in training.
        output: ``magnitudes``, as published: the last layer gives them. ``gains``: it gives what the frame is
            multiplied with, 1 to begin with, so that an untrained network leaves frames as they are, and silence stays
            silence.
        compression: the power; 1 as published, lower ones hear soft parts of the spectrum too.

    Raises:
        ArgumentError: a number is out of range.
    """

    def __init__(
        self,
        hidden: int = 1024,
        layers: int = 3,
        dropout: float = 0.2,
        output: Output = "magnitudes",
        compression: float = 1.0,
    ) -> None:
        super().__init__()
        if min(hidden, layers) < 1 or not 0.0 <= dropout < 1.0 or not 0.0 < compression <= 1.0:
            raise ArgumentError(
                f"hidden={hidden}, layers={layers}, dropout={dropout}, compression={compression}: expected 1 or more, "
                "a dropout from 0 to below 1, a compression above 0 up to 1"
            )
        if output not in ("magnitudes", "gains"):
            raise ArgumentError(f"output is {output!r}: choose magnitudes or gains")
        self.output, self.compression, self.dropout = output, compression, nn.Dropout(dropout)
        widths = [BINS] + [hidden] * layers
        self.hidden = nn.ModuleList(nn.Linear(widths[n], widths[n + 1]) for n in range(layers))
        self.last = nn.Linear(hidden, BINS)
        if output == "gains":
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

    def encode(self, frames: Tensor, layers: int) -> Tensor:
        """What so many hidden layers make of compressed frames (N, 1025): (N, width)."""
        features = frames
        for layer in list(self.hidden)[:layers]:
            features = torch.relu(layer(self.dropout(features)))
        return features

    def forward(self, frames: Tensor) -> Tensor:
        """Process compressed frames (N, 1025)."""
        last: Tensor = self.last(self.encode(frames, len(self.hidden)))
        if self.output == "magnitudes":
            return torch.relu(last)
        return frames * torch.exp(MOST * torch.tanh(last / MOST))

    def process(self, magnitudes: Tensor) -> Tensor:
        """Process magnitudes (N, 1025) as they are, without dropout, whatever mode this is in."""
        training = self.training
        self.eval()
        try:
            found: Tensor = self(magnitudes.pow(self.compression)).pow(1.0 / self.compression)
        finally:
            self.train(training)
        return found

"""A transformer that writes the tokens of an effect chain, given the embeddings of a source and of a target."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from fxrep.effects.chain_tokens import END, START, ChainTokens


class ChainDecoder(nn.Module):
    """Causal transformer over tokens, attending to a few vectors made of both embeddings.

    Every position also knows what is expected after it (`ChainTokens.expected`), and only what the grammar allows has a
    probability: the loss measures the choice, not the grammar.

    Args:
        tokens: the vocabulary.
        dim: size of one embedding.
        hidden: width of the transformer, a multiple of `heads`.
        layers: number of its layers.
        heads: of its attention.
        feedforward: width within its layers.
        memory: vectors that the embeddings are spread over.
        dropout: share of values left out in training.
    """

    allowed: Tensor

    def __init__(
        self,
        tokens: ChainTokens,
        dim: int,
        hidden: int = 512,
        layers: int = 6,
        heads: int = 8,
        feedforward: int = 2048,
        memory: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.tokens, self.memory = tokens, memory
        self.register_buffer("allowed", tokens.allowed(), persistent=False)
        self.read = nn.Linear(2 * dim, memory * hidden)
        self.token = nn.Embedding(tokens.size, hidden)
        self.slot = nn.Embedding(tokens.slots, hidden)
        self.position = nn.Embedding(tokens.longest, hidden)
        layer = nn.TransformerDecoderLayer(hidden, heads, feedforward, dropout, batch_first=True, norm_first=True)
        self.transformer = nn.TransformerDecoder(layer, layers, nn.LayerNorm(hidden))
        self.write = nn.Linear(hidden, tokens.size)

    def forward(self, source: Tensor, target: Tensor, written: Tensor, slots: Tensor) -> Tensor:
        """Scores of the token after each.

        Args:
            source, target: embeddings (B, D).
            written: tokens (B, L), each row from the start.
            slots: (B, L), what is expected after each.

        Returns:
            (B, L, size), minus infinity for what the grammar forbids.
        """
        memory = self.read(torch.cat([source, target], dim=-1)).unflatten(-1, (self.memory, -1))
        places = torch.arange(written.shape[1], device=written.device)
        x = self.token(written) + self.slot(slots) + self.position(places)
        later = torch.ones(len(places), len(places), dtype=torch.bool, device=written.device).triu(1)
        scores = self.write(self.transformer(x, memory, tgt_mask=later))
        return cast(Tensor, scores.float().masked_fill(~self.allowed[slots], -torch.inf))

    @torch.no_grad()
    def decode(self, source: Tensor, target: Tensor) -> list[list[int]]:
        """The likeliest next token, again and again until the end: one sequence for each pair (B, D).

        No effect comes twice, so that every sequence ends.
        """
        device = source.device
        rows = [[START] for _ in range(len(source))]
        while not all(row[-1] == END for row in rows):
            # Rows that have ended go on with the end, which nobody reads.
            slots = [self.tokens.expected(row) for row in rows]
            scores = self(source, target, torch.tensor(rows, device=device), torch.tensor(slots, device=device))[:, -1]
            for row, expected, score in zip(rows, slots, scores, strict=True):
                if expected[-1] == 0:
                    score[[token for token in row if token > END and token < self.tokens.first_value]] = -torch.inf
                row.append(END if row[-1] == END else int(score.argmax()))
        return [row[: row.index(END) + 1] for row in rows]

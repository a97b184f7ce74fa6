"""A whole song through the network in constant memory, with the result of one pass over all of it.

The network listens to the whole song at once: its normalisations average over all frames, its BLSTM comes from both
ends, and its squeeze-and-excitation layer averages over all samples. So the song goes through it layer by layer, each
of which reads the rows of the one before from a file and writes its own. A mean is known before what it divides is
read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from automix.fxnorm_automix.network import FxNormNetwork, TemporalBlock
from automix.fxnorm_automix.row_file import CHUNK, RowFile

BLOCK_FRAMES = 512
"""Frames of the mask whose samples are filtered at once."""


@torch.no_grad()
def render_song(network: FxNormNetwork, audio: RowFile, folder: Path) -> RowFile:
    """Send normalised stems through the network.

    Args:
        network: in evaluation mode, on the CPU.
        audio: rows of 8 channels at the rate of the network.
        folder: for temporary files: for every second of a song, 6 MB for a network of the published size.

    Returns:
        Rows of 8 channels: the `FxNormNetwork.outputs`.
    """
    assert not network.training
    frames, sizes = _analyse(network, audio, folder)
    mask = _mask(network, frames, folder)
    gains = network.excite(_mean_size(network, mask, sizes)[None])[0]
    return _synthesise(network, audio, mask, gains, folder)


def _analysed(network: FxNormNetwork, audio: RowFile, start: int, stop: int) -> Tensor:
    """Filtered samples (1, features, stop - start), silence before the song and behind its last frame."""
    rows = audio.read(start - network.before, stop + network.after)
    found = network.analysed(rows.t()[None])
    samples = _frames(network, audio) * network.pool
    found[..., : max(0, -start)] = 0.0
    found[..., found.shape[-1] - max(0, stop - samples) :] = 0.0
    return found


def _frames(network: FxNormNetwork, audio: RowFile) -> int:
    return -(-len(audio) // network.pool)


def _analyse(network: FxNormNetwork, audio: RowFile, folder: Path) -> tuple[RowFile, RowFile]:
    """The frames of the envelopes, and the sum of what is in each frame."""
    frames, sizes = RowFile(network.features, folder), RowFile(network.features, folder)
    (before, after), number = network.envelope_reach, _frames(network, audio)
    for first in range(0, number, BLOCK_FRAMES):
        start, stop = first * network.pool, min(first + BLOCK_FRAMES, number) * network.pool
        analysed = _analysed(network, audio, start - before, stop + after)
        frames.append(network.frames(analysed)[0].t())
        inner = analysed[0, :, before : before + stop - start]
        sizes.append(inner.abs().unflatten(-1, (-1, network.pool)).sum(-1).t())
    return frames, sizes


def _mask(network: FxNormNetwork, frames: RowFile, folder: Path) -> RowFile:
    normed = _normalised(frames, network.norm)
    features = _mapped(frames, lambda rows: network.bottleneck(normed(rows)), folder)
    collected: RowFile | None = None
    for block in network.temporal_blocks():
        features, collected = _advance(block, features, collected, folder)
    assert collected is not None
    heard = _mapped(collected, network.collect, folder)
    for layer in range(network.blstm.num_layers):
        heard = _blstm_layer(network.blstm, layer, heard, folder)
    return _mapped(heard, F.softplus, folder)


def _advance(
    block: TemporalBlock, features: RowFile, collected: RowFile | None, folder: Path
) -> tuple[RowFile, RowFile]:
    """One temporal block: what goes on, and the sum of what is collected."""
    entered = _mapped(features, block.enter, folder)
    normed = _normalised(entered, block.norm_entered)
    reach = block.dilation
    filtered = RowFile(entered.width, folder)
    for start in range(0, len(entered), CHUNK):
        stop = min(start + CHUNK, len(entered))
        # The silence around a song is added behind the normalisation: what is read beyond the ends must not pass it.
        first, last = max(0, start - reach), min(stop + reach, len(entered))
        padded = F.pad(normed(_image(entered.read(first, last))), (first - start + reach, stop + reach - last))
        filtered.append(block.filtered(padded)[0].t())
    normed = _normalised(filtered, block.norm_filtered)
    going_on, total = RowFile(features.width, folder), RowFile(block.skip.out_channels, folder)
    for start in range(0, len(filtered), CHUNK):
        stop = min(start + CHUNK, len(filtered))
        found = normed(_image(filtered.read(start, stop)))
        skipped = block.skip(found)[0].t()
        total.append(skipped if collected is None else skipped + collected.read(start, stop))
        if block.residual is not None:
            going_on.append(features.read(start, stop) + block.residual(found)[0].t())
    return going_on, total


def _image(rows: Tensor) -> Tensor:
    """Rows (F, C) as a batch (1, C, F)."""
    return rows.t()[None]


def _mapped(rows: RowFile, change: Callable[[Tensor], Tensor], folder: Path) -> RowFile:
    """What a change of (1, C, F) that knows no neighbours makes of the rows."""
    changed: RowFile | None = None
    for chunk in rows.chunks():
        found = change(_image(chunk))[0].t()
        changed = changed or RowFile(found.shape[1], folder)
        changed.append(found)
    assert changed is not None
    return changed


def _normalised(rows: RowFile, norm: nn.GroupNorm) -> Callable[[Tensor], Tensor]:
    """A normalisation over all of the rows, as something that is done to a part of them."""
    total, squares, number = 0.0, 0.0, len(rows) * rows.width
    for chunk in rows.chunks():
        total += float(chunk.double().sum())
    mean = total / number
    for chunk in rows.chunks():
        squares += float((chunk.double() - mean).square().sum())
    scale = norm.weight.double() / (squares / number + norm.eps) ** 0.5
    offset = norm.bias.double()
    return lambda part: ((part.double() - mean) * scale[:, None] + offset[:, None]).float()


def _blstm_layer(blstm: nn.LSTM, layer: int, rows: RowFile, folder: Path) -> RowFile:
    """One layer of the BLSTM: forwards from the beginning, backwards from the end."""
    size = blstm.hidden_size
    heard = RowFile(2 * size, folder, len(rows))
    starts = range(0, len(rows), CHUNK)
    for backwards in (False, True):
        one = nn.LSTM(rows.width, size, batch_first=True)
        suffix = f"l{layer}_reverse" if backwards else f"l{layer}"
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(one, f"{kind}_l0").copy_(getattr(blstm, f"{kind}_{suffix}"))
        state: tuple[Tensor, Tensor] | None = None
        for start in reversed(starts) if backwards else starts:
            stop = min(start + CHUNK, len(rows))
            part = rows.read(start, stop)[None]
            found, state = one(part.flip(1) if backwards else part, state)
            both = heard.read(start, stop)
            both[:, backwards * size : (1 + backwards) * size] = found.flip(1)[0] if backwards else found[0]
            heard.write(start, both)
    return heard


def _mean_size(network: FxNormNetwork, mask: RowFile, sizes: RowFile) -> Tensor:
    """Mean absolute value of each masked feature over the song, (features,): the mask is the same within a frame."""
    total = torch.zeros(network.features, dtype=torch.float64)
    for gains, size in zip(mask.chunks(), sizes.chunks(), strict=True):
        total += (gains * size).double().sum(0)
    return (total / (len(mask) * network.pool)).float()


def _synthesise(network: FxNormNetwork, audio: RowFile, mask: RowFile, gains: Tensor, folder: Path) -> RowFile:
    outputs, number = RowFile(audio.width, folder), _frames(network, audio)
    for first in range(0, number, BLOCK_FRAMES):
        start, stop = first * network.pool, min(first + BLOCK_FRAMES, number) * network.pool
        begin, end = start - network.after, stop + network.before
        analysed = _analysed(network, audio, begin, end)
        first_heard, last_heard = begin // network.pool, -(-end // network.pool)
        held = (mask.read(first_heard, last_heard) * gains).t().repeat_interleave(network.pool, dim=-1)
        offset = begin - first_heard * network.pool
        back = network.synthesised(analysed * held[:, offset : offset + end - begin])
        outputs.append(back[0, :, : len(audio) - start].t())
    return outputs

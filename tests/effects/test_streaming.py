"""Streams on their own: whatever the blocks, what comes out is the effect on the whole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from fxrep import effects
from fxrep.effects.streaming import ContextStream, MemorylessStream, MixStream, SeriesStream, Stream, stream_blocks
from fxrep.errors import AudioError

RATE = 44100
SIGNAL = torch.randn(2, 2, 997, generator=torch.Generator().manual_seed(0))
KERNEL = torch.tensor([0.5, -0.25, 1.0, 0.75, -0.5])
# A response, or a curve.
NEEDS_MORE = ("convolution_reverb", "fir_matching_eq")
LENGTHS = st.lists(st.integers(0, 400), max_size=12)


def cut(lengths: list[int]) -> list[torch.Tensor]:
    """The signal in blocks of these lengths, and the rest of it at the end."""
    kept = []
    for length in lengths:
        if sum(kept) + length <= SIGNAL.shape[-1]:
            kept.append(length)
    return list(SIGNAL.split([*kept, SIGNAL.shape[-1] - sum(kept)], dim=-1))


def joined(stream: Stream, lengths: list[int]) -> torch.Tensor:
    return torch.cat(list(stream_blocks(stream, cut(lengths))), -1)


def smear(audio: torch.Tensor) -> torch.Tensor:
    """A filter that looks three samples back and one ahead."""
    rows = F.conv1d(F.pad(audio, (3, 1)).flatten(0, 1).unsqueeze(1), KERNEL.reshape(1, 1, -1))
    return rows.reshape(audio.shape)


def context() -> ContextStream:
    return ContextStream(smear, before=3, after=1)


@given(LENGTHS)
@settings(max_examples=60, deadline=None)
def test_a_finite_reach_is_carried_over_any_blocks(lengths: list[int]) -> None:
    torch.testing.assert_close(joined(context(), lengths), smear(SIGNAL))


@given(LENGTHS)
@settings(max_examples=60, deadline=None)
def test_streams_in_series_hand_on_what_they_owe(lengths: list[int]) -> None:
    series = SeriesStream([context(), MemorylessStream(torch.tanh), context(), SeriesStream([]), context()])
    expected = smear(smear(torch.tanh(smear(SIGNAL))))
    torch.testing.assert_close(joined(series, lengths), expected)


@given(LENGTHS, st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_share_stays_in_time_with_the_effect(lengths: list[int], share: float) -> None:
    mix = torch.tensor([share, 1.0 - share])
    expected = torch.lerp(SIGNAL, smear(smear(SIGNAL)), mix.reshape(2, 1, 1))
    stream = MixStream(SeriesStream([context(), context()]), mix)
    torch.testing.assert_close(joined(stream, lengths), expected)


def test_a_share_of_a_stereo_effect_widens_the_dry_signal() -> None:
    stream = MixStream(effects.Panner().stream(RATE, pan=1.0, law="linear"), 0.5)
    output = stream.push(SIGNAL[:, :1])
    torch.testing.assert_close(output, SIGNAL[:, :1] * torch.tensor([[0.5], [1.5]]))


def test_a_short_signal_comes_out_whole() -> None:
    for samples in (1, 2, 3):
        short = SIGNAL[..., :samples]
        torch.testing.assert_close(torch.cat(list(stream_blocks(context(), [short])), -1), smear(short))
    assert list(stream_blocks(context(), [])) == []
    assert list(stream_blocks(context(), [SIGNAL[..., :0]])) == []


def test_streams_leave_their_blocks_alone() -> None:
    before = SIGNAL.clone()
    joined(SeriesStream([context(), MixStream(context(), 0.5)]), [100, 7, 1])
    assert torch.equal(SIGNAL, before)


@pytest.mark.parametrize("name", ["default", "koo"])
def test_whole_chains_in_blocks(name: str) -> None:
    chain, generator = effects.create_chain(name), torch.Generator().manual_seed(3)
    audio = 0.2 * torch.randn(1, 2, 50_001, generator=generator)
    for _ in range(4):
        drawn = [{**entry, "match_rms": False} for entry in chain.sample(generator)]
        whole = chain(audio, RATE, drawn)
        blocks = audio.split([1, 7, 1000, 20_000, 28_993], dim=-1)
        streamed = torch.cat(list(stream_blocks(chain.stream(RATE, drawn), blocks)), -1)
        assert streamed.shape == whole.shape
        assert float((streamed - whole).abs().max()) < 10 ** (-90 / 20) * float(whole.abs().max())


@pytest.mark.parametrize("name", [name for name in effects.PROCESSORS if name not in NEEDS_MORE])
def test_blocks_without_samples_are_no_event(name: str) -> None:
    module = effects.create_processor(name)
    settings = module.sample(torch.Generator().manual_seed(0))
    audio = torch.randn(1, 2, 3000, generator=torch.Generator().manual_seed(1)) * 0.1
    plain = torch.cat(list(stream_blocks(module.stream(RATE, **settings), audio.split(1500, -1))), -1)
    stream = module.stream(RATE, **settings)
    pieces = [stream.push(block) for block in audio.split([0, 1500, 0, 0, 1500, 0], -1)]
    rest = stream.finish()
    assert [pieces[number].shape[-1] for number in (0, 2, 3, 5)] == [0, 0, 0, 0]
    assert torch.equal(torch.cat([*pieces, *([] if rest is None else [rest])], -1), plain)
    with pytest.raises(AudioError, match="a block is ndarray"):
        module.stream(RATE, **settings).push(audio.numpy())

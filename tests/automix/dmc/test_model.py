"""The network and the console it sets: sizes as published, any order and number of tracks, gradients, bad input."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from automix.dmc import Controls, DifferentiableMixingConsole, EmbeddingTrackEncoder, ShortChunkEncoder
from automix.dmc.passages import fewer_tracks
from fxrep.effects.console import ConsoleTensors, create_console, default_console
from fxrep.errors import ArgumentError, AudioError

from ...noise_songs import RATE, sound
from .conftest import GAIN_PAN, small_encoder, small_model


def tensors(settings: ConsoleTensors) -> Iterator[Tensor]:
    return settings.every_tensor()


@pytest.fixture(scope="module")
def tracks() -> Tensor:
    """Four tracks of different colours, (1, 4, 2, T)."""
    return torch.stack([sound(number, seconds=1.0) for number in range(4)])[None]


def test_the_published_size() -> None:
    """Of automix-toolkit: 12,104,244 of the encoder, 328,708 of the network behind it."""
    with torch.device("meta"):
        model = DifferentiableMixingConsole(ShortChunkEncoder(), sets=GAIN_PAN, relative_levels=False)
    sizes = [sum(one.numel() for one in part.parameters()) for part in (model.encoder, model.post_processor, model)]
    assert sizes == [12_104_244, 328_708, 12_432_952]


def test_order_does_not_matter(model: DifferentiableMixingConsole, tracks: Tensor) -> None:
    turn = [2, 0, 3, 1]
    with torch.no_grad():
        plain, turned = model.listen(tracks), model.listen(tracks[:, turn])
    for label, table in plain.tracks.items():
        for name, value in table.items():
            scale = max(1.0, float(value.abs().max()))
            torch.testing.assert_close(turned.tracks[label][name], value[:, turn], rtol=0, atol=1e-5 * scale)
    for bus, value in plain.sends.items():
        torch.testing.assert_close(turned.sends[bus], value[:, turn], rtol=0, atol=1e-3)
    for label, table in plain.master.items():
        for name, value in table.items():
            torch.testing.assert_close(turned.master[label][name], value, rtol=1e-5, atol=1e-5)


def test_padding_changes_nothing(model: DifferentiableMixingConsole, tracks: Tensor) -> None:
    padded = torch.cat([tracks, torch.full_like(tracks[:, :2], 0.3)], dim=1)
    mask = torch.tensor([[True] * 4 + [False] * 2])
    with torch.no_grad():
        plain, other = model.listen(tracks), model.listen(padded, mask)
        broken = model.encoder.describe(padded[0])[None]
        broken[:, 4:] = float("nan")
        found = model(broken, mask)
    neutral = model.controls.neutral(1, 6)
    for label, table in plain.tracks.items():
        for name, value in table.items():
            torch.testing.assert_close(other.tracks[label][name][:, :4], value, rtol=1e-5, atol=1e-5)
            assert torch.equal(other.tracks[label][name][:, 4:], neutral.tracks[label][name][:, 4:])
    assert bool(found[0][:, :4].isfinite().all() and found[1].isfinite().all())


def test_an_untrained_model_is_nearly_neutral(tracks: Tensor) -> None:
    torch.manual_seed(0)
    model = DifferentiableMixingConsole(EmbeddingTrackEncoder(small_encoder(), dim=16)).eval()
    with torch.no_grad():
        mix = model.console.render(tracks, model.listen(tracks), RATE)
    difference = (mix - tracks.sum(1)).square().mean() / tracks.sum(1).square().mean()
    # 2.5 dB of makeup and the like at the edge of their ranges are what is left.
    assert 10.0 * float(difference.log10()) < -8.0


def test_gain_and_pan_leave_the_rest_exactly_neutral(tracks: Tensor) -> None:
    model = small_model(sets=GAIN_PAN)
    with torch.no_grad():
        settings = model.listen(tracks)
    neutral = model.controls.neutral(1, 4)
    moved = {
        f"{label}.{name}"
        for label, table in settings.tracks.items()
        for name, value in table.items()
        if not torch.equal(value, neutral.tracks[label][name])
    }
    assert moved == set(GAIN_PAN)
    assert all(torch.equal(a, b) for a, b in zip(tensors_of(settings.master), tensors_of(neutral.master), strict=True))
    power = torch.pow(10.0, settings.tracks["fader"]["gain_db"] / 10.0).mean()
    assert float(power) == pytest.approx(1.0, abs=1e-6)


def tensors_of(columns: dict[str, dict[str, Tensor]]) -> list[Tensor]:
    return [value for table in columns.values() for value in table.values()]


def test_every_setting_that_is_heard_has_a_gradient(tracks: Tensor) -> None:
    """Through the console, against a difference in the head of every setting of the tracks."""
    model = small_model(sets=[*GAIN_PAN, "parametric_eq.*", "compressor.*", "sends.reverb"])
    target = sound(9, seconds=1.0)[None]
    described = model.encoder.describe(tracks[0])[None]
    mask = torch.ones(1, 4, dtype=torch.bool)
    head = model.post_processor.tracks[-1]

    def loss() -> Tensor:
        settings = model.settings(*model(described, mask), mask)
        mix = model.console.render(tracks.double(), settings, RATE)
        return (mix - target).square().mean() * 1e3

    loss().backward()  # type: ignore[no-untyped-call]
    bias: Tensor = head.bias  # type: ignore[assignment, union-attr]
    assert bias.grad is not None and bool((bias.grad != 0.0).all())
    with torch.no_grad():
        for place in (0, 1, 3, len(bias) - 1):
            ends = []
            for step in (1e-2, -1e-2):
                bias[place] += step
                ends.append(float(loss()))
                bias[place] -= step
            # The network is single precision: four digits of a difference.
            assert float(bias.grad[place]) == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=2e-2, abs=1e-5)


def test_style_is_a_further_context(model: DifferentiableMixingConsole, tracks: Tensor) -> None:
    mixes = torch.stack([sound(5, seconds=1.0), sound(6, seconds=1.0)])
    style = model.encoder.embed_style(mixes)
    torch.testing.assert_close(torch.linalg.vector_norm(style, dim=1), torch.ones(2), rtol=0, atol=1e-5)
    described = model.encoder.describe(tracks[0])[None].expand(2, -1, -1)
    mask = torch.ones(2, 4, dtype=torch.bool)
    with torch.no_grad():
        plain, told = model(described, mask)[0], model(described, mask, style)[0]
        half = model(described, mask, style, torch.tensor([True, False]))[0]
    assert not torch.allclose(plain, told)
    torch.testing.assert_close(half, torch.stack([told[0], plain[1]]), rtol=0, atol=1e-6)


def test_the_published_encoder_hears_any_length() -> None:
    torch.manual_seed(0)
    encoder = ShortChunkEncoder([4, 4, 8], dim=8, tags=0, n_mels=16).eval()
    model = DifferentiableMixingConsole(encoder, sets=GAIN_PAN).eval()
    for seconds in (0.2, 1.0):
        audio = torch.stack([sound(1, seconds=seconds), sound(2, seconds=seconds)])
        assert encoder.describe(audio).shape == (2, 8)
        assert model.listen(audio[None]).tracks["fader"]["gain_db"].shape == (1, 2)
    with pytest.raises(AudioError, match="at least"):
        encoder.describe(torch.zeros(1, 2, encoder.shortest - 1))
    assert encoder.describe(torch.randn(1, 2, encoder.shortest)).shape == (1, 8)


def test_ranges_bound_what_is_set() -> None:
    controls = Controls(default_console(), ["fader.*", "parametric_eq.*"], {"*_gain_db": [-3.0, 3.0]})
    mask = torch.ones(1, 2, dtype=torch.bool)
    for end in (0.0, 1.0):
        found = controls.settings(torch.full((1, 2, len(controls.tracks)), end), torch.zeros(1, 0), mask)
        gains = found.tracks["parametric_eq"]["peak_1_gain_db"]
        torch.testing.assert_close(gains, torch.full_like(gains, 6.0 * end - 3.0))
    start = controls.settings(controls.starts("tracks").expand(1, 2, -1), torch.zeros(1, 0), mask)
    assert float(start.tracks["parametric_eq"]["low_shelf_hz"][0, 0]) == pytest.approx(100.0, rel=1e-4)
    assert [one.name for one in controls.tracks] == [
        name for name in default_console().setting_names()[0] if name.split(".")[0] in ("fader", "parametric_eq")
    ]


def test_every_console_can_be_set(tracks: Tensor) -> None:
    for name in ("default", "dasp"):
        model = small_model(console=name)
        assert len(model.controls.tracks) == create_console(name).track_size
        with torch.no_grad():
            mix = model.console.render(tracks, model.listen(tracks), RATE)
        assert mix.shape == (1, 2, RATE) and bool(mix.isfinite().all())


def test_fewer_tracks_are_at_least_two() -> None:
    mask = torch.tensor([[True] * 6, [True, True, False, False, False, False], [True] + [False] * 5])
    generator = torch.Generator().manual_seed(0)
    counts = torch.stack([fewer_tracks(mask, generator) for _ in range(200)])
    assert not bool((counts & ~mask).any())
    assert set(counts[:, 0].sum(1).tolist()) == {2, 3, 4, 5, 6}
    assert set(counts[:, 1].sum(1).tolist()) == {2} and set(counts[:, 2].sum(1).tolist()) == {1}


def test_what_cannot_be_made() -> None:
    for options, match in (
        ({"sets": ["nothing.*"]}, "no setting 'nothing"),
        ({"sets": ["master.*"]}, "at least one setting of the tracks"),
        ({"ranges": {"fader.gain_db": [0.0, 90.0]}}, "within -100 to 12"),
        ({"ranges": {"panner.pan": [0.5]}}, "two numbers"),
        ({"console": "nothing"}, "no console"),
        ({"hidden": [0]}, "sizes of 1"),
    ):
        with pytest.raises(ArgumentError, match=match):
            small_model(**options)
    with pytest.raises(ArgumentError, match="embeds no mixes"):
        DifferentiableMixingConsole(ShortChunkEncoder([4], dim=4, tags=0), style=True)
    with pytest.raises(ArgumentError, match="at least one"):
        EmbeddingTrackEncoder(small_encoder(), production=False, embedding=False)
    with pytest.raises(ArgumentError, match="two bands for every block"):
        ShortChunkEncoder(n_mels=8)
    with pytest.raises(AudioError, match="tracks of shape"):
        small_model().listen(torch.zeros(1, 2, RATE))

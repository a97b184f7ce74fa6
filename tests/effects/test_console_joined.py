"""All that a controller sets as one tensor: there and back, by name, and rendered."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects import MixingConsole, default_console
from fxrep.effects.console import CONSOLES, create_console
from fxrep.errors import ArgumentError

RATE = 44100
CONSOLE = default_console(groups=["kit"])
NAMES = ["kick", "snare", "bass"]


def row(console: MixingConsole, batch: int = 2, tracks: int = 3) -> torch.Tensor:
    return torch.rand(batch, console.settings_size(tracks), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", list(CONSOLES))
def test_joining_and_splitting_lose_nothing(name: str) -> None:
    console = create_console(name)
    joined = row(console)
    parts = console.split(joined, 3)
    assert [tuple(part.shape) for part in parts] == [
        (2, 3, console.track_size),
        (2, console.bus_size),
        (2, console.master_size),
    ]
    assert torch.equal(console.join(*parts), joined)
    through_units = console.join(*console.normalize(console.denormalize(*parts)))
    assert (through_units - joined).abs().max() < 1e-7


def test_every_position_has_its_name() -> None:
    names = CONSOLE.joined_names(NAMES)
    assert len(names) == len(set(names)) == CONSOLE.settings_size(3)
    # A number is where its name says: set one, and only that setting moves.
    neutral = CONSOLE.default_settings(NAMES)
    before = CONSOLE.join(*CONSOLE.normalize(neutral))
    for place, path, value in (
        ("track:snare", "compressor.ratio", 4.0),
        ("track:bass", "sends.delay", -6.0),
        ("group:kit", "fader.gain_db", -6.0),
        ("bus:reverb", "noise_shaped_reverb.decay_s", 3.0),
        ("master", "fader.gain_db", 3.0),
    ):
        after = CONSOLE.join(*CONSOLE.normalize(neutral.edit(place, path, value)))
        assert [names[column] for column in (after != before)[0].nonzero()[:, 0]] == [f"{place}.{path}"]


def test_one_tensor_is_rendered_with_gradients() -> None:
    tracks = torch.randn(2, 3, 1, 3000, generator=torch.Generator().manual_seed(2)) * 0.1
    joined = row(CONSOLE).requires_grad_()
    mix = CONSOLE.render(tracks, joined, RATE)
    expected = CONSOLE.render(tracks, CONSOLE.denormalize(*CONSOLE.split(joined, 3)), RATE)
    assert torch.equal(mix, expected)
    mix.square().mean().backward()
    assert joined.grad is not None and bool(torch.isfinite(joined.grad).all())
    names = CONSOLE.joined_names(NAMES)
    moved = {names[column].split(".")[0] for column in joined.grad.ne(0).any(0).nonzero()[:, 0]}
    # Nothing goes to the group here.
    assert {"track:kick", "track:snare", "track:bass", "bus:reverb", "master"} <= moved
    assert "group:kit" not in moved


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CONSOLE.split(row(CONSOLE), 2), "for 2 tracks"),
        (lambda: CONSOLE.split(row(CONSOLE), "3"), "tracks is '3'"),
        (lambda: CONSOLE.split([[0.5]], 3), "joined positions are list"),
        (lambda: CONSOLE.split(row(CONSOLE).int(), 3), "int32"),
        (lambda: CONSOLE.join(*CONSOLE.split(row(CONSOLE), 3)[:2], torch.rand(2, 1)), "positions of master"),
        (lambda: CONSOLE.join(*(one[n:] for n, one in enumerate(CONSOLE.split(row(CONSOLE), 3)))), "buses"),
        (lambda: CONSOLE.render(torch.zeros(2, 3, 1, 10), row(CONSOLE) + 1.0, RATE), "expected 0 to 1"),
        (lambda: CONSOLE.render(torch.zeros(3, 3, 1, 10), row(CONSOLE), RATE), r"shape \(2, 3\); expected \(3, 3\)"),
    ],
)
def test_what_does_not_fit_is_named(call, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()

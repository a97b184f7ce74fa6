"""Mixing a batch: what comes out, what it depends on, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects import MixingConsole, dasp_console, default_console, fader, panner, parametric_eq
from fxrep.effects.console import CONSOLES, ConsoleTensors, StripEffect, create_console
from fxrep.errors import ArgumentError, AudioError

RATE = 44100
CONSOLE = default_console(groups=["drums", "band"])


@pytest.fixture
def tracks() -> torch.Tensor:
    """(2, 4, 2, 22050): four stereo tracks of decaying bursts."""
    generator = torch.Generator().manual_seed(4)
    audio = 0.2 * torch.randn(2, 4, 2, 22050, generator=generator)
    return audio * torch.exp(-(torch.arange(22050) % 7350) / 2000.0)


def positions(console: MixingConsole, tracks: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Random positions away from the edges, every send up."""
    generator = torch.Generator().manual_seed(seed)
    batch, count = tracks.shape[:2]
    shapes = ((batch, count, console.track_size), (batch, console.bus_size), (batch, console.master_size))
    parts = tuple(0.3 + 0.5 * torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    for part, names in zip(parts, console.setting_names(), strict=True):
        # Boosts of a few dB and faders about 0 dB, so that every compressor meets levels on both sides of its knee.
        boosts = [column for column, name in enumerate(names) if name.endswith(("_gain_db", "makeup_db"))]
        part[..., boosts] = 0.5 + 0.2 * (part[..., boosts] - 0.5)
        faders = [column for column, name in enumerate(names) if "fader" in name]
        part[..., faders] = 0.5 if console.name == "dasp" else 0.9
        # A gate that is held open over the pauses between the bursts does nothing, nor one that nothing is too low for.
        short = [column for column, name in enumerate(names) if name.endswith(("gate.hold_ms", "gate.range_db"))]
        part[..., short] = 0.02
    return parts


def values(console: MixingConsole, tracks: torch.Tensor, seed: int = 0) -> ConsoleTensors:
    batch, count = tracks.shape[:2]
    groups = {name: torch.arange(count).expand(batch, count) == place for place, name in enumerate(console.groups)}
    return console.denormalize(*positions(console, tracks, seed), groups)


def error_db(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float(20 * torch.log10((actual - expected).norm() / expected.norm() + 1e-12))


def test_the_neutral_console_is_the_sum_bit_for_bit(tracks: torch.Tensor) -> None:
    expected = ((tracks[:, 0] + tracks[:, 1]) + tracks[:, 2]) + tracks[:, 3]
    names = list("abcd")
    assert torch.equal(default_console().render(tracks, default_console().default_settings(names), RATE), expected)
    grouped = CONSOLE.render(tracks, CONSOLE.default_settings(names, {"a": "drums", "b": "drums"}), RATE)
    torch.testing.assert_close(grouped, expected, rtol=1e-5, atol=1e-6)
    mono = tracks[:, :, :1]
    settings = CONSOLE.default_settings(names)
    assert torch.equal(CONSOLE.render(mono, settings, RATE)[:, 1], CONSOLE.render(mono, settings, RATE)[:, 0])
    through_positions = CONSOLE.denormalize(*CONSOLE.normalize([settings, settings]))
    assert error_db(CONSOLE.render(tracks, through_positions, RATE), expected) < -100


@pytest.mark.parametrize("channels", [1, 2])
def test_an_impulse_comes_out_where_and_as_it_went_in(channels: int) -> None:
    impulse = torch.zeros(1, 3, channels, 20001)
    impulse[0, 1, :, 10000] = 1.0
    through = CONSOLE.denormalize(*CONSOLE.normalize([CONSOLE.default_settings(list("abc"))]))
    for settings in (CONSOLE.default_settings(list("abc")), through):
        mix = CONSOLE.render(impulse, settings, RATE)
        assert int(mix.abs().argmax()) == 10000
        # 0.0 dB, and nothing before or after beyond the rounding of positions.
        torch.testing.assert_close(mix, impulse[:, 1].expand(-1, 2, -1), rtol=0.0, atol=1e-6)


def test_it_is_what_its_processors_are(tracks: torch.Tensor) -> None:
    console = default_console()
    settings = console.default_settings(list("abcd")).edit("b", "fader.gain_db", -6).edit("b", "panner.pan", 0.5)
    settings = settings.edit("c", "parametric_eq.peak_2_gain_db", 9).edit("c", "parametric_eq.high_pass_hz", 200)
    settings = settings.edit("master", "parametric_eq.low_shelf_gain_db", -3)
    parts = list(tracks.unbind(1))
    parts[1] = panner(fader(parts[1], RATE, gain_db=-6), RATE, pan=0.5)
    parts[2] = parametric_eq(parts[2], RATE, peak_2_gain_db=9, high_pass_hz=200.0)
    expected = parametric_eq(sum(parts), RATE, low_shelf_gain_db=-3)
    assert error_db(console.render(tracks, settings, RATE), expected) < -110


def test_sends_leave_behind_the_strip_and_return_wet_only(tracks: torch.Tensor) -> None:
    console = MixingConsole(["fader", "panner"], buses={"echo": [StripEffect("delay", fixed={"mix": 1.0})]})
    dry = console.default_settings(["a"]).edit("a", "fader.gain_db", -6).edit("a", "panner.pan", 1.0)
    wet = dry.edit("a", "sends.echo", -6)
    parts = console.render_parts(tracks[:, :1], wet, RATE)
    assert parts.tracks is not None
    late = round(0.3 * RATE)
    gain = 10 ** (-6 / 20)
    assert not parts.buses["echo"][..., :late].any()
    torch.testing.assert_close(parts.mix, parts.tracks[:, 0] + parts.buses["echo"])
    # The first repeat: the panned track, at the level of the send.
    repeat = parts.buses["echo"][..., late : 2 * late]
    torch.testing.assert_close(repeat, gain * parts.tracks[:, 0, :, : repeat.shape[-1]], rtol=1e-3, atol=1e-5)
    assert console.render_parts(tracks[:, :1], dry, RATE).buses == {}


def test_groups_process_the_sum_of_their_tracks(tracks: torch.Tensor) -> None:
    settings = CONSOLE.default_settings(list("abcd"), {"a": "drums", "c": "drums"}).edit("drums", "fader.gain_db", -100)
    parts = CONSOLE.render_parts(tracks, settings, RATE)
    torch.testing.assert_close(parts.mix, tracks[:, 1] + tracks[:, 3])
    assert list(parts.groups) == ["drums"]
    settings = settings.edit("drums", "fader.gain_db", 0).edit("drums", "compressor.threshold_db", -30)
    settings = settings.edit("drums", "compressor.ratio", 8)
    loud = CONSOLE.render_parts(tracks, settings, RATE).groups["drums"]
    assert float(loud.norm()) < 0.7 * float((tracks[:, 0] + tracks[:, 2]).norm())


def test_different_mixes_of_a_batch_may_use_different_groups(tracks: torch.Tensor) -> None:
    settings = [
        CONSOLE.default_settings(list("abcd"), {"a": "drums"}).edit("drums", "fader.gain_db", -6),
        CONSOLE.default_settings(list("abc"), {"b": "band"}).edit("band", "compressor.ratio", 4),
    ]
    settings[1] = settings[1].edit("a", "parametric_eq.high_pass_hz", 300).edit("b", "sends.reverb", -6)
    together = CONSOLE.render(tracks, settings, RATE)
    for item, one in enumerate(settings):
        alone = CONSOLE.render(tracks[item : item + 1], one, RATE)
        assert error_db(together[item : item + 1], alone) < -95


@pytest.mark.parametrize("name", list(CONSOLES))
def test_a_batch_sounds_like_its_mixes_alone(name: str, tracks: torch.Tensor) -> None:
    console = create_console(name)
    everything = positions(console, tracks)
    together = console.render(tracks, console.denormalize(*everything), RATE)
    for item in range(2):
        own = console.denormalize(*(part[item : item + 1] for part in everything))
        assert error_db(together[item : item + 1], console.render(tracks[item : item + 1], own, RATE)) < -90


def test_the_order_of_tracks_does_not_matter(tracks: torch.Tensor) -> None:
    order = torch.tensor([2, 0, 3, 1])
    strips, buses, master = positions(CONSOLE, tracks)
    straight = CONSOLE.render(tracks, CONSOLE.denormalize(strips, buses, master), RATE)
    permuted = CONSOLE.render(tracks[:, order], CONSOLE.denormalize(strips[:, order], buses, master), RATE)
    assert error_db(permuted, straight) < -90


def test_padded_tracks_have_no_influence(tracks: torch.Tensor) -> None:
    settings = values(CONSOLE, tracks)
    mask = torch.tensor([[True, True, False, True], [True, False, False, True]])
    junk = torch.where(mask[..., None, None], tracks, torch.tensor(float("nan")))
    masked = CONSOLE.render(junk, settings, RATE, mask)
    silent = CONSOLE.render(torch.where(mask[..., None, None], tracks, torch.tensor(0.0)), settings, RATE)
    torch.testing.assert_close(masked, silent)
    assert not CONSOLE.render(tracks, settings, RATE, torch.zeros_like(mask)).any()


def test_mono_tracks_are_panned_and_stereo_tracks_balanced(tracks: torch.Tensor) -> None:
    settings = CONSOLE.default_settings(["a"]).edit("a", "panner.pan", 1.0)
    for audio in (tracks[:, :1, :1], tracks[:, :1]):
        mix = CONSOLE.render(audio, settings, RATE)
        assert float(mix[:, 0].abs().max()) < 1e-6
        torch.testing.assert_close(mix[:, 1], 2**0.5 * audio[:, 0, -1])


def test_a_stereo_track_stays_linked(tracks: torch.Tensor) -> None:
    lopsided = tracks[:, :1] * torch.tensor([[1.0], [0.05]])
    settings = CONSOLE.default_settings(["a"]).edit("a", "compressor.threshold_db", -40)
    mix = CONSOLE.render(lopsided, settings.edit("a", "compressor.ratio", 10), RATE)
    before, after = lopsided[:, 0].norm(dim=-1), mix.norm(dim=-1)
    torch.testing.assert_close(after[:, 0] / after[:, 1], before[:, 0] / before[:, 1], rtol=0.2, atol=0.0)
    assert bool((after < 0.7 * before).all())


def test_nothing_that_was_given_is_changed(tracks: torch.Tensor) -> None:
    settings = values(CONSOLE, tracks)
    audio, column = tracks.clone(), settings.tracks["compressor"]["ratio"].clone()
    state = torch.get_rng_state()
    first = CONSOLE.render(tracks, settings, RATE)
    assert torch.equal(tracks, audio)
    assert torch.equal(settings.tracks["compressor"]["ratio"], column)
    assert torch.equal(first, CONSOLE.render(tracks, settings, RATE))
    assert torch.equal(torch.get_rng_state(), state)
    # One track alone, nothing set: the output must not be the input's memory either.
    alone = CONSOLE.render(tracks[:1, :1], CONSOLE.default_settings(["a"]), RATE)
    alone.zero_()
    assert torch.equal(tracks, audio)


@pytest.mark.parametrize("name", list(CONSOLES))
def test_every_position_has_a_gradient(name: str, tracks: torch.Tensor) -> None:
    console = create_console(name, ["drums"]) if name == "default" else create_console(name)
    audio = (3.0 * tracks[:1]).requires_grad_()
    parts = [part.requires_grad_() for part in positions(console, audio)]
    members = {group: torch.tensor([[True, True, False, False]]) for group in console.groups}
    mix = console.render(audio, console.denormalize(*parts, members), RATE)
    (mix.square().mean() + mix[:, :, 1000:9000].diff(dim=-1).square().mean()).backward()
    for part, names in zip(parts, console.setting_names(), strict=True):
        if not names:
            continue
        assert torch.isfinite(part.grad).all()
        dead = (part.grad == 0).flatten(0, -2).all(0)
        assert [label for label, off in zip(names, dead, strict=True) if off] == []
    assert bool((audio.grad.flatten(2) != 0).any(-1).all())


def test_gradients_reach_silent_tracks_and_sends_that_are_off(tracks: torch.Tensor) -> None:
    audio = torch.cat((tracks[:1, :1], torch.zeros_like(tracks[:1, :1])), 1).requires_grad_()
    parts = [part.requires_grad_() for part in CONSOLE.normalize([CONSOLE.default_settings(["a", "b"])])]
    CONSOLE.render(audio, CONSOLE.denormalize(*parts), RATE).pow(4).sum().backward()
    assert bool((audio.grad.flatten(2) != 0).any(-1).all())
    sends = [name.startswith("sends") for name in CONSOLE.setting_names()[0]]
    assert bool((parts[0].grad[0, 0, sends] != 0).all())


@pytest.mark.parametrize("console", [CONSOLE, MixingConsole(["fader"], {"band": ["fader"]}, {"room": ["fader"]})])
def test_settings_of_silence_have_gradients_of_zero(console: MixingConsole) -> None:
    silence = torch.zeros(1, 2, 2, 500)
    placed = [one.requires_grad_() for one in positions(console, silence)]
    mix = console.render(silence, console.denormalize(*placed), RATE)
    mix.sum().backward()
    assert not mix.any()
    assert all(one.grad is not None and not one.grad.any() for one in placed if one.numel())


def test_a_small_console_passes_gradcheck() -> None:
    console = MixingConsole(
        ["fader", "panner"], groups={"g": ["fader"]}, buses={"b": ["stereo_width"]}, master=["fader", "saturation"]
    )
    generator = torch.Generator().manual_seed(0)
    audio = (0.3 * torch.randn(2, 3, 2, 12, generator=generator, dtype=torch.float64)).requires_grad_()
    shapes = ((2, 3, console.track_size), (2, console.bus_size), (2, console.master_size))
    parts = [0.4 + 0.4 * torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    mask = torch.tensor([[True, True, False], [True, True, True]])
    members = {"g": torch.tensor([[True, False, False], [False, True, True]])}

    def mix(audio: torch.Tensor, *parts: torch.Tensor) -> torch.Tensor:
        return console.render(audio, console.denormalize(*parts, members), RATE, mask)

    assert torch.autograd.gradcheck(mix, (audio, *(part.requires_grad_() for part in parts)))


def test_parts_add_up_to_the_mix(tracks: torch.Tensor) -> None:
    console = default_console(groups=["drums"])
    settings = console.unstack(values(console, tracks), list("abcd"))
    settings.master = console.default_settings([]).master
    parts = console.render_parts(tracks[:1], settings, RATE)
    assert parts.tracks is not None and parts.tracks.shape == (1, 4, 2, tracks.shape[-1])
    total = parts.tracks[:, 1:].sum(1) + parts.groups["drums"] + parts.buses["reverb"] + parts.buses["delay"]
    assert error_db(parts.mix, total) < -110
    assert console.render_parts(tracks[:1], settings, RATE, keep=False).tracks is None


@pytest.mark.parametrize("samples", [1, 2, 8191, 65535])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_any_length_and_rate(samples: int, rate: int) -> None:
    for console in (CONSOLE, dasp_console()):
        audio = 0.1 * torch.randn(1, 2, 2, samples, generator=torch.Generator().manual_seed(1))
        mix = console.render(audio, console.denormalize(*positions(console, audio)), rate)
        assert mix.shape == (1, 2, samples)
        assert torch.isfinite(mix).all()
    assert CONSOLE.render(audio.double(), CONSOLE.default_settings(["a"]), rate).dtype == torch.float64


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda x: (x[0], None), AudioError, "shape"),
        (lambda x: (x.expand(2, 4, 2, -1).repeat(1, 1, 2, 1), None), AudioError, "channels"),
        (lambda x: (x[..., :0], None), AudioError, "empty"),
        (lambda x: (x[:, :0], None), AudioError, "empty"),
        (lambda x: (x * float("nan"), None), AudioError, "NaN"),
        (lambda x: ((x * 100).int(), None), AudioError, "int32"),
        (lambda x: (x, torch.ones(2, 3, dtype=torch.bool)), ArgumentError, "track_mask"),
        (lambda x: (x, torch.ones(2, 4)), ArgumentError, "track_mask"),
        (lambda x: (x, [[True] * 4] * 2), ArgumentError, "track_mask is list"),
        (lambda x: (x.numpy(), None), AudioError, "tracks are ndarray"),
    ],
)
def test_unusable_tracks_are_named(change, error: type[Exception], message: str, tracks: torch.Tensor) -> None:
    audio, mask = change(tracks)
    with pytest.raises(error, match=message):
        CONSOLE.render(audio, values(CONSOLE, tracks), RATE, mask)


def test_settings_that_do_not_fit_are_named(tracks: torch.Tensor) -> None:
    for settings, message in (
        (CONSOLE.default_settings(list("abcde")), "5 tracks"),
        ([CONSOLE.default_settings(["a"])] * 3, "3 mixes"),
        (dasp_console().default_settings(["a"]), "'dasp'"),
        (None, "settings are None"),
        ([5], "settings are 5"),
    ):
        with pytest.raises(ArgumentError, match=message):
            CONSOLE.render(tracks, settings, RATE)


def test_a_polarity_switch_in_a_strip_turns_the_track_over(tracks: torch.Tensor) -> None:
    for option, sign in (("invert", -1.0), ("normal", 1.0)):
        switch = StripEffect("polarity", fixed={"polarity": option})
        console = MixingConsole(track=[switch])
        settings = console.default_settings(["a"])
        assert torch.equal(console.render(tracks[:, :1], settings, RATE), sign * tracks[:, 0])
        streamed = torch.cat(list(console.iter_song({"a": tracks[0, 0]}, settings, sample_rate=RATE)), -1)
        assert torch.equal(streamed, sign * tracks[0, 0])


@pytest.mark.parametrize("rate", [8000, 16000])
def test_positions_are_rendered_at_low_rates(rate: int, tracks: torch.Tensor) -> None:
    placed = [one.requires_grad_() for one in positions(CONSOLE, tracks[..., :4000])]
    batch_values = CONSOLE.denormalize(*placed)
    mix = CONSOLE.render(tracks[..., :4000], batch_values, rate)
    mix.square().mean().backward()
    assert all(one.grad is not None and bool(torch.isfinite(one.grad).all()) for one in placed)
    # The same by names, and in blocks.
    settings = CONSOLE.unstack(batch_values, list("abcd"))
    assert error_db(CONSOLE.render(tracks[:1, ..., :4000], settings, rate), mix[:1].detach()) < -90
    named = dict(zip("abcd", tracks[0, ..., :4000], strict=True))
    streamed = torch.cat(list(CONSOLE.iter_song(named, settings, sample_rate=rate)), -1)
    assert error_db(streamed, mix[0].detach()) < -90
    # It is the frequency that is held, not the filter that is left out.
    neutral = CONSOLE.default_settings(["a"])
    assert torch.equal(CONSOLE.render(tracks[:1, :1], neutral, rate), tracks[:1, 0])
    high = neutral.edit("a", "parametric_eq.peak_4_hz", 15000.0).edit("a", "parametric_eq.peak_4_gain_db", 6.0)
    held = parametric_eq(tracks[:1, 0], rate, peak_4_hz=0.49 * rate, peak_4_gain_db=6.0)
    torch.testing.assert_close(CONSOLE.render(tracks[:1, :1], high, rate), held)

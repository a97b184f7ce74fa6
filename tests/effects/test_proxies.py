"""Neural proxies: the network, the processor that pairs it with the real effect, and their release folders."""

from __future__ import annotations

import json

import pytest
import torch

from fxrep import effects
from fxrep.effects.black_box import BlackBox
from fxrep.effects.proxies import NeuralProxy, ProxyNetwork, ProxySize, load_proxy, save_proxy
from fxrep.effects.proxies.loss import proxy_loss, relative_db
from fxrep.effects.proxies.processor import proxy_table
from fxrep.effects.streaming import stream_blocks
from fxrep.errors import ArgumentError, CheckpointError

RATE = 44100
TINY = ProxySize(channels=4, blocks=2, kernel=3, dilation_growth=4, condition=8)
RANGES = {"threshold_db": (-40.0, 0.0), "ratio": (1.0, 8.0)}
SETTINGS = ["threshold_db", "ratio"]


def network(settings: int = 2, size: ProxySize = TINY, seed: int = 0) -> ProxyNetwork:
    """One that is not the identity."""
    torch.manual_seed(seed)
    made = ProxyNetwork(settings, size)
    torch.nn.init.normal_(made.head.weight, std=0.3)
    return made


def proxy(mode: str = "hybrid", **options) -> NeuralProxy:
    return NeuralProxy(effects.Compressor(), network(), RATE, ranges=RANGES, settings=SETTINGS, mode=mode, **options)


@pytest.mark.parametrize("audio_channels", [1, 2])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_untrained_network_is_the_identity(audio_channels: int, channels: int, noise: torch.Tensor) -> None:
    size = ProxySize(channels=4, blocks=2, kernel=4, dilation_growth=3, audio_channels=audio_channels)
    audio = noise[:, :channels]
    assert torch.equal(ProxyNetwork(3, size)(audio, torch.rand(3, 3)), audio)


@pytest.mark.parametrize(("causal", "before", "after"), [(True, 10, 0), (False, 5, 5)])
def test_the_reach_is_what_the_size_says(causal: bool, before: int, after: int) -> None:
    size = ProxySize(channels=4, blocks=2, kernel=3, dilation_growth=4, condition=8, causal=causal)
    made, audio = network(size=size).double(), torch.randn(1, 2, 61, dtype=torch.float64)
    changed = audio.clone()
    changed[..., 30] += 1.0
    positions = torch.full((1, 2), 0.3)
    moved = (made(changed, positions) - made(audio, positions)).abs().sum((0, 1)).nonzero().flatten().tolist()
    assert size.reach == before + after
    assert (moved[0], moved[-1]) == (30 - after, 30 + before)


def test_channels_alone_or_together(noise: torch.Tensor) -> None:
    positions = torch.rand(3, 2)
    alone = network(size=ProxySize(channels=4, blocks=2, kernel=3, dilation_growth=4, audio_channels=1))
    apart = torch.cat([alone(noise[:, :1], positions), alone(noise[:, 1:], positions)], 1)
    torch.testing.assert_close(alone(noise, positions), apart)
    together, mono = network(), noise[:, :1]
    expected = together(mono.expand(-1, 2, -1), positions).mean(1, keepdim=True)
    torch.testing.assert_close(together(mono, positions), expected)
    single = together(noise[1:2], positions[1:2])
    torch.testing.assert_close(together(noise, positions)[1:2], single, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"channels": 0}, {"kernel": 1}, {"audio_channels": 3}, {"blocks": 0}])
def test_impossible_sizes_are_refused(wrong: dict) -> None:
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        ProxySize(**wrong)


def gradients(processor: NeuralProxy, audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The output, and the gradients in the audio and in the threshold, of the sum of the output times the audio."""
    audio, threshold = audio.clone().requires_grad_(), torch.tensor([-30.0, -20.0, -10.0], requires_grad=True)
    output = processor(audio, RATE, threshold_db=threshold, ratio=4.0)
    (output * audio.detach()).sum().backward()
    return output.detach(), audio.grad, threshold.grad


def test_hybrid_has_the_value_of_the_effect_and_the_gradient_of_the_network(noise: torch.Tensor) -> None:
    audio = noise[..., :3000]
    settings = {"threshold_db": torch.tensor([-30.0, -20.0, -10.0]), "ratio": 4.0}
    real = effects.compressor(audio, RATE, **settings)
    value, to_audio, to_threshold = gradients(proxy("hybrid"), audio)
    other, *expected = gradients(proxy("half_hybrid"), audio)
    assert torch.equal(value, real)
    assert not torch.allclose(other, real, atol=1e-3)
    torch.testing.assert_close(to_audio, expected[0])
    torch.testing.assert_close(to_threshold, expected[1])
    by_hand = ProxyNetwork(2, TINY)
    by_hand.load_state_dict(network().state_dict())
    table = proxy_table(effects.Compressor(), RANGES, SETTINGS)
    positions = torch.stack([(settings["threshold_db"] + 40.0) / 40.0, torch.full((3,), table[1].normalize(4.0))], 1)
    torch.testing.assert_close(other, by_hand(audio, positions))


def test_in_evaluation_the_real_effect_answers(noise: torch.Tensor) -> None:
    audio = noise[..., :3000]
    for mode in ("hybrid", "half_hybrid"):
        value, _, to_threshold = gradients(proxy(mode).eval(), audio)
        threshold = torch.tensor([-30.0, -20.0, -10.0], requires_grad=True)
        real = effects.compressor(audio, RATE, threshold_db=threshold, ratio=4.0)
        (real * audio).sum().backward()
        assert torch.equal(value, real)
        torch.testing.assert_close(to_threshold, threshold.grad)
    training, evaluation = proxy("proxy"), proxy("proxy").eval()
    assert torch.equal(gradients(training, audio)[0], gradients(evaluation, audio)[0])


def test_a_black_box_that_has_no_gradient_gets_one(noise: torch.Tensor) -> None:
    table = [effects.Parameter("level_db", "dB", -24.0, 24.0, "db", 0.0)]
    box = BlackBox(lambda audio, rate, level_db: audio * 10 ** (level_db / 20), "amplify", table, gradient="none")
    paired = NeuralProxy(box, network(1), RATE)
    chain = effects.EffectChain([effects.ChainEffect(paired)])
    level = torch.tensor(6.0, requires_grad=True)
    output = chain(noise, RATE, [{"effect": "amplify", "settings": {"level_db": level}}])
    output.square().mean().backward()
    torch.testing.assert_close(output, effects.gain(noise, RATE, gain_db=6.0))
    assert level.grad is not None and level.grad != 0.0
    assert all(not parameter.requires_grad for parameter in chain.parameters())


def test_settings_are_those_of_the_effect(noise: torch.Tensor) -> None:
    chain = effects.EffectChain([effects.ChainEffect(proxy())]).eval()
    drawn = chain.sample(torch.Generator().manual_seed(0))
    assert set(drawn[0]["settings"]) == {*SETTINGS, *(choice.name for choice in effects.Compressor.choices)}
    assert json.loads(json.dumps(drawn)) == drawn
    assert torch.equal(chain(noise, RATE, drawn), effects.render_settings(noise, RATE, drawn))
    blocks = torch.split(noise, [1, 1000, noise.shape[-1] - 1001], -1)
    try:
        stream = chain.stream(RATE, drawn)
    except ArgumentError:
        pytest.skip("the real effect has no stream")
    joined = torch.cat(list(stream_blocks(stream, blocks)), -1)
    torch.testing.assert_close(joined, chain(noise, RATE, drawn), rtol=0.0, atol=1e-5)


def test_a_table_is_narrowed_and_its_defaults_follow() -> None:
    table = proxy_table(effects.Compressor(), {"ratio": (2.0, 8.0), "attack_ms": (20.0, 50.0)})
    by_name = {parameter.name: parameter for parameter in table}
    assert list(by_name) == [p.name for p in effects.Compressor.parameter_table if p.default is not None]
    assert (by_name["ratio"].minimum, by_name["ratio"].maximum, by_name["ratio"].default) == (2.0, 8.0, 2.0)
    assert by_name["attack_ms"].default == 20.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ranges": {"ratio": (0.5, 2.0)}}, "ratio"),
        ({"ranges": {"ratio": (2.0, 2.0)}}, "one value"),
        ({"ranges": {"link": ("max", "mean")}, "settings": SETTINGS}, "one option of link"),
        ({"settings": ["speed"]}, "speed"),
        ({"settings": []}, "no continuous setting"),
        ({"settings": ["ratio"]}, "is told 2 settings; compressor has 1"),
        ({"mode": "full"}, "half_hybrid"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        NeuralProxy(effects.Compressor(), network(), RATE, **arguments)


def test_what_the_network_cannot_do_is_refused(noise: torch.Tensor) -> None:
    with pytest.raises(ArgumentError, match="ratio is 12; expected 1 to 8"):
        proxy()(noise, RATE, ratio=12.0)
    with pytest.raises(ArgumentError, match="trained at 44100 Hz"):
        proxy()(noise, 48000)
    with pytest.raises(ArgumentError, match="no setting 'makeup_db'"):
        proxy()(noise, RATE, makeup_db=3.0)
    assert proxy().eval()(noise, 48000).shape == noise.shape


def test_a_release_comes_back_as_it_was(noise: torch.Tensor, tmp_path) -> None:
    original = proxy("half_hybrid")
    folder = save_proxy(original, tmp_path / "release", metadata={"validation/error_db": -12.5})
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
    ]
    assert "-12.5 dB" in (folder / "README.md").read_text()
    again = load_proxy(folder, mode="half_hybrid")
    settings = {"threshold_db": -25.0, "ratio": 3.0}
    assert torch.equal(again(noise, RATE, **settings), original(noise, RATE, **settings))
    assert again.parameter_table == original.parameter_table
    save_proxy(again, folder)
    assert load_proxy(folder).mode == "hybrid"


def test_damaged_and_foreign_releases_are_refused(tmp_path) -> None:
    folder = save_proxy(proxy(), tmp_path / "release")
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="choose a new folder"):
        save_proxy(proxy(), tmp_path / "other")
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        load_proxy(tmp_path / "other")
    for key, value, message in (
        ("kind", "encoder", "not that of a proxy"),
        ("format", 99, "format 99"),
        ("fingerprint", "0", "do not belong together"),
    ):
        (folder / "config.json").write_text(json.dumps({**config, key: value}))
        with pytest.raises(CheckpointError, match=message):
            load_proxy(folder)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="cannot be used as a proxy"):
        load_proxy(folder, effects.Gain())
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        load_proxy(folder)
    broken = proxy()
    broken.network.head.weight.data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="NaN"):
        save_proxy(broken, tmp_path / "new")


def test_a_black_box_must_be_given_again(tmp_path, noise: torch.Tensor) -> None:
    table = [effects.Parameter("level_db", "dB", -24.0, 24.0, "db", 0.0)]
    box = BlackBox(lambda audio, rate, level_db: audio * 10 ** (level_db / 20), "amplify", table)
    folder = save_proxy(NeuralProxy(box, network(1), RATE), tmp_path / "release")
    with pytest.raises(CheckpointError, match="give the effect itself"):
        load_proxy(folder)
    assert load_proxy(folder, box).eval()(noise, RATE, level_db=6.0).shape == noise.shape


def test_the_loss_is_zero_for_equals_and_grows_with_the_error(noise: torch.Tensor) -> None:
    losses = [proxy_loss(noise * factor, noise) for factor in (1.0, 1.1, 1.5)]
    assert losses[0] == 0.0 and 0.0 < losses[1] < losses[2]
    # 10 % in amplitude: the sample part is 0.1, each spectral part 0.1 + log 1.1.
    torch.testing.assert_close(losses[1], torch.tensor(0.1 + 0.1 * (0.1 + 0.0953)), rtol=0.02, atol=0.0)
    silent = torch.zeros(1, 1, 5000, requires_grad=True)
    proxy_loss(silent, torch.zeros(1, 1, 5000)).backward()
    assert torch.isfinite(silent.grad).all()
    assert proxy_loss(noise[..., :100], noise[..., :100]) == 0.0


def test_the_error_is_relative_to_the_change() -> None:
    assert relative_db(0.01, 1.0) == pytest.approx(-20.0)
    assert relative_db(0.0, 0.0) == -float("inf")
    assert relative_db(1.0, 0.0) == float("inf")

"""Settings at random, and how far settings are from those that made a mix."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects.console import ConsoleTensors, MixingConsole, create_console
from fxrep.effects.dynamics import compressor
from fxrep.errors import ArgumentError
from style_transfer.diff_mst.heard_settings import CURVE_HZ, UNDER_LOUDNESS_DB, compressor_curve, equalizer_curve
from style_transfer.diff_mst.settings_loss import SettingsLoss
from style_transfer.diff_mst.settings_prior import ModeratePrior, SettingsPrior, UniformPrior

from ...noise_songs import RATE


def draw(console: MixingConsole, prior: SettingsPrior, batch: int = 64, tracks: int = 8) -> ConsoleTensors:
    track_lufs = -48.0 if console.name == "dasp" else -24.0
    found = prior.draw(console, batch, tracks, torch.Generator().manual_seed(0), track_lufs)
    return console.denormalize(found.tracks, found.buses, found.master)


@pytest.mark.parametrize("name", ["default", "dasp"])
@pytest.mark.parametrize("prior", [ModeratePrior(), UniformPrior()])
def test_a_draw_is_settings_of_the_console(name: str, prior: SettingsPrior) -> None:
    console = create_console(name)
    settings = draw(console, prior)  # denormalize refuses what is out of range
    again = draw(console, prior)
    torch.testing.assert_close(list(settings.every_tensor()), list(again.every_tensor()), rtol=0, atol=0)
    few = draw(console, prior, 2, 2)
    audio = 1e-3 * torch.randn(2, 2, 2, 4000, generator=torch.Generator().manual_seed(1))
    assert bool(console.render(audio, few, RATE).isfinite().all())


def test_moderate_means_moderate() -> None:
    console = create_console("default")
    settings = draw(console, ModeratePrior(), 500)
    fader = settings.tracks["fader"]["gain_db"]
    assert 4.0 < float(fader.std()) < 8.0 and float((fader.abs() > 15.0).float().mean()) < 0.08
    band = settings.tracks["parametric_eq"]["peak_2_gain_db"]
    assert 0.35 < float((band.abs() < 0.01).float().mean()) < 0.45
    ratio = settings.tracks["compressor"]["ratio"]
    assert 0.35 < float((ratio < 1.001).float().mean()) < 0.45
    assert 0.45 < float((settings.sends["reverb"] < -99.0).float().mean()) < 0.55
    calm = draw(console, ModeratePrior(extreme=0.0), 500)
    assert float(calm.sends["reverb"].amax()) < -7.9
    # Thresholds go with the level of the tracks.
    dasp = draw(create_console("dasp"), ModeratePrior(), 500).tracks["compressor"]
    used = dasp["ratio"] > 1.001
    assert float(dasp["threshold_db"][used].median()) < -40.0
    with pytest.raises(ArgumentError, match="shares from 0 to 1"):
        ModeratePrior(extreme=2.0)


def test_curve_of_the_compressor_is_what_it_does() -> None:
    """A constant is a level: what comes out after the attack is the curve."""
    values = {
        "threshold_db": torch.tensor([-30.0, -20.0, -10.0]),
        "ratio": torch.tensor([4.0, 2.0, 1.0]),
        "knee_db": torch.tensor([0.0, 12.0, 6.0]),
        "makeup_db": torch.tensor([0.0, 3.0, 0.0]),
    }
    curve = compressor_curve(values, -24.0)
    for place, under in enumerate(UNDER_LOUDNESS_DB):
        level_db = -24.0 + under
        audio = torch.full((3, 1, 4000), 10 ** (level_db / 20.0), dtype=torch.float64)
        settings = {name: value.double() for name, value in values.items()}
        heard = compressor(audio, RATE, attack_ms=0.1, release_ms=5.0, **settings)[..., -1, None][:, 0, 0]
        torch.testing.assert_close(curve[:, place], (20.0 * torch.log10(heard) - level_db).float(), rtol=0, atol=0.02)


def test_curve_of_the_equaliser_is_what_it_does() -> None:
    console = create_console("default")
    settings = draw(console, ModeratePrior(), 4, 1)
    values = {name: value[:, 0] for name, value in settings.tracks["parametric_eq"].items()}
    curve = equalizer_curve(console.track, "parametric_eq", values, RATE)
    impulse = torch.zeros(4, 1, 65536, dtype=torch.float64)
    impulse[..., 0] = 1.0
    response = torch.fft.rfft(console.track.processors["parametric_eq"](impulse, RATE, **values)[:, 0]).abs()
    bins = [round(hz * 65536 / RATE) for hz in CURVE_HZ]
    torch.testing.assert_close(curve, 20.0 * torch.log10(response[:, bins]), rtol=0, atol=0.2)


def test_loss_is_of_what_is_heard() -> None:
    console = create_console("default")
    loss, mask = SettingsLoss(console), torch.ones(1, 2, dtype=torch.bool)
    truth = console.default_settings(["a", "b"])
    for band, gain_db in (("peak_2", 6.0), ("peak_3", -3.0)):
        truth = truth.edit("a", f"parametric_eq.{band}_gain_db", gain_db)
        truth = truth.edit("a", f"parametric_eq.{band}_hz", 2000.0 if band == "peak_2" else 4000.0)

    def distance(found: object, wanted: object = truth) -> float:
        return float(loss(console.stack([found], 2), console.stack([wanted], 2), mask))  # type: ignore[list-item]

    assert distance(truth) == 0.0
    neutral = console.default_settings(["a", "b"])
    assert distance(neutral) > 0.05
    swapped = neutral
    for band, gain_db, hz in (("peak_3", 6.0, 2000.0), ("peak_2", -3.0, 4000.0)):
        swapped = swapped.edit("a", f"parametric_eq.{band}_gain_db", gain_db)
        swapped = swapped.edit("a", f"parametric_eq.{band}_hz", hz)
    assert distance(swapped) < 1e-9
    louder = truth.edit("a", "fader.gain_db", 3.0).edit("b", "fader.gain_db", 3.0)
    assert distance(louder) < 1e-9
    assert distance(truth.edit("a", "fader.gain_db", 3.0)) > 0.05
    assert distance(truth.edit("a", "compressor.attack_ms", 100.0)) == 0.0
    assert distance(truth.edit("master", "compressor.ratio", 4.0)) == 0.0  # its threshold is at 0 dB
    assert distance(truth.edit("a", "sends.reverb", -70.0)) == 0.0
    assert distance(truth.edit("a", "sends.reverb", -20.0)) > 0.1


def test_absent_tracks_do_not_count() -> None:
    console = create_console("default")
    settings = draw(console, ModeratePrior(), 2, 3)
    other = draw(console, ModeratePrior(extreme=1.0), 2, 3)
    loss = SettingsLoss(console)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    terms = loss.terms(settings, other, mask)
    for column in list(other.sends.values()):
        column[~mask] = -3.0
    other.tracks["fader"]["gain_db"][~mask] = 5.0
    again = loss.terms(settings, other, mask)
    assert {name: float(value) for name, value in terms.items()} == {name: float(one) for name, one in again.items()}

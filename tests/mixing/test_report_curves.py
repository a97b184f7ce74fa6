"""The curves in the report are those of the filters that are heard."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fxrep.effects.console import dasp_console, default_console
from fxrep.effects.equalizer import SIX_BANDS
from fxrep.effects.filter_bands import design_bands
from fxrep.mixing.report_curves import equalizer_curve

SETTINGS = {
    "low_shelf_hz": 25.0, "low_shelf_gain_db": -9.0, "peak_1_hz": 60.0, "peak_1_gain_db": 12.0, "peak_1_q": 6.0,
    "peak_3_gain_db": -6.5, "high_shelf_gain_db": 5.0, "high_pass_hz": 30.0,
}  # fmt: skip


def test_curve_is_that_of_the_filters_in_closed_form() -> None:
    strip = default_console().track
    values = {**strip.defaults(), "parametric_eq": {**strip.defaults()["parametric_eq"], **SETTINGS}}
    found = equalizer_curve(strip, values, 44100)
    assert found is not None
    sections = design_bands(torch.zeros(1, 1, 1), 44100, SIX_BANDS, SETTINGS)
    assert sections is not None
    truth = sections.level_db(torch.from_numpy(found[0]), 44100).sum(1)[0].numpy()
    # What is left is the straight line between bins half a hertz apart, on the steep flank of the high-pass.
    np.testing.assert_allclose(found[1], truth, atol=0.02)


def test_other_effects_have_no_part_in_the_curve() -> None:
    strip = default_console().track
    values = strip.defaults()
    values["fader"]["gain_db"], values["compressor"]["ratio"], values["panner"]["pan"] = 6.0, 8.0, 0.7
    assert equalizer_curve(strip, values, 44100) is None


@pytest.mark.parametrize("sample_rate", [16000, 48000])
def test_rates_and_other_consoles(sample_rate: int) -> None:
    strip = dasp_console().track
    values = {"parametric_eq": {"band0_gain_db": 6.0, "band0_hz": 1000.0}}
    found = equalizer_curve(strip, values, sample_rate)
    assert found is not None
    assert found[0][-1] == pytest.approx(min(20000.0, 0.49 * sample_rate))
    assert np.interp(1000.0, *found) == pytest.approx(6.0, abs=0.01)

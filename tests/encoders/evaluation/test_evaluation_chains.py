from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from encoders.evaluation import evaluation_chain
from fxrep.effects import plugin_parameters
from fxrep.errors import ArgumentError

RATE = 44100


@dataclass
class Knob:
    """What pedalboard tells of a parameter of a plug-in."""

    type: type
    min_value: float | None
    max_value: float | None
    units: str | None = None


class Room:
    """A plug-in as `pedalboard.load_plugin` returns one; none is at hand where tests run."""

    parameters = {  # noqa: RUF012
        "size": Knob(float, 0.0, 100.0, "%"),
        "gain_db": Knob(float, -12.0, 12.0, "dB"),
        "bypass": Knob(float, 0.0, 1.0),
        "mode": Knob(str, None, None),
        "freeze": Knob(bool, False, True),
        "midi_cc_0": Knob(float, 0.0, 1.0),
    }
    size, gain_db = 30.0, 0.0

    def process(self, audio: Any, sample_rate: float, reset: bool = True) -> Any:
        return (audio * 10.0 ** (self.gain_db / 20.0)).astype(np.float32)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    pedalboard = pytest.importorskip("pedalboard")
    monkeypatch.setattr(pedalboard, "load_plugin", lambda path: Room())


@pytest.mark.usefixtures("plugins")
def test_plugins_are_drawn_over_their_ranges() -> None:
    table = {parameter.name: parameter for parameter in plugin_parameters("Room.vst3")}
    assert list(table) == ["size", "gain_db"]
    assert (table["size"].minimum, table["size"].maximum, table["size"].default) == (0.0, 100.0, 30.0)
    chain = evaluation_chain("plugins", plugins=["Room.vst3", "other/Room.vst3"])
    assert list(chain.processors) == ["plugin_1_room", "plugin_2_room"]
    alone = evaluation_chain("plugins", plugins=["Room.vst3"])
    drawn = alone.sample_batch(torch.Generator().manual_seed(0), 20)
    gains = torch.tensor([entry["settings"]["gain_db"] for (entry,) in drawn])
    assert float(gains.min()) < -6.0 and float(gains.max()) > 6.0
    audio = torch.rand(20, 2, 100)
    torch.testing.assert_close(alone(audio, RATE, drawn), audio * 10.0 ** (gains[:, None, None] / 20.0))


@pytest.mark.parametrize(
    ("name", "plugins", "message"),
    [
        ("plugins", [], "needs plug-ins: give them with --plugin"),
        ("default", ["a.vst3"], "--plugin goes with"),
        ("plugins", ["a.lv2"], "LV2"),
        ("plugins", ["missing.vst3"], "cannot be loaded"),
        ("rooms", [], "needs impulse responses: give them with --impulse-responses"),
        ("nothing", [], "choose from default"),
        ("default without zither", [], "zither"),
        ("numpy without zither", [], "zither"),
    ],
)
def test_chains_that_cannot_be(name: str, plugins: list[str], message: str) -> None:
    pytest.importorskip("pedalboard")
    with pytest.raises(ArgumentError, match=message):
        evaluation_chain(name, plugins=plugins)


def test_a_family_is_left_out() -> None:
    whole = evaluation_chain("default")
    left = evaluation_chain("default without compressor, gain")
    assert set(whole.processors) - set(left.processors) == {"compressor", "gain"}
    assert ["parametric_eq", "saturation"] in [sorted(group) for group in left.groups]
    assert evaluation_chain("fx_encoder_plus_plus without delay").order == "random"
    assert "numpy_volume" not in evaluation_chain("numpy without numpy_volume").processors
    with pytest.raises(ArgumentError, match="no effect left"):
        evaluation_chain(f"default without {','.join(whole.processors)}")

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fxrep.audio import integrated_loudness, true_peak_db
from fxrep.effects import ChainEffect, EffectChain, load_settings, save_settings
from fxrep.effects.black_box import BlackBox
from fxrep.effects.parameters import Choice, Parameter
from fxrep.errors import ArgumentError, AudioError
from fxrep.mixing import MixSession
from style_transfer.inference_time import ObjectiveWeights, master, match_chain, match_stem

RATE = 16000
SMALL: dict[str, Any] = {"encoder": None, "sample_rate": RATE, "window_s": 1.0}


@pytest.fixture(scope="module")
def music() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    seconds = torch.arange(3 * RATE) / RATE
    envelope = torch.exp(-6.0 * (seconds % 0.5)) + 0.1
    return 0.1 * envelope * torch.randn(2, 3 * RATE, generator=generator)


def tilted(audio: Tensor, gain_db: float = 9.0) -> Tensor:
    chain = EffectChain(["low_shelf"])
    entry = {"effect": "low_shelf", "settings": {"frequency_hz": 400.0, "gain_db": gain_db, "q": 0.7}}
    return chain(audio, RATE, [entry])


def test_a_stem_is_matched_by_the_strip_of_the_console(music: Tensor) -> None:
    session = match_stem(music, tilted(music), **SMALL, steps=15, only="eq")
    assert isinstance(session, MixSession) and session.tracks.names == ["stem"]
    equaliser = session.settings.tracks["stem"]["parametric_eq"]
    assert sum(equaliser[f"{band}_gain_db"] for band in ("low_shelf", "peak_1")) > 3.0
    # Both are brought to one loudness: nothing is left for the fader.
    assert session.settings.tracks["stem"]["fader"]["gain_db"] == 0.0
    assert session.render().shape == (2, 3 * RATE)


def test_a_mix_is_mastered_to_the_loudness_of_the_reference_under_a_ceiling(music: Tensor, tmp_path: Path) -> None:
    reference = (tilted(music, 6.0) * 4.0).tanh() * 0.8
    session = master(music, reference, **SMALL, steps=15, ceiling_db=-2.0)
    mastered = session.render()
    wanted = float(integrated_loudness(reference, RATE))
    assert float(integrated_loudness(mastered, RATE)) == pytest.approx(wanted, abs=2.0)
    assert float(true_peak_db(mastered, RATE).max()) <= -1.9
    edited = session.edit("master", "fader.gain_db", -6.0)
    assert float(edited.render().abs().max()) < float(mastered.abs().max())
    session.save(tmp_path / "console.json")
    assert json.loads((tmp_path / "console.json").read_text())["settings"]["console"] == "mastering"


def test_a_chain_is_searched_by_gradient_where_it_has_one(music: Tensor, tmp_path: Path) -> None:
    chain = EffectChain([ChainEffect("stereo_width", ranges={"width": (0.0, 2.0)})])
    wide = chain(music, RATE, [{"effect": "stereo_width", "settings": {"width": 1.6}}])
    match = match_chain(music, wide, chain, **SMALL, steps=30, patience=None)
    assert match.settings[0]["settings"]["width"] == pytest.approx(1.6, abs=0.15)
    assert match.outcome.found.evaluations < 60
    save_settings(tmp_path / "chain.json", match.settings)
    assert load_settings(tmp_path / "chain.json") == match.settings
    torch.testing.assert_close(match.render(music, RATE), chain(music, RATE, match.settings))


def test_choices_and_black_boxes_are_searched_by_evolution(music: Tensor) -> None:
    def fade(audio: Any, sample_rate: int, amount: float, side: str) -> Any:
        return audio * [[1.0 - amount * (side == "left")], [1.0 - amount * (side == "right")]]

    side = Choice("side", ("neither", "left", "right"), "neither")
    box = BlackBox(fade, "fade_side", [Parameter("amount", "", 0.0, 1.0)], choices=[side], gradient="none")
    chain = EffectChain([ChainEffect(box, ranges={"side": side.options})])
    wet = chain(music, RATE, [{"effect": "fade_side", "settings": {"amount": 0.6, "side": "right"}}])
    weights = ObjectiveWeights(loudness=0.0)
    match = match_chain(music, wet, chain, **SMALL, steps=40, spread=0.3, weights=weights)
    assert match.settings[0]["settings"]["side"] == "right"
    assert match.settings[0]["settings"]["amount"] == pytest.approx(0.6, abs=0.1)
    with pytest.raises(ArgumentError, match="no gradient"):
        match_chain(music, wet, chain, **SMALL, search="gradient")


def test_what_cannot_be_matched_is_refused(music: Tensor) -> None:
    with pytest.raises(ArgumentError, match="expected an EffectChain"):
        match_chain(music, music, "default", **SMALL)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="nothing that could be set"):
        match_chain(music, music, EffectChain([]), **SMALL)
    with pytest.raises(AudioError, match="silent"):
        master(torch.zeros(2, RATE), music, **SMALL)
    with pytest.raises(AudioError, match="reference"):
        master(music, torch.zeros(2, RATE), **SMALL)
    with pytest.raises(ArgumentError, match="ceiling_db"):
        master(music, music, ceiling_db=3.0, **SMALL)

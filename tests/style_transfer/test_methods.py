"""The methods by name: each is found, says what it lacks, and makes a whole mix of real weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encoders import SpectralEncoder
from fxrep.errors import ArgumentError, CheckpointError, FxrepError
from fxrep.mixing import MixSession
from style_transfer import create_method, list_methods, transfer
from style_transfer.diff_mst import DiffMST, EmbeddingConditioning, save_controller
from style_transfer.mixfx_cloner import MixFXCloner, save_cloner

from .conftest import RATE, played


def small_encoder() -> SpectralEncoder:
    torch.manual_seed(0)
    return SpectralEncoder(
        dim=8, channels=8, n_blocks=1, hidden=16, sample_rate=RATE, window_s=1.0, n_fft=512, hop=256, n_mels=16
    ).eval()


@pytest.mark.parametrize("method", list_methods())
def test_a_model_that_is_not_there_is_named(method: str) -> None:
    with pytest.raises((CheckpointError, ArgumentError), match="no such model"):
        create_method(method, "no such model")


def test_options_that_a_method_does_not_have() -> None:
    with pytest.raises(ArgumentError, match=r"inference_time has no option 'colour': choose from only.*window_s.*"):
        create_method("inference_time", options={"colour": "blue"})
    for method in ("diff_mst", "mixfx_cloner"):
        with pytest.raises(ArgumentError, match=f"{method} has no option 'model': choose from device; .*: model$"):
            create_method(method, options={"model": "default"})
    with pytest.raises(ArgumentError, match="steps is 0"):
        create_method("inference_time", options={"steps": 0})


def test_options_that_there_are_not_are_refused_before_anything_is_read() -> None:
    with pytest.raises(ArgumentError, match=r"diff_mst has no options 'shape', 'colour': choose from device; "):
        transfer(["nowhere"], "nothing.wav", "diff_mst", colour="blue", options={"shape": 1})
    with pytest.raises(ArgumentError, match="colour is given among the options and by itself"):
        transfer(["nowhere"], "nothing.wav", "diff_mst", colour="blue", options={"colour": 1})


def make(method: str, folder: Path) -> dict:
    torch.manual_seed(1)
    if method == "diff_mst":
        model = DiffMST(
            EmbeddingConditioning(small_encoder(), window_s=1.0), width=16, layers=1, heads=2, feedforward=16
        )
        return {"model": str(save_controller(model.eval(), folder))}
    if method == "mixfx_cloner":
        cloner = MixFXCloner(small_encoder(), channels=8, blocks=3, sample_rate=RATE)
        return {"model": str(save_cloner(cloner.eval(), folder))}
    return {"options": {"steps": 1, "window_s": 1.0, "sample_rate": RATE}, "encoder": small_encoder()}


@pytest.mark.parametrize("method", list_methods())
def test_every_method_makes_a_mix(method: str, song: list[Path], reference: Path, tmp_path: Path) -> None:
    result = transfer(song, reference, method, **make(method, tmp_path / "model"))
    folder = result.save(tmp_path / "out")
    assert result.report["method"] == method
    assert result.report["loudness"]["after"]["lufs"] is not None
    torch.testing.assert_close(MixSession.load(folder / "console.json").render(), result.mix)
    assert list(result.console.settings.tracks) == ["drums", "bass", "vocals"]


@pytest.mark.parametrize("method", ["diff_mst", "inference_time"])
def test_parts_and_sections_of_every_console_method(method: str, reference: Path, tmp_path: Path) -> None:
    song = {"drums": played(1, 5.0), "bass": torch.cat([played(2, 2.5), torch.zeros(1, round(2.5 * RATE))], -1)}
    made = make(method, tmp_path / "model")
    result = transfer(
        song, reference, method, sample_rate=RATE, only=["eq", "levels"], strength=0.5, sections=[2.5], **made
    )
    assert [section.start_s for section in result.console.sections] == [2.5]
    for settings in (result.console.settings, result.console.sections[0].settings):
        neutral = settings.console.default_settings(list(song))
        assert settings.master == neutral.master and settings.sends == neutral.sends
        assert settings.tracks["drums"]["compressor"] == neutral.tracks["drums"]["compressor"]
        # One step of a search may lead nowhere.
        assert method == "inference_time" or settings.tracks["drums"] != neutral.tracks["drums"]
    first, second = result.console.settings, result.console.sections[0].settings
    assert first.tracks["bass"] == second.tracks["bass"]


def test_one_settings_search_takes_the_answer_of_a_controller(
    song: list[Path], reference: Path, tmp_path: Path
) -> None:
    controller = create_method("diff_mst", make("diff_mst", tmp_path / "model")["model"])
    first = transfer(song, reference, controller).console.settings  # type: ignore[arg-type]
    found = transfer(song, reference, "inference_time", start=first, **make("inference_time", tmp_path))
    assert list(found.console.settings.tracks) == list(first.tracks)
    with pytest.raises(FxrepError, match="choose from"):
        transfer(song, reference, "inference_time", start="nobody", **make("inference_time", tmp_path))

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from encoders.evaluation import ProbeProtocol, System, baseline_systems, probe_benchmark
from encoders.evaluation.probe_clips import ClipSource
from fxrep.data import Manifest
from fxrep.effects import ChainEffect, EffectChain
from fxrep.errors import ArgumentError, DataError

LEVEL_AND_SIDE = EffectChain(
    [
        ChainEffect("gain", 0.5, {"gain_db": (-20.0, -10.0)}),
        ChainEffect("balance", 0.5, {"balance": (0.3, 0.9)}),
    ]
)


def cosine(queries: Tensor, candidates: Tensor) -> Tensor:
    return queries @ candidates.T


def by_channels(audio: Tensor, sample_rate: int) -> Tensor:
    """Level of both channels in dB: an embedding in which gain and balance are what they are."""
    levels = 10.0 * audio.square().mean(-1).clamp(min=1e-9).log10()
    # On a great circle, so that cosines tell of distances.
    angles = levels / 100.0
    return torch.cat([angles.cos(), angles.sin()], -1) / 2**0.5


def by_content(audio: Tensor, sample_rate: int) -> Tensor:
    """The first samples at any level: tells the recording and nothing else."""
    return torch.nn.functional.normalize(audio[:, 0, :32], dim=-1)


@pytest.fixture(scope="module")
def found(manifest: Manifest) -> dict[str, dict]:
    systems = {
        "channels": System(by_channels, cosine),
        "content": System(by_content, cosine),
        "deaf": System(lambda audio, rate: torch.ones(len(audio), 3), cosine),
    }
    return probe_benchmark(systems, manifest, protocol())


def protocol(**changes: object) -> ProbeProtocol:
    return ProbeProtocol(**{"clips": 100, "segment_s": 1.0, "chain": LEVEL_AND_SIDE, **changes})  # type: ignore[arg-type]


def test_what_hears_effects_and_settings_scores(found: dict[str, dict]) -> None:
    effects, settings = found["channels"]["effects"], found["channels"]["settings"]
    assert set(effects["by_effect"]) == {"gain", "balance"} and effects["auc"] > 0.9
    assert settings["by_setting"]["gain.gain_db"]["spearman"] > 0.7
    assert settings["by_setting"]["balance.balance"]["r2"] > 0.5
    for score, key in ((effects, "auc"), (settings, "r2"), (settings, "spearman")):
        low, high = score[f"{key}_interval"]
        assert low <= score[key] <= high


def test_what_hears_nothing_is_at_chance(found: dict[str, dict]) -> None:
    deaf = found["deaf"]
    assert deaf["effects"]["auc"] == 0.5
    assert deaf["settings"]["spearman"] == 0.0 and deaf["settings"]["r2"] <= 0.0
    assert deaf["smoothness"]["settings"] == 0.0 and deaf["smoothness"]["features"] == 0.0
    assert deaf["additivity"]["cosine"] == 0.0
    for leak in deaf["leakage"].values():
        assert leak["accuracy"] == pytest.approx(leak["chance"])


def test_leakage_is_of_the_content(manifest: Manifest) -> None:
    found = probe_benchmark({"knows": System(by_spectrum, cosine)}, _coloured(manifest), protocol(split="train"))[
        "knows"
    ]
    assert found["leakage"]["song"]["classes"] == 4 and found["leakage"]["song"]["chance"] == 0.25
    assert found["leakage"]["song"]["accuracy"] > 0.9
    assert found["leakage"]["instrument"]["classes"] == 2


def by_spectrum(audio: Tensor, sample_rate: int) -> Tensor:
    power = torch.fft.rfft(audio[:, 0, :4096]).abs().square()
    return torch.nn.functional.normalize(power[:, :2048].unflatten(1, (64, 32)).mean(-1).log(), dim=-1)


def _coloured(manifest: Manifest) -> Manifest:
    """Every song gets a tone of its own on all of its tracks."""
    import dataclasses

    import soundfile

    root = manifest.root / "coloured"
    root.mkdir(exist_ok=True)
    for row in manifest.rows:
        audio, rate = soundfile.read(manifest.root / row.path)
        song = int(row.song[-1])
        tone = np.sin(2 * np.pi * 500 * (song + 1) * np.arange(len(audio)) / rate)
        soundfile.write(root / row.path, audio + 0.3 * tone[:, None], rate, subtype="FLOAT")
    return dataclasses.replace(manifest, root=root)


def test_smoothness_and_additivity(found: dict[str, dict]) -> None:
    channels, content = found["channels"], found["content"]
    assert channels["smoothness"]["settings"] > 0.7
    assert set(channels["smoothness"]["by_effect"]) == {"gain", "balance"}
    assert channels["smoothness"]["features"] > 0.5
    assert abs(content["smoothness"]["settings"]) < 0.3
    # On a circle displacements add up nearly.
    assert channels["additivity"]["cosine"] > 0.9


def test_the_same_seed_gives_the_same_figures_for_any_batch(manifest: Manifest) -> None:
    first, again = (
        probe_benchmark({"log_mel": baseline_systems()["log_mel"]}, manifest, protocol(clips=20, batch=batch))
        for batch in (20, 7)
    )
    assert json.dumps(first) == json.dumps(again)


def test_clips_are_drawn_evenly_over_songs(manifest: Manifest) -> None:
    clips = ClipSource(manifest, "test", protocol()).draw(np.random.default_rng(0), 10)
    counts = [sum(clip.origin.song == song for clip in clips) for song in {clip.origin.song for clip in clips}]
    assert sorted(counts) == [2, 2, 3, 3]


def test_bad_requests_are_named(manifest: Manifest) -> None:
    with pytest.raises(DataError, match="validation"):
        probe_benchmark({}, manifest, protocol(split="validation"))
    for name, wrong in (("clips", 5), ("split", "holdout"), ("fit_split", "holdout"), ("seed", -1)):
        with pytest.raises(ArgumentError, match=name.removeprefix("fit_")):
            protocol(**{name: wrong})


def test_command(evaluate: Callable[..., str], manifest_path: Path, model: Path) -> None:
    call = ["probe", manifest_path, "--model", model, "--queries", 20, "--seconds", 1, "--no-baselines"]
    found = json.loads(evaluate(*call, "--json"))
    assert set(found["systems"][str(model)]) == {"effects", "settings", "leakage", "smoothness", "additivity"}
    rows = found["table"].splitlines()
    assert rows[0] == f"| measure | {model} | chance |" and len(rows) == 11

"""The benchmark of mixing, from songs to tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from encoders import load_encoder
from fxrep.audio import AudioInput, save_audio
from fxrep.data import Manifest
from fxrep.effects.console import ConsoleSettings, dasp_console, default_console
from fxrep.errors import ArgumentError, CheckpointError, FxrepError
from fxrep.mixing import TrackSet
from style_transfer.diff_mst import DiffMST, SpectrogramConditioning, SpectrogramEncoder, save_controller
from style_transfer.evaluation import (
    BASELINE,
    ConsoleMixer,
    ItemDrawing,
    MixProtocol,
    NearestReference,
    create_mixers,
    mix_benchmark,
    open_measuring,
)
from style_transfer.evaluation.creation import parse_system
from style_transfer.evaluation.mixers import StemMixer
from style_transfer.mixfx_cloner import MixFXCloner
from style_transfer.mixfx_cloner.release import save_cloner
from style_transfer.references import References


class Halfway:
    """Knows the truth of every item, by its tracks, and goes half of the way."""

    track_lufs = -24.0

    def __init__(self, manifest: Manifest, protocol: MixProtocol) -> None:
        self.console = default_console()
        drawing = ItemDrawing(manifest, protocol.split, protocol)
        items = [item for count in protocol.tracks for item in drawing.items("same_song", count)]
        self.truths = {(item.number, tuple(item.tracks.names)): item.truth for item in items}
        self.starts: list[Sequence[float]] = []

    def estimate(
        self,
        tracks: TrackSet,
        references: References,
        start_s: Sequence[float],
        seed: int = 0,
        start: ConsoleSettings | None = None,
    ) -> ConsoleSettings:
        self.starts.append(start_s)
        neutral = self.console.default_settings(tracks.names)
        truth = self.truths[seed, tuple(tracks.names)]
        assert truth is not None
        middle = [
            (a + b) / 2 for a, b in zip(self.console.normalize(neutral), self.console.normalize(truth), strict=True)
        ]
        return self.console.unstack(self.console.denormalize(*middle), tracks.names)


class Inverter:
    """A method without settings: every stem with its channels swapped."""

    def render_stem(self, stem: AudioInput, rate: int, references: References, output: Path) -> None:
        assert isinstance(stem, torch.Tensor)
        save_audio(output, stem.flip(0), rate)


@pytest.fixture
def rows(manifest: Manifest, protocol: MixProtocol, model: Path) -> list[dict[str, Any]]:
    mixers = create_mixers([], manifest, protocol, str(model))
    mixers |= {"halfway": ConsoleMixer(Halfway(manifest, protocol)), "inverter": StemMixer(Inverter())}
    protocol.tasks = ["same_song"]
    return mix_benchmark(mixers, manifest, protocol, open_measuring([str(model), "mfcc"]), ["halfway"])


def test_systems_are_in_their_order(rows: list[dict[str, Any]], model: Path) -> None:
    assert [row["tracks"] for row in rows] == [2] * 6 + [3] * 6 + ["all"] * 6
    found = {row["system"]: row for row in rows if row["tracks"] == "all"}
    assert found["oracle"]["measures"]["mrstft"]["value"] == 0.0
    assert found["oracle"]["measures"]["settings"]["value"] == 0.0
    assert found["oracle"]["measures"]["embedding mfcc"]["value"] == pytest.approx(0.0, abs=1e-9)
    halfway, equal = found["halfway"]["measures"], found[BASELINE]["measures"]
    assert halfway["settings"]["value"] == pytest.approx(equal["settings"]["value"] / 2, rel=1e-4)
    assert halfway["settings"]["below"] == pytest.approx(0.5, abs=1e-4)
    assert halfway["settings"]["below_interval"] == [pytest.approx(0.5, abs=1e-4)] * 2
    # The truth is wholly below anything else, and nothing is set against itself.
    assert found["oracle"]["measures"]["settings"]["against"]["halfway"]["below"] == pytest.approx(1.0)
    ratio = halfway["style"]["value"] / equal["style"]["value"]
    assert equal["style"]["against"]["halfway"]["below"] == pytest.approx(1 - 1 / ratio)
    assert "against" not in halfway["style"] and "below" not in equal["style"]
    assert 0.0 < halfway["mrstft"]["value"] < equal["mrstft"]["value"]
    assert halfway["style"]["value"] < equal["style"]["value"]
    assert "settings" not in found["inverter"]["measures"]
    assert found["random settings"]["measures"]["settings"]["value"] > 0.0
    for row in rows:
        assert row["sets"][str(model)]["frechet"] >= 0.0
        assert row["items"] == (4 if row["tracks"] == "all" else 2)
    two, three, both = (
        next(row for row in rows if row["tracks"] == count and row["system"] == BASELINE) for count in (2, 3, "all")
    )
    means = [row["measures"]["style"]["value"] for row in (two, three)]
    assert both["measures"]["style"]["value"] == pytest.approx(float(np.mean(means)))
    json.dumps(rows, allow_nan=False)


def test_methods_hear_the_second_window(manifest: Manifest, protocol: MixProtocol) -> None:
    protocol.tracks, protocol.tasks = [2], ["same_song"]
    method = Halfway(manifest, protocol)
    mix_benchmark({"halfway": ConsoleMixer(method)}, manifest, protocol, {})
    # Of 2 s in all: one that listens to 10 s begins where the excerpt does, one that listens to 1 s at its middle, one
    # that listens to 0.4 s hears two windows side by side.
    assert method.starts == [[0.0], [0.0]]
    method.window_s, method.starts = 1.0, []  # type: ignore[attr-defined]
    mix_benchmark({"halfway": ConsoleMixer(method)}, manifest, protocol, {})
    assert method.starts == [[1.0], [1.0]]
    method.window_s, method.starts = 0.4, []  # type: ignore[attr-defined]
    mix_benchmark({"halfway": ConsoleMixer(method)}, manifest, protocol, {})
    assert method.starts == [[1.0, 1.4], [1.0, 1.4]]


def test_other_console_has_no_error_of_settings(manifest: Manifest, protocol: MixProtocol) -> None:
    class Dasp:
        console, track_lufs = dasp_console(), -48.0

        def estimate(self, tracks: TrackSet, *_: Any, **__: Any) -> ConsoleSettings:
            return self.console.default_settings(tracks.names)

    protocol.tracks, protocol.tasks = [2], ["same_song"]
    (row,) = mix_benchmark({"dasp": ConsoleMixer(Dasp())}, manifest, protocol, {})
    assert "settings" not in row["measures"] and "mrstft" in row["measures"]


def test_nearest_reference_lends_the_settings_of_a_mix_it_knows(
    manifest: Manifest, protocol: MixProtocol, model: Path
) -> None:
    protocol.tracks, protocol.bank = [3], 4
    bank = NearestReference(manifest, protocol, load_encoder(str(model)))
    drawing = ItemDrawing(manifest, "train", protocol)
    rng = np.random.default_rng([protocol.seed, 60])
    names = list(drawing.songs)
    song, _ = names[int(rng.integers(2))], rng.integers(1)
    tracks, _ = drawing.draw_tracks(song, 3, rng)
    settings, mix = drawing.known_mix(tracks, rng)
    assert settings == bank.settings[0]
    # The first mix of the bank asks for itself: its own settings come back, track by track, in any order.
    found = bank.estimate(tracks, References(mix, sample_rate=44100), [0.0])
    assert found == settings
    turned = TrackSet({name: tracks.sources[name] for name in reversed(tracks.names)}, 44100)
    again = bank.estimate(turned, References(mix, sample_rate=44100), [0.0])
    assert again.tracks == settings.tracks and again.sends == settings.sends
    fewer = TrackSet({tracks.names[1]: tracks.sources[tracks.names[1]]}, 44100)
    assert bank.estimate(fewer, References(mix, sample_rate=44100), [0.0]).tracks == {
        tracks.names[1]: settings.tracks[tracks.names[1]]
    }
    more = TrackSet({f"{name}{copy}": tracks.sources[name] for name in tracks.names for copy in (1, 2)}, 44100)
    lent = bank.estimate(more, References(mix, sample_rate=44100), [0.0]).tracks
    assert all(lent[f"{name}{copy}"] == settings.tracks[name] for name in tracks.names for copy in (1, 2))


def test_systems_are_named() -> None:
    for text, label, method, model in [
        ("diff_mst", "diff_mst", "diff_mst", None),
        ("diff_mst:runs/a=b", "diff_mst:runs/a=b", "diff_mst", "runs/a=b"),
        ("our own=inference_time:dasp", "our own", "inference_time", "dasp"),
    ]:
        found = parse_system(text)
        assert (found.label, found.method, found.model) == (label, method, model)
        assert (found.start, found.encoder, found.options) == (None, None, {})
    refined = parse_system("refined=inference_time:default,steps=5,search=gradient,start=our own,encoder=7")
    assert (refined.label, refined.model, refined.start, refined.encoder) == ("refined", "default", "our own", "7")
    assert refined.options == {"steps": 5, "search": "gradient"}
    for wrong in ("automix", "=diff_mst", "diff_mst:", "a=b=c", "diff_mst,steps", "diff_mst,=5"):
        with pytest.raises(ArgumentError, match="names no system"):
            parse_system(wrong)


def test_a_search_begins_with_the_answer_of_another_system(manifest: Manifest, protocol: MixProtocol) -> None:
    class Keeper:
        console, track_lufs = default_console(), -24.0

        def estimate(
            self,
            tracks: TrackSet,
            references: References,
            start_s: Sequence[float],
            seed: int = 0,
            start: ConsoleSettings | None = None,
        ) -> ConsoleSettings:
            assert start is not None
            return start

    protocol.tracks, protocol.tasks = [2], ["same_song"]
    halfway = ConsoleMixer(Halfway(manifest, protocol))
    first, second = mix_benchmark({"halfway": halfway, "kept": ConsoleMixer(Keeper(), halfway)}, manifest, protocol, {})
    assert first["measures"] == second["measures"]


def test_every_method_of_the_project_takes_part(
    manifest: Manifest, protocol: MixProtocol, model: Path, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    sizes = {"dim": 8, "channels": [4, 8], "pools": [[4, 4], [4, 4]], "n_fft": 1024, "hop": 512, "n_mels": 16}
    hearing = SpectrogramConditioning(SpectrogramEncoder(**sizes), SpectrogramEncoder(**sizes), window_s=1.0)
    controller = DiffMST(hearing, width=16, layers=1, heads=2, feedforward=16)
    save_controller(controller, tmp_path / "controller")
    cloner = MixFXCloner(str(model), channels=4, blocks=2, kernel=3, batch_norm=False, output="gains")
    save_cloner(cloner, tmp_path / "cloner")
    systems = [
        f"ours=diff_mst:{tmp_path / 'controller'}",
        f"stems=mixfx_cloner:{tmp_path / 'cloner'}",
        f"search=inference_time,steps=2,window_s=1,encoder={model}",
        f"refined=inference_time,steps=2,window_s=1,encoder={model},start=ours",
    ]
    protocol.tracks, protocol.bank, protocol.tasks = [2], 2, ["same_song"]
    mixers = create_mixers(systems, manifest, protocol, str(model))
    assert list(mixers) == [
        *("equal loudness", "random settings", "nearest reference", "ours", "stems", "search", "refined", "oracle")
    ]
    rows = mix_benchmark(mixers, manifest, protocol, open_measuring(["mfcc"]))
    found = {row["system"]: row["measures"] for row in rows}
    assert len(rows) == len(found) == 8
    assert all(("settings" in measures) == (name != "stems") for name, measures in found.items())
    # Two steps from there lead to another place than two steps from neutral.
    assert found["search"]["settings"] != found["refined"]["settings"]


def test_unusable_systems_are_refused_before_anything_is_rendered(manifest: Manifest, protocol: MixProtocol) -> None:
    with pytest.raises(ArgumentError, match="diff_mst is the name of two systems"):
        create_mixers(["diff_mst", "diff_mst"], manifest, protocol)
    with pytest.raises(ArgumentError, match="no earlier system called 'none'"):
        create_mixers(["inference_time,start=none"], manifest, protocol)
    with pytest.raises(FxrepError):
        create_mixers(["inference_time,no_such_option=1"], manifest, protocol)
    with pytest.raises(CheckpointError):
        create_mixers([], manifest, protocol, "no-such-encoder")
    with pytest.raises(CheckpointError):
        open_measuring(["no-such-encoder"])


def test_command(manifest_path: Path, model: Path) -> None:
    from fxrep.cli import evaluate

    app = typer.Typer()
    app.add_typer(evaluate.app, name="evaluate")
    words = ["evaluate", "mix", str(manifest_path), "--items", "2", "--tracks", "2", "--seconds", "1", "--bank", "2"]
    words += ["--encoder", "mfcc", "--bank-encoder", str(model)]
    first, second = (CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False) for _ in range(2))
    found, again = json.loads(first.stdout), json.loads(second.stdout)
    for row in [*found["rows"], *again["rows"]]:
        assert row.pop("processor_s") >= 0.0
    assert found["rows"] == again["rows"]
    assert found["protocol"]["window_s"] == 1.0
    systems = [row["system"] for row in found["rows"] if row["task"] == "other_song"]
    assert systems == ["equal loudness", "random settings", "nearest reference"]
    words += ["--against", "random settings", "--baseline", "random settings", "--baseline", "oracle"]
    table = CliRunner().invoke(app, words, catch_exceptions=False).stdout
    assert "MRSTFT below random settings (95 %)" in table and "nearest reference" not in table
    assert "Same song, known random settings" in table
    assert "production style below equal loudness" in table
    assert "| 2 | oracle |" in table
    with pytest.raises(ArgumentError, match="names no system"):
        CliRunner().invoke(app, [*words, "--system", "magic"], catch_exceptions=False)
    with pytest.raises(ArgumentError, match="no system 'magic' to set others against"):
        CliRunner().invoke(app, [*words, "--against", "magic"], catch_exceptions=False)
    with pytest.raises(ArgumentError, match="no baseline 'magic': choose from equal loudness, random settings"):
        CliRunner().invoke(app, [*words, "--baseline", "magic"], catch_exceptions=False)

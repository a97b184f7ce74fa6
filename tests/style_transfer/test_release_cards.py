"""Model cards: what they say of the data, and how measurements get onto them, whatever was released."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from encoders.spectral_encoder import SpectralEncoder
from encoders.training.song_data import SongDataModule
from encoders.training.songs import Reference
from fxrep.cli.main import build_app
from fxrep.data import Manifest, ManifestRow, write_manifest
from style_transfer.diff_mst import DiffMST, EmbeddingConditioning, load_controller, save_controller
from style_transfer.mixfx_cloner import MixFXCloner, load_cloner, save_cloner

RESULT = {"command": "fxrep evaluate mix songs", "table": "| system | style |\n|---|---|\n| mine | 0.1 |"}


@pytest.mark.parametrize("kind", ["controller", "cloner"])
def test_a_measurement_goes_onto_the_card_of_any_release(tmp_path: Path, kind: str) -> None:
    torch.manual_seed(0)
    encoder = SpectralEncoder(dim=16, channels=16, n_blocks=2, hidden=32, window_s=1.0)
    release = tmp_path / "release"
    details = {"training": {"steps": 3}, "metrics": {"validation/loss": 0.25}}
    if kind == "controller":
        save_controller(DiffMST(EmbeddingConditioning(encoder), width=32), release, metadata=details)
    else:
        save_cloner(MixFXCloner(encoder, channels=8, blocks=2, kernel=5), release, metadata=details)
    load = load_controller if kind == "controller" else load_cloner
    before = [one.clone() for one in load(release).state_dict().values()]
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    given = ["models", "card", str(release), "--measured", str(tmp_path / "result.json"), "--name", "Mix", "--json"]
    done = CliRunner().invoke(build_app(), given)
    assert done.exit_code == 0, done.output
    assert kind in json.loads(done.output) and json.loads(done.output)["metrics"]["evaluations"]["Mix"] == RESULT
    card = (release / "README.md").read_text(encoding="utf-8")
    assert "### Mix" in card and RESULT["command"] in card and "| mine | 0.1 |" in card
    assert "| steps | 3 |" in card and "| validation/loss | 0.25 |" in card
    assert all(torch.equal(one, other) for one, other in zip(before, load(release).state_dict().values(), strict=True))
    (tmp_path / "result.json").write_text('{"command": "x"}')
    refused = CliRunner().invoke(build_app(), given)
    assert refused.exit_code == 1 and "has no table" in str(refused.exception or refused.output)


def row(song: str, track: str, **changes: object) -> ManifestRow:
    known = ManifestRow(
        path=f"{song}/{track}.wav",
        kind="mix" if track == "mix" else "stem",
        dataset="test",
        song=song,
        artist=f"artist of {song} {track}",
        licence="CC0-1.0",
        split="train",
        track=track,
        instrument="other",
        duration_s=10.0,
        sample_rate=44100,
        channels=2,
        loudness_lufs=-20.0,
        silence_ratio=0.0,
        content_hash=f"{song}/{track}",
    )
    return dataclasses.replace(known, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("same_song", ["whole a", "whole b"]),
        ("other_song", ["finished mix", "whole a", "whole b", "whole mix"]),
        ("own_mix", ["whole a", "whole b", "whole mix"]),
    ],
)
def test_the_card_names_only_what_training_can_draw(tmp_path: Path, reference: Reference, expected: list[str]) -> None:
    rows = [
        *(row("whole", track) for track in ("a", "b", "mix")),
        row("whole", "silent", loudness_lufs=-100.0),
        row("finished", "mix"),
        row("single", "a"),
        *(row("short", track, duration_s=1.0) for track in ("a", "b", "mix")),
        *(row("held out", track, split="test") for track in ("a", "b", "mix")),
    ]
    # Two manifests: rows are counted through both.
    write_manifest(tmp_path / "one.parquet", Manifest(rows[:5], tmp_path))
    write_manifest(tmp_path / "two.parquet", Manifest(rows[5:], tmp_path))
    data = SongDataModule([str(tmp_path / "one.parquet"), str(tmp_path / "two.parquet")], reference, segment_s=4.0)
    described = data.description()["data"]
    assert described["artists"] == {"CC0-1.0": [f"artist of {one}" for one in expected]}
    assert described["songs"] == len({one.split()[0] for one in expected})
    assert described["hours"] == round(10.0 * len(expected) / 3600.0, 2)

"""The demo: refuses a stranger's folder, and goes the whole road."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fxrep.cli import demo
from fxrep.cli.demo_report import as_text
from fxrep.errors import ArgumentError

ROOT = Path(__file__).parents[2]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(ArgumentError, match="--out"):
        demo.run(out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(ArgumentError, match="--out"):
        demo.run(out=tmp_path / "thesis.txt")


def report() -> dict[str, object]:
    hit = {"score": 0.9, "path": "somewhere/bass, hall.flac"}
    return {
        "songs": 14,
        "training": {"pairs": 320, "steps": 10},
        "retrieval": {
            "candidates": 50,
            "chance": 0.02,
            "queries": 200,
            "systems": {"shipped": {"r@1": 0.5, "r@1_interval": [0.43, 0.57]}},
        },
        "search": {
            "references": 72,
            "right": 20,
            "chance": 1 / 6,
            "queries": [{"query": "q.flac", "hits": [hit]}] * 24,
        },
        "files": {"map": "fxrep-demo/map.html"},
        "steps_s": {"generate": 10.0, "train": 60.4},
    }


def test_report_says_what_was_found() -> None:
    text = as_text(report())
    assert "shipped               50.0%  (43.0% to 57.0%)" in text
    assert "chance                 2.0%" in text
    assert "20 of 24 queries" in text
    assert "0.900  bass, hall.flac" in text
    assert "fxrep-demo/map.html" in text
    assert "took 70 s" in text


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_road(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = ["-m", "fxrep", "demo", "--out", "made", "--seconds", "2", "--songs", "12", "--json"]
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["training"]["steps"] >= 1
    assert set(found["retrieval"]["systems"]) == {"pretrained just now", "shipped", "log-mel statistics"}
    shipped = found["retrieval"]["systems"]["shipped"]["r@1"]
    assert shipped > 3 * found["retrieval"]["chance"]
    assert found["search"]["right"] > 2 * found["search"]["chance"] * len(found["search"]["queries"])
    for path in found["files"].values():
        assert (tmp_path / path).exists()
    assert "pretrain an encoder" in done.stderr
    assert "Traceback" not in done.stderr

"""The examples run as they stand, on what they generate themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def example(name: str, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, str(ROOT / "examples" / name), *arguments]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    for path in (ROOT / "examples").glob("*.py"):
        assert f'"{path.name}"' in text


@pytest.mark.slow
def test_draw_effects(tmp_path: Path) -> None:
    output = example("draw_effects.py", tmp_path, "--count", "2")
    assert {path.name for path in (tmp_path / "drawn-effects").iterdir()} == {"1.wav", "1.json", "2.wav", "2.json"}
    # A 24-bit file rounds to 6e-8.
    assert float(output.split()[-1]) < 1e-6


def test_effect_chain(tmp_path: Path) -> None:
    output = example("effect_chain.py", tmp_path)
    made = {f"{name}.wav" for name in ("dry", "drawn", "edited")} | {"drawn.json", "edited.json"}
    assert {path.name for path in (tmp_path / "effect-chain").iterdir()} == made
    assert float(output.split(" dB from")[0].split()[-1]) < -90.0


@pytest.mark.slow
def test_mix_with_console(tmp_path: Path) -> None:
    lines = example("mix_with_console.py", tmp_path).splitlines()
    assert {path.name for path in (tmp_path / "mix").iterdir()} == {"mix.wav", "mix.json"}
    assert float(lines[0].split()[-2]) < -0.9
    for line in lines[1:]:
        hidden, found = (float(word) for word in line.split() if word[-1].isdigit())
        assert abs(hidden - found) < 1.0


@pytest.mark.slow
def test_search_references(tmp_path: Path) -> None:
    output = example("search_references.py", tmp_path, "--k", "1")
    assert "telephone" in output.splitlines()[-1]


@pytest.mark.slow
def test_pretrain_encoder(tmp_path: Path) -> None:
    output = example("pretrain_encoder.py", tmp_path, "--songs", "8", "--steps", "2", "--candidates", "4")
    assert (tmp_path / "pretrained" / "encoder" / "model.safetensors").is_file()
    assert output.splitlines()[-1].startswith("chance")

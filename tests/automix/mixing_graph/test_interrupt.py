"""Ctrl-C during a fit: the first one ends the search, and the mix is made of the best that was found."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from automix.mixing_graph import MixingGraph
from automix.mixing_graph.watch import log
from fxrep.audio import save_audio
from fxrep.mixing.tracks import TrackSet

RATE = 16000
ROOT = Path(__file__).parents[3]
SECONDS = 2.0

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Python's own answer to SIGINT: a shell that starts tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def played() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    times = torch.arange(round(SECONDS * RATE))
    noise = 0.1 * torch.randn(2, 1, len(times), generator=generator)
    return dict(zip(("drums", "bass"), noise * torch.exp(-(times % 4000) / 900.0), strict=True))


class Pressing(logging.Handler):
    """Presses Ctrl-C when a message begins so."""

    def __init__(self, beginning: str) -> None:
        super().__init__(logging.INFO)
        self.beginning = beginning

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(self.beginning):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def pressing(interrupts: None) -> Iterator[list[Pressing]]:
    """Handlers to be told when to press."""
    handlers: list[Pressing] = []
    level = log.level
    log.setLevel(logging.INFO)
    yield handlers
    for one in handlers:
        log.removeHandler(one)
    log.setLevel(level)


def press(handlers: list[Pressing], beginning: str) -> None:
    handlers.append(Pressing(beginning))
    log.addHandler(handlers[-1])


def method() -> MixingGraph:
    sounds = played()
    target = 0.3 * sounds["drums"] + 2.0 * sounds["bass"]
    return MixingGraph(target, steps=2, rounds=2, window_s=1.0, families="gain_pan,eq", groups=None)


def test_what_was_fitted_before_is_the_result(pressing: list[Pressing]) -> None:
    press(pressing, "gain_pan:")
    graph = method()
    answer = graph.estimate(TrackSet(played(), RATE), [0.0])
    assert graph.found is not None and graph.found.interrupted == "gain_pan"
    assert graph.found.loss < 0.5 * graph.found.losses["sum"]
    assert graph.found.kept["gain_pan"] == 2 and graph.found.kept["eq"] == 0
    assert answer.decisions[-1].startswith("The search was ended by Ctrl-C at gain_pan")
    assert "graph.svg" in answer.files


def test_what_was_pruned_before_stays_out(pressing: list[Pressing]) -> None:
    press(pressing, "round 1 of 2:")
    graph = method()
    graph.estimate(TrackSet(played(), RATE), [0.0])
    assert graph.found is not None and graph.found.interrupted == "round 1 of 2"
    assert graph.found.counts[0] == 4 and graph.found.counts[-1] == sum(graph.found.kept.values()) < 4


def test_before_anything_is_found_it_is_an_interrupt(interrupts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = method()

    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("automix.mixing_graph.method.choose_groups", stop)
    with pytest.raises(KeyboardInterrupt):
        graph.estimate(TrackSet(played(), RATE), [0.0])


@pytest.mark.slow
@pytest.mark.parametrize("presses", [1, 2])
def test_the_command_keeps_the_mix_at_one_and_leaves_nothing_at_two(tmp_path: Path, presses: int) -> None:
    for name, audio in played().items():
        save_audio(tmp_path / "song" / f"{name}.wav", audio, RATE)
    save_audio(tmp_path / "target.wav", 0.3 * played()["drums"] + 2.0 * played()["bass"], RATE)
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from fxrep.cli.main import main\n"
        "main()\n"
    )
    options = ["steps=100000", "window_s=1"]
    arguments = ["mix", tmp_path / "song", "-m", "mixing_graph", "-t", tmp_path / "target.wav", "-o", tmp_path / "out"]
    arguments += [part for option in options for part in ("--option", option)] + ["--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FXREP_LOG": "INFO"},
    )
    assert process.stderr is not None
    waited = ["gain_pan:", "interrupted at"]
    for beginning in waited[:presses]:
        lines = iter(process.stderr.readline, "")
        assert any(beginning in line for line in lines)
        process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == (0 if presses == 1 else 130)
    if presses == 1:
        made = json.loads(printed)
        assert "ended by Ctrl-C" in " ".join(made["decisions"])
        assert {"mix.wav", "console.json", "report.html"} <= {path.name for path in (tmp_path / "out").iterdir()}
    else:
        assert sorted(path.name for path in tmp_path.iterdir()) == ["song", "target.wav"]

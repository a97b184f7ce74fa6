"""A search that is killed goes on from its file, and comes to the very graph of one that was never stopped."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from automix.mixing_graph import MixingGraph
from automix.mixing_graph.watch import log
from fxrep.audio import save_audio
from fxrep.errors import ArgumentError
from fxrep.mixing.tracks import TrackSet

RATE = 16000
ROOT = Path(__file__).parents[3]


def played() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    times = torch.arange(2 * RATE)
    noise = 0.1 * torch.randn(2, 1, len(times), generator=generator)
    return dict(zip(("drums", "bass"), noise * torch.exp(-(times % 4000) / 900.0), strict=True))


def search(checkpoint: Path | None, gain: float = 0.3, **options: object) -> MixingGraph:
    sounds = played()
    graph = MixingGraph(
        gain * sounds["drums"] + 2.0 * sounds["bass"],
        checkpoint=checkpoint,
        **{"steps": 2, "rounds": 2, "window_s": 1.0, "families": "gain_pan,eq", "groups": None, **options},  # type: ignore[arg-type]
    )
    graph.estimate(TrackSet(sounds, RATE), [0.0])
    return graph


class Killing(logging.Handler):
    """Kills its own process when a message begins so."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)


def run_until_killed() -> None:
    torch.set_num_threads(1)
    log.setLevel(logging.INFO)
    log.addHandler(Killing())
    search(Path(sys.argv[1]))


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
def test_a_killed_search_goes_on_to_the_same_graph(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "search.json"
    # What is said comes before what is written: the family or the round at which it is killed is done again.
    for beginning, losses, counts in (("eq:", ["sum", "gain_pan"], 0), ("round 2 of 2:", ["sum", "gain_pan", "eq"], 2)):
        killed = subprocess.run(
            [sys.executable, __file__, str(file), beginning], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        assert killed.returncode == -signal.SIGKILL
        kept = json.loads(file.read_text(encoding="utf-8"))
        assert list(kept["losses"]) == losses and len(kept["counts"]) == counts
        assert [path.name for path in tmp_path.iterdir()] == ["search.json"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    whole = search(None).found
    with caplog.at_level(logging.WARNING):
        resumed = search(file).found
    torch.set_num_threads(threads)
    assert whole is not None and resumed is not None
    assert "the search goes on after round 1 of pruning" in caplog.text
    assert resumed.graph == whole.graph
    assert (resumed.losses, resumed.loss, resumed.counts) == (whole.losses, whole.loss, whole.counts)


def test_a_finished_search_is_not_searched_again_and_another_one_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "search.json"
    first = search(file).found
    with caplog.at_level(logging.WARNING):
        again = search(file).found
    assert first is not None and again is not None and again.graph == first.graph
    assert again.seconds[0] < 0.5 * first.seconds[0]
    for other in ({"gain": 0.5}, {"steps": 3}):
        caplog.clear()
        search(file, **other)  # type: ignore[arg-type]
        assert "begins anew" in caplog.text


def test_files_that_are_no_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "notes.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"notes\.json is there and no search"):
        search(file)
    assert file.read_text(encoding="utf-8") == "{}"
    with pytest.raises(ArgumentError, match="checkpoint is 3: expected the name of a file"):
        search(3)  # type: ignore[arg-type]
    file.unlink()
    search(file)
    damaged = json.loads(file.read_text(encoding="utf-8"))
    del damaged["weights"]
    file.write_text(json.dumps(damaged), encoding="utf-8")
    with pytest.raises(ArgumentError, match=r"notes\.json is damaged .*weights.*delete it"):
        search(file)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
def test_the_command_goes_on_after_a_kill_and_leaves_no_search_behind(tmp_path: Path) -> None:
    for name, audio in played().items():
        save_audio(tmp_path / "song" / f"{name}.wav", audio, RATE)
    save_audio(tmp_path / "target.wav", 0.3 * played()["drums"] + 2.0 * played()["bass"], RATE)
    arguments = ["mix", tmp_path / "song", "-m", "mixing_graph", "-t", tmp_path / "target.wav", "-o", tmp_path / "out"]
    options = ["steps=20", "window_s=1", "families=gain_pan,eq,reverb", "rounds=1"]
    command = [sys.executable, "-m", "fxrep", *map(str, arguments)]
    command += [part for option in options for part in ("--option", option)]
    file = tmp_path / "out.search.json"
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    while not file.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.search.json", "song", "target.wav"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "the search goes on after" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "song", "target.wav"]


if __name__ == "__main__":
    run_until_killed()

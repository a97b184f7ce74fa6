"""A search that was killed goes on: what it had come to after its last family or round, in a small file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from automix.mixing_graph.fitting import Fitting
from automix.mixing_graph.problem import Problem
from automix.mixing_graph.pruning import Pruning
from automix.mixing_graph.state import GraphState
from automix.mixing_graph.watch import Reached, Watch, log
from fxrep.errors import ArgumentError, OutputError
from fxrep.files import atomic_file
from fxrep.version import __version__

FORMAT = "fxrep mixing graph search 1"


def check_checkpoint(path: Any) -> Path | None:
    """Return the place of a checkpoint.

    Raises:
        ArgumentError: it is no path, or there is a file that is none of these and must not be replaced.
    """
    if path is None:
        return None
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ArgumentError(f"checkpoint is {path!r}: expected the name of a file to keep the search in")
    place = Path(path)
    if place.exists() and _read(place) is None:
        raise ArgumentError(f"checkpoint {place} is there and no search for a mixing graph: give another name")
    return place


def search_key(problem: Problem, fitting: Fitting, pruning: Pruning, families: Sequence[str], seed: int) -> str:
    """Return what tells one search from another: the audio that is fitted, and how it is fitted."""
    digest = hashlib.sha256()
    for audio in (problem.audio, problem.target):
        digest.update(audio.contiguous().numpy().tobytes())
    names = problem.console.track.setting_names()
    how = (__version__, fitting, pruning, tuple(families), seed, problem.warm_up, problem.routing.groups, names)
    digest.update(repr((*how, problem.routing.sample_rate)).encode())
    return digest.hexdigest()


@dataclass
class Checkpoint:
    """The file of one search.

    What goes on from it comes to the same graph as a search that was never stopped: what is drawn after it is drawn
    from where the generator was.

    Attributes:
        path: of the file.
        key: of `search_key`.
        generator: of all that is drawn.
    """

    path: Path
    key: str
    generator: torch.Generator

    def save(self, watch: Watch) -> None:
        """Write what the search has come to. That it cannot be written stops nothing."""
        if watch.reached is None:
            return
        state = watch.reached.state
        data = {
            "format": FORMAT,
            "key": self.key,
            "losses": watch.losses,
            "counts": watch.counts,
            "loss": watch.reached.loss,
            "least": watch.reached.least,
            "positions": state.positions.tolist(),
            "weights": state.weights.tolist(),
            "kept": state.kept.tolist(),
            "generator": self.generator.get_state().numpy().tobytes().hex(),
        }
        try:
            with atomic_file(self.path) as temporary:
                temporary.write_text(json.dumps(data), encoding="utf-8")
        except OutputError as error:
            log.warning("the search goes on, and begins anew should it be killed: %s", error)

    def restore(self, watch: Watch) -> None:
        """Let a new search begin where the file left off, if there is one of the same search."""
        data = _read(self.path) if self.path.exists() else None
        if data is None:
            return
        if data.get("key") != self.key:
            log.warning(
                "%s is of other tracks, of another target or of other options: the search begins anew", self.path
            )
            return
        try:
            self._take(data, watch)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ArgumentError(f"checkpoint {self.path} is damaged ({error!r}): delete it to begin anew") from error
        where = f"round {len(watch.counts) - 1} of pruning" if watch.counts else list(watch.losses)[-1]
        log.warning("the search goes on after %s, where %s left off", where, self.path)

    def _take(self, data: dict[str, Any], watch: Watch) -> None:
        number = torch.float64
        state = GraphState(
            torch.tensor(data["positions"], dtype=number),
            torch.tensor(data["weights"], dtype=number),
            torch.tensor(data["kept"], dtype=torch.bool),
        )
        self.generator.set_state(torch.frombuffer(bytearray.fromhex(data["generator"]), dtype=torch.uint8))
        watch.losses, watch.counts = dict(data["losses"]), list(data["counts"])
        watch.reached = Reached(state, float(data["loss"]), float(data["least"]))
        watch.replace(state.clone(), watch.reached.loss)


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a file holds; None if it is no checkpoint."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and data.get("format") == FORMAT else None

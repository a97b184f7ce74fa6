"""Killed at any instruction, an index opens and holds exactly what was acknowledged."""

from __future__ import annotations

import os
import sys

import pytest

from .killed_writers import run_trials

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="writers are forked and killed by SIGKILL")


@pytest.fixture(autouse=True)
def _quiet(caplog):
    # The songs of these tests are names only.
    caplog.set_level("ERROR")


def test_writers_that_are_killed_lose_nothing(tmp_path):
    counts = run_trials(tmp_path, 15, seed=1)
    assert sum(counts.values()) == 15


@pytest.mark.slow
@pytest.mark.timeout(36000)
def test_hundreds_of_writers_that_are_killed_lose_nothing(tmp_path):
    # More in a night: FXREP_KILLS=5000 pytest -m slow tests/retrieval/test_index_kill.py
    trials = int(os.environ.get("FXREP_KILLS", "300"))
    counts = run_trials(tmp_path, trials, seed=int(os.environ.get("FXREP_SEED", "2")))
    assert sum(counts.values()) == trials and len(counts) >= 4, counts

"""Decoders begin with what they need, and need nothing of the memory and the time that their limits leave for songs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from fxrep.audio import integrated_loudness, load_audio

ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
import processes
from fxrep.web.limited_process import prepare_processes, run_limited
from fxrep.web.process_limits import ProcessLimits

if __name__ == "__main__":
    prepare_processes(["fxrep.web.decoding", "fxrep.web.decoder_start"])
    print(json.dumps(run_limited(
        processes.watch_decoding, {"source": sys.argv[2]}, ProcessLimits(), lambda *told: None, "song"
    )))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_decoders_compile_nothing_and_work_on_one_thread(tmp_path: Path) -> None:
    # So long that torch would share even the sums over steps of 100 ms among the processors.
    rng = np.random.default_rng(0)
    song = np.tile(0.1 * rng.standard_normal(8000 * 10), 100)
    soundfile.write(tmp_path / "song.wav", np.stack([song, 0.5 * song], axis=1), 8000, subtype="PCM_16")
    (tmp_path / "ask.py").write_text(ASK)
    told = subprocess.run(
        [sys.executable, tmp_path / "ask.py", Path(__file__).parent, tmp_path / "song.wav"],
        env={**os.environ, "OMP_NUM_THREADS": "4"},
        capture_output=True,
        check=True,
        text=True,
    )
    found = json.loads(told.stdout)
    assert found["compiled"] == [1, 1]
    assert found["threads"] == 1
    audio, rate = load_audio(tmp_path / "song.wav")
    assert found["loudness_lufs"] == pytest.approx(float(integrated_loudness(audio.double(), rate)), abs=0.006)

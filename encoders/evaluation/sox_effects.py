"""The usual effects as SoX has them: one more implementation that no encoder was trained on.

SoX works in 32-bit integers and clips at full scale, which would be an effect of its own. What is linear is therefore
handed over 36 dB softer and raised again, in 64-bit floating point on both sides.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fxrep.effects import BlackBox, Parameter
from fxrep.errors import ArgumentError, MissingExtraError

Samples = NDArray[np.float32]

HEADROOM = 2.0**-6
HEADROOM_DB = 20.0 * float(np.log10(HEADROOM))
KNEE_DB = 6.0
# The detector starts from here: gain 1 until the first attack.
QUIET_DB = -90.0


def find_sox() -> str:
    """Where the program ``sox`` is.

    Raises:
        MissingExtraError: it is not installed; the message says how to install it.
    """
    found = shutil.which("sox")
    if found is None:
        raise MissingExtraError(
            "the program sox is not on the PATH: apt install sox (Debian, Ubuntu), brew install sox (macOS), "
            "or choose another chain"
        )
    return found


def run_sox(audio: Samples, sample_rate: int, words: Sequence[str], scale: float = HEADROOM) -> Samples:
    """Pass audio through one call of SoX.

    Args:
        audio: (C, T); mono is copied to both channels.
        sample_rate: Hz.
        words: an effect of SoX and what follows it.
        scale: gain before the effect, taken back after it.

    Returns:
        (2, T); what rings on beyond the end is cut off.

    Raises:
        MissingExtraError: SoX is not installed.
        RuntimeError: SoX refused; the message is its last line.
    """
    stereo = np.broadcast_to(audio, (2, audio.shape[-1])).astype(np.float64) * scale
    stream = ["-t", "f64", "-r", str(sample_rate), "-c", "2", "-"]
    # No dither, no warnings of clipping, and the same random numbers in every call.
    command = [find_sox(), "-D", "-R", "-V1", *stream, *stream, *words]
    done = subprocess.run(command, input=stereo.T.tobytes(), capture_output=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"sox ended with {done.returncode}")
    heard = np.frombuffer(done.stdout, dtype=np.float64).reshape(-1, 2).T[:, : audio.shape[-1]] / scale
    padded: Samples = np.pad(heard, ((0, 0), (0, audio.shape[-1] - heard.shape[-1]))).astype(np.float32)
    return padded


def _equalizer(*, frequency_hz: float, q: float, gain_db: float) -> list[str]:
    return ["equalizer", f"{frequency_hz:.3f}", f"{q:.4f}q", f"{gain_db:.4f}"]


def _bass_treble(*, bass_db: float, bass_hz: float, treble_db: float, treble_hz: float) -> list[str]:
    return ["bass", f"{bass_db:.4f}", f"{bass_hz:.3f}", "treble", f"{treble_db:.4f}", f"{treble_hz:.3f}"]


def _compand(*, threshold_db: float, ratio: float, attack_ms: float, decay_ms: float, makeup_db: float) -> list[str]:
    threshold = threshold_db + HEADROOM_DB
    times = f"{attack_ms / 1000.0:.6f},{decay_ms / 1000.0:.6f}"
    points = f"{KNEE_DB:g}:{threshold:.4f},{threshold:.4f},0,{threshold - threshold / ratio:.4f}"
    return ["compand", times, points, f"{makeup_db:.4f}", f"{QUIET_DB:g}"]


def _overdrive(*, gain_db: float, colour: float) -> list[str]:
    return ["overdrive", f"{gain_db:.4f}", f"{colour:.4f}"]


def _width(*, width: float) -> list[str]:
    same, other = (1.0 + width) / 2.0, (1.0 - width) / 2.0
    return ["remix", "-m", f"1v{same:.6f},2v{other:.6f}", f"1v{other:.6f},2v{same:.6f}"]


def _reverb(
    *, reverberance: float, damping: float, room_scale: float, stereo_depth: float, pre_delay_ms: float, wet_db: float
) -> list[str]:
    shares = [f"{share:.3f}" for share in (reverberance, damping, room_scale, stereo_depth)]
    return ["reverb", *shares, f"{pre_delay_ms:.3f}", f"{wet_db:.3f}"]


def _echo(*, delay_ms: float, decay: float) -> list[str]:
    return ["echo", "1", "1", f"{delay_ms:.3f}", f"{decay:.4f}"]


def _gain(*, gain_db: float) -> list[str]:
    return ["gain", f"{gain_db:.4f}"]


def _percent(name: str, minimum: float, maximum: float) -> Parameter:
    return Parameter(name, "%", minimum, maximum, "linear", 50.0)


def _level(name: str, minimum: float, maximum: float) -> Parameter:
    return Parameter(name, "dB", minimum, maximum, "db", 0.0)


SOX_EFFECTS: dict[str, tuple[Callable[..., list[str]], tuple[Parameter, ...], float]] = {
    "equalizer": (
        _equalizer,
        (
            Parameter("frequency_hz", "Hz", 200.0, 6000.0, "log", 1000.0),
            Parameter("q", "", 0.3, 4.0, "log", 1.0),
            _level("gain_db", -12.0, 12.0),
        ),
        HEADROOM,
    ),
    "bass_treble": (
        _bass_treble,
        (
            _level("bass_db", -12.0, 12.0),
            Parameter("bass_hz", "Hz", 40.0, 400.0, "log", 100.0),
            _level("treble_db", -12.0, 12.0),
            Parameter("treble_hz", "Hz", 3000.0, 12000.0, "log", 5000.0),
        ),
        HEADROOM,
    ),
    "compand": (
        _compand,
        (
            Parameter("threshold_db", "dB", -40.0, -10.0, "db", -20.0),
            Parameter("ratio", "", 1.5, 12.0, "log", 3.0),
            Parameter("attack_ms", "ms", 1.0, 60.0, "log", 10.0),
            Parameter("decay_ms", "ms", 20.0, 600.0, "log", 100.0),
            _level("makeup_db", 0.0, 9.0),
        ),
        HEADROOM,
    ),
    # Its curve is tied to full scale, and it never exceeds it.
    "overdrive": (_overdrive, (_level("gain_db", 0.0, 24.0), Parameter("colour", "", 0.0, 60.0, "linear", 20.0)), 1.0),
    "width": (_width, (Parameter("width", "", 0.0, 2.0, "linear", 1.0),), HEADROOM),
    "reverb": (
        _reverb,
        (
            _percent("reverberance", 10.0, 95.0),
            _percent("damping", 0.0, 90.0),
            _percent("room_scale", 20.0, 100.0),
            _percent("stereo_depth", 0.0, 100.0),
            Parameter("pre_delay_ms", "ms", 0.0, 60.0, "linear", 0.0),
            Parameter("wet_db", "dB", -10.0, 3.0, "db", -6.0),
        ),
        HEADROOM,
    ),
    "echo": (
        _echo,
        (Parameter("delay_ms", "ms", 80.0, 600.0, "log", 200.0), Parameter("decay", "", 0.1, 0.7, "linear", 0.4)),
        HEADROOM,
    ),
    "gain": (_gain, (_level("gain_db", -9.0, 9.0),), HEADROOM),
}
"""By name: what SoX is told, the settings, and the gain in front of it."""


def sox_processor(name: str) -> BlackBox:
    """One of `SOX_EFFECTS` as a processor for chains, called ``sox_NAME`` there; its output has two channels.

    Raises:
        ArgumentError: there is none of that name.
        MissingExtraError: SoX is not installed.
    """
    if name not in SOX_EFFECTS:
        raise ArgumentError(f"no effect of sox is called {name!r}; choose from {', '.join(SOX_EFFECTS)}")
    find_sox()
    words, parameters, scale = SOX_EFFECTS[name]
    render = partial(_render, words, scale)
    return BlackBox(render, f"sox_{name}", parameters, gradient="none", stereo=True, threads=os.cpu_count() or 1)


def _render(
    words: Callable[..., list[str]], scale: float, audio: Samples, sample_rate: int, **settings: float
) -> Samples:
    return run_sox(audio, sample_rate, words(**settings), scale)

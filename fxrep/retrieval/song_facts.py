"""What a file says about itself: its tags, and its loudness where that is asked for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from fxrep.audio import SILENCE_LUFS, STEPS_PER_BLOCK, LoudnessStream, iter_blocks
from fxrep.retrieval.hits import MetadataValue

_TAGS = {
    "title": "title",
    "artist": "artist",
    "album": "album",
    "genre": "genre",
    "date": "date",
    "license": "licence",
    "tracknumber": "track_number",
}
_RATE = 44100
_BLOCK_S = 30.0
_SHORT_TERM_STEPS = 30


def read_facts(file: Path, *, loudness: bool = False) -> dict[str, MetadataValue]:
    """The tags of a file and, where asked for, how loud it is.

    Args:
        file: a recording.
        loudness: decode it for its integrated loudness ``loudness_lufs`` and its ``loudness_range_lu``.

    Raises:
        AudioError: it is decoded and cannot be.
    """
    return {**read_tags(file), **(measure_loudness(file) if loudness else {})}


def read_tags(file: Path) -> dict[str, MetadataValue]:
    """Artist, album, title, genre, date and licence as libsndfile reads them from WAV, FLAC, Ogg and MP3 files."""
    import soundfile

    found: dict[str, str] = {}
    with suppress(soundfile.SoundFileError, OSError, UnicodeError), soundfile.SoundFile(file) as stream:
        found = stream.copy_metadata()
    return {name: found[tag].strip() for tag, name in _TAGS.items() if found.get(tag, "").strip()}


def measure_loudness(file: Path) -> dict[str, MetadataValue]:
    """Integrated loudness (ITU-R BS.1770-4) and loudness range (EBU Tech 3342) of a file, in constant memory.

    Raises:
        AudioError: it cannot be decoded.
    """
    meter = LoudnessStream(_RATE)
    for block in iter_blocks(file, _BLOCK_S, target_rate=_RATE, channels=2):
        meter.add(block)
    energies = meter.energies
    if len(energies) < STEPS_PER_BLOCK:
        return {}
    lufs = meter.loudness()
    found: dict[str, MetadataValue] = {"loudness_lufs": round(lufs, 2)}
    if len(energies) >= _SHORT_TERM_STEPS and lufs > SILENCE_LUFS:
        found["loudness_range_lu"] = round(_range(energies), 2)
    return found


def _range(energies: np.ndarray) -> float:
    """Between the 10th and the 95th percentile of short-term loudness, gated at -70 LUFS and 20 LU under the mean."""
    sums = np.convolve(energies, np.ones(_SHORT_TERM_STEPS), "valid")
    levels = -0.691 + 10 * np.log10(np.maximum(sums / (_SHORT_TERM_STEPS * _RATE / 10), 1e-12))
    levels = levels[levels >= SILENCE_LUFS]
    if not len(levels):
        return 0.0
    mean = 10 * np.log10(np.mean(10 ** (levels / 10)))
    low, high = np.percentile(levels[levels >= mean - 20], [10, 95])
    return float(high - low)

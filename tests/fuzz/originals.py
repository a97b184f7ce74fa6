"""Small recordings in every format that is read, for the fuzzer to damage."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

_SECONDS = 0.4
_PCM = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "GSM610")
_WAV = (*_PCM, "PCM_U8", "MS_ADPCM", "G721_32", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32")
_AIFF = (*_PCM, "PCM_S8", "PCM_U8", "DWVW_16")
_MONO_ONLY = ("GSM610", "G721_32", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "DWVW_16")
_SOUNDFILE = (
    *(("WAV", subtype, "wav") for subtype in _WAV),
    *(("AIFF", subtype, "aiff") for subtype in _AIFF),
    *(("WAVEX", subtype, "wav") for subtype in ("PCM_16", "FLOAT")),
    ("RF64", "PCM_24", "wav"),
    *(("FLAC", subtype, "flac") for subtype in ("PCM_S8", "PCM_16", "PCM_24")),
    ("OGG", "VORBIS", "ogg"),
    ("OGG", "OPUS", "opus"),
    ("MP3", "MPEG_LAYER_III", "mp3"),
)
_MEDIA = (("ipod", "aac", "m4a"), ("mp4", "alac", "mp4"), ("adts", "aac", "aac"))


@dataclass(frozen=True)
class Original:
    """A sound file: what it is called, its suffix and its bytes."""

    name: str
    suffix: str
    data: bytes


def make_originals(folder: Path) -> list[Original]:
    """Write them with libsndfile, and with FFmpeg where PyAV is installed; the same bytes every time."""
    found = []
    for container, subtype, suffix in _SOUNDFILE:
        for channels, rate in ((1, 8000), (2, 48000 if subtype == "OPUS" else 22050)):
            if subtype in _MONO_ONLY and channels == 2:
                continue
            path = folder / f"original.{suffix}"
            _write(path, container, subtype, rate, channels)
            name = f"{container} {subtype} {channels} x {rate}"
            found.append(Original(name, suffix, path.read_bytes()))
            path.unlink()
    return [_without_chance(original) for original in found + _media_originals(folder)]


def _music(rate: int, channels: int) -> np.ndarray:
    """Notes that fade over a little noise, float32 ``(channels, samples)``."""
    time = np.arange(round(_SECONDS * rate)) / rate
    noise = np.random.default_rng(rate).normal(size=(channels, len(time)))
    notes = [np.sin(2 * np.pi * hz * time) * np.exp(-((7 * time + 0.3 * n) % 1) * 4) for n, hz in enumerate((220, 554))]
    tones = np.stack([notes[0] + 0.4 * notes[1], notes[1] + 0.4 * notes[0]])[:channels]
    music: np.ndarray = (0.3 * tones + 0.01 * noise).astype(np.float32)
    return music


def _write(path: Path, container: str, subtype: str, rate: int, channels: int) -> None:
    with soundfile.SoundFile(path, "w", rate, channels, subtype, format=container) as file:
        if container in ("WAV", "FLAC", "OGG", "MP3"):
            file.title, file.artist = "A title", "An artist"
        file.write(_music(rate, channels).T)


def _media_originals(folder: Path) -> list[Original]:
    try:
        import av
    except ImportError:
        return []
    found = []
    for container_format, codec, suffix in _MEDIA:
        path = folder / f"original.{suffix}"
        with av.open(str(path), "w", format=container_format, options={"fflags": "+bitexact"}) as container:
            track = container.add_stream(codec, rate=44100)
            track.layout = "stereo"
            frame = av.AudioFrame.from_ndarray(_music(44100, 2), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 44100, 0
            pieces = av.AudioResampler(format=track.format, layout="stereo", rate=44100).resample(frame)
            for piece in (*pieces, None):
                container.mux(track.encode(piece))
        found.append(Original(f"{suffix} {codec}", suffix, path.read_bytes()))
        path.unlink()
    return found


def _without_chance(original: Original) -> Original:
    """Numbers that OGG streams get by chance and the time in PEAK chunks become fixed: a seed means the same files."""
    data = bytearray(original.data)
    peak = data.find(b"PEAK")
    if peak >= 0:
        data[peak + 12 : peak + 16] = bytes(4)
    place = data.find(b"OggS")
    while place >= 0 and place + 27 <= len(data):
        data[place + 14 : place + 18] = struct.pack("<I", 7)
        seal_ogg_page(data, place)
        place = data.find(b"OggS", place + 4)
    return Original(original.name, original.suffix, bytes(data))


def seal_ogg_page(data: bytearray, place: int) -> None:
    """Make the checksum of the OGG page at `place` right, so that decoders look at what is in it."""
    if place + 27 > len(data):
        return
    end = place + 27 + data[place + 26]
    end += sum(data[place + 27 : end])
    data[place + 22 : place + 26] = bytes(4)
    checksum = 0
    for byte in data[place:end]:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _OGG_CRC[checksum >> 24 ^ byte]
    data[place + 22 : place + 26] = struct.pack("<I", checksum)


def _ogg_crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if value >> 31 else 0)
        table.append(value)
    return table


_OGG_CRC = _ogg_crc_table()

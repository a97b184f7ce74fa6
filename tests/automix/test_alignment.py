"""Tracks that are not in time with a mix are found and named, and nothing else is."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from automix.alignment import SampleOffset, find_sample_offsets
from automix.least_squares import estimate_gains
from fxrep.errors import AudioError
from fxrep.mixing.track_source import open_recording
from fxrep.mixing.tracks import TrackSet

RATE = 22050


@pytest.fixture(scope="module")
def tracks() -> dict[str, torch.Tensor]:
    """Three mono tracks of 4 s: noise that comes and goes."""
    generator = torch.Generator().manual_seed(3)
    envelopes = torch.rand(3, 1, 40, generator=generator).repeat_interleave(RATE // 10, -1)
    noise = 0.2 * torch.randn(3, 1, 4 * RATE, generator=generator) * envelopes
    return dict(zip(("drums", "bass", "vocals"), noise, strict=True))


def later(audio: torch.Tensor, seconds: float) -> torch.Tensor:
    """Shift by seconds, to a sample; the length stays."""
    samples = round(seconds * RATE)
    if samples >= 0:
        return F.pad(audio, (samples, 0))[..., : audio.shape[-1]]
    return F.pad(audio[..., -samples:], (0, -samples))


TOLERANCE_S = 0.002


def find(tracks: TrackSet, mix: torch.Tensor) -> dict[str, SampleOffset]:
    gains = estimate_gains(tracks, mix, check=False).gains
    return find_sample_offsets(tracks, open_recording("mix", mix, RATE), gains)


def test_a_mix_in_time_passes_whatever_was_done_to_the_tracks(tracks: dict[str, torch.Tensor]) -> None:
    smoothed = F.avg_pool1d(tracks["bass"][None], 3, 1, 1)[0]
    mix = tracks["drums"] + 0.05 * tracks["vocals"] + torch.tanh(3.0 * smoothed)
    estimate_gains(TrackSet(tracks, RATE), mix)


@pytest.mark.parametrize("seconds", [0.25, -0.1, 0.0123])
def test_one_track_that_is_off_is_named_with_its_offset(tracks: dict[str, torch.Tensor], seconds: float) -> None:
    mix = tracks["drums"] + tracks["bass"] + 0.3 * later(tracks["vocals"], seconds)
    song, samples = TrackSet(tracks, RATE), round(seconds * RATE)
    found = find(song, mix)
    assert [name for name, one in found.items() if one.is_apart()] == ["vocals"]
    assert found["vocals"].samples == samples
    where = "later" if seconds > 0 else "earlier"
    with pytest.raises(AudioError, match=rf"vocals is {abs(samples)} samples .* {where} in the mix"):
        estimate_gains(song, mix, tolerance_s=TOLERANCE_S)


def test_what_is_off_by_less_than_the_tolerance_passes(tracks: dict[str, torch.Tensor]) -> None:
    mix, song = tracks["drums"] + later(tracks["bass"], 0.001), TrackSet(tracks, RATE)
    estimate_gains(song, mix, tolerance_s=TOLERANCE_S)
    with pytest.raises(AudioError, match="bass is 22 samples"):
        estimate_gains(song, mix)


def test_a_mix_that_is_late_as_a_whole(tracks: dict[str, torch.Tensor]) -> None:
    mix = later(sum(tracks.values(), torch.zeros(())), 0.05)
    with pytest.raises(AudioError) as caught:
        estimate_gains(TrackSet(tracks, RATE), mix, tolerance_s=TOLERANCE_S)
    assert all(f"{name} is 1102 samples (49.98 ms) later" in str(caught.value) for name in tracks)


def test_a_loop_is_in_time_with_itself_and_what_is_missing_is_no_fault(tracks: dict[str, torch.Tensor]) -> None:
    loop = tracks["drums"][:, : RATE // 2].repeat(1, 8)
    song = TrackSet({"loop": loop, "silence": torch.zeros_like(loop), "elsewhere": tracks["vocals"]}, RATE)
    estimate_gains(song, loop + tracks["bass"])
    assert "silence" not in find(song, loop)

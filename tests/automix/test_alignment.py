"""Tracks that are not in time with a mix are found and named, and nothing else is."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional as F

from automix.alignment import check_alignment, find_offsets
from fxrep.errors import AudioError
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


def test_a_mix_in_time_passes_whatever_was_done_to_the_tracks(tracks: dict[str, torch.Tensor]) -> None:
    smoothed = F.avg_pool1d(tracks["bass"][None], 3, 1, 1)[0]
    mix = tracks["drums"] - 0.05 * tracks["vocals"] + torch.tanh(3.0 * smoothed)
    found = find_offsets(TrackSet(tracks, RATE), mix)
    assert all(abs(one.offset_s) < 1e-3 and not one.certain for one in found.values())
    check_alignment(TrackSet(tracks, RATE), mix)


@pytest.mark.parametrize("seconds", [0.25, -0.1, 0.0123])
def test_one_track_that_is_off_is_named_with_its_offset(tracks: dict[str, torch.Tensor], seconds: float) -> None:
    mix = tracks["drums"] + tracks["bass"] + 0.3 * later(tracks["vocals"], seconds)
    found = find_offsets(TrackSet(tracks, RATE), mix)
    assert [name for name, one in found.items() if one.certain] == ["vocals"]
    assert found["vocals"].offset_s == pytest.approx(seconds, abs=1e-4)
    where = "later" if seconds > 0 else "earlier"
    with pytest.raises(AudioError, match=f"vocals: in the mix {1000 * abs(seconds):.1f} ms {where}"):
        check_alignment(TrackSet(tracks, RATE), mix)


def test_a_mix_that_is_late_as_a_whole_is_said_once(tracks: dict[str, torch.Tensor]) -> None:
    mix = later(sum(tracks.values()), 0.05)
    with pytest.raises(AudioError) as caught:
        check_alignment(TrackSet(tracks, RATE), mix)
    assert re.match("all tracks are not aligned with the mix: in the mix 50.0 ms later", str(caught.value))


def test_a_loop_is_in_time_with_itself_and_what_is_missing_is_no_fault(tracks: dict[str, torch.Tensor]) -> None:
    loop = tracks["drums"][:, : RATE // 2].repeat(1, 8)
    song = TrackSet({"loop": loop, "silence": torch.zeros_like(loop), "elsewhere": tracks["vocals"]}, RATE)
    check_alignment(song, loop + tracks["bass"])
    assert "silence" not in find_offsets(song, loop)

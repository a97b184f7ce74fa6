"""Sections are found where a song changes, or lie where they were asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fxrep.errors import ArgumentError
from fxrep.mixing.tracks import TrackSet
from style_transfer.song_sections import SongLevels, find_sections, measure_levels

RATE = 8000


def song(parts: list[dict[str, float]], part_s: float) -> TrackSet:
    """Noise on each track, at the level of each part."""
    tracks = {}
    for number, name in enumerate(parts[0]):
        generator = torch.Generator().manual_seed(number)
        levels = torch.tensor([part[name] for part in parts]).repeat_interleave(round(part_s * RATE))
        beat = 0.6 + 0.4 * torch.cos(torch.arange(len(levels)) * (2 * torch.pi * 2.0 / RATE))
        tracks[name] = (torch.randn(len(levels), generator=generator) * levels * beat)[None] * 0.1
    return TrackSet(tracks, RATE)


@pytest.fixture(scope="module")
def verse_and_chorus() -> SongLevels:
    verse, chorus = {"drums": 0.3, "bass": 1.0, "lead": 0.0}, {"drums": 1.0, "bass": 1.0, "lead": 0.8}
    return measure_levels(song([verse, chorus, verse], 12.0))


def test_levels_are_relative_and_measured_in_blocks(verse_and_chorus: SongLevels) -> None:
    assert verse_and_chorus.levels_db.shape == (3, 360)
    assert verse_and_chorus.levels_db.max(1).tolist() == [0.0, 0.0, 0.0]
    assert (verse_and_chorus.levels_db[2, :119] == -40.0).all()
    assert not verse_and_chorus.sounds(0.0, 12.0)[2].any()
    drums = verse_and_chorus.levels_db[0]
    assert np.mean(drums[130:230]) - np.mean(drums[10:110]) == pytest.approx(20 * np.log10(1 / 0.3), abs=0.5)


def test_changes_are_found(verse_and_chorus: SongLevels) -> None:
    for sections in ("auto", 3, "3"):
        np.testing.assert_allclose(find_sections(verse_and_chorus, sections), [0.0, 12.0, 24.0], atol=0.1)


def test_a_change_within_a_second_is_found_to_a_tenth() -> None:
    levels = measure_levels(song([{"bass": 1.0, "lead": 0.0}] * 107 + [{"bass": 1.0, "lead": 0.7}] * 125, 0.1))
    np.testing.assert_allclose(find_sections(levels, "auto"), [0.0, 10.7], atol=0.11)


@pytest.mark.parametrize("tracks", [1, 6])
def test_a_song_that_stays_the_same_is_one_section(tracks: int) -> None:
    levels = measure_levels(song([{f"track {number}": 1.0 for number in range(tracks)}], 40.0))
    assert find_sections(levels, "auto") == [0.0]


def test_a_number_and_times_are_kept(verse_and_chorus: SongLevels) -> None:
    for count in (1, 2, 5, 18):
        found = find_sections(verse_and_chorus, count)
        assert len(found) == count
        assert min(np.diff([*found, 36.0])) >= 2.0
    assert find_sections(verse_and_chorus, [20.0, 7.5]) == [0.0, 7.5, 20.0]
    assert find_sections(verse_and_chorus, "7.5,20") == [0.0, 7.5, 20.0]
    assert find_sections(verse_and_chorus, "0,20") == [0.0, 20.0]
    assert find_sections(verse_and_chorus, 9.0) == [0.0, 9.0]


@pytest.mark.parametrize("sections", ["auto", 1, "1"])
def test_a_short_song_is_one_section(sections: int | str) -> None:
    assert find_sections(measure_levels(song([{"one": 1.0}], 0.5)), sections) == [0.0]


@pytest.mark.parametrize(
    "wrong", ["chorus", "", "1,,2", 0, -3, 19, [5.0, 6.0], [35.0], [40.0], [-1.0], True, None, "nan"]
)
def test_what_says_nothing_is_refused(wrong: object, verse_and_chorus: SongLevels) -> None:
    with pytest.raises(ArgumentError, match=r"section"):
        find_sections(verse_and_chorus, wrong)  # type: ignore[arg-type]


def test_windows_lie_in_their_section_where_it_sounds(verse_and_chorus: SongLevels) -> None:
    for start, stop in ((0.0, 12.0), (12.0, 24.0), (24.0, 36.0)):
        found = verse_and_chorus.windows(start, stop, 5.0, 2)
        assert all(start <= one and one + 5.0 <= stop + 1e-6 for one in found)
    assert verse_and_chorus.windows(33.0, 36.0, 5.0, 2) == [31.0]

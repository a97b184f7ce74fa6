"""Where to look at a song so that its tracks are heard."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fxrep.mixing import TrackSet
from fxrep.mixing.windows import choose_windows

RATE = 8000


@st.composite
def songs(draw):
    """Tracks that sound in a few stretches each, with a window and a count."""
    steps = draw(st.integers(1, 300))
    tracks = []
    for _ in range(draw(st.integers(1, 6))):
        sounds = np.zeros(draw(st.integers(1, steps)), dtype=bool)
        for _ in range(draw(st.integers(0, 2))):
            start = draw(st.integers(0, len(sounds) - 1))
            sounds[start : start + draw(st.integers(1, 20))] = True
        tracks.append(sounds)
    return tracks, steps / 10, draw(st.floats(0.2, 12.0)), draw(st.integers(1, 5))


def heard(sounds: np.ndarray, start_s: float, window_s: float) -> bool:
    """Whether a track sounds in a window, by its definition on the steps of a tenth of a second."""
    first = round(start_s * 10)
    return bool(sounds[first : first + max(1, round(window_s * 10))].any())


def grid(duration_s: float, window_s: float) -> list[float]:
    hop = max(1, int(window_s * 10 / 4))
    last = duration_s - window_s
    return [step / 10 for step in range(0, int(last * 10) + 1, hop)] + [last]


@settings(max_examples=150, deadline=None)
@given(songs())
def test_as_many_tracks_are_heard_as_windows_can_hold(song) -> None:
    tracks, duration_s, window_s, count = song
    starts = choose_windows(tracks, duration_s, window_s, count)
    assert starts == sorted(set(starts)) and 1 <= len(starts) <= count
    if duration_s <= window_s:
        assert starts == [0.0]
        return
    assert all(0 <= start <= duration_s - window_s for start in starts)
    found = {number for number, one in enumerate(tracks) if any(heard(one, start, window_s) for start in starts)}
    possible = [
        frozenset(number for number, one in enumerate(tracks) if heard(one, start, window_s))
        for start in grid(duration_s, window_s)
    ]
    # By trying all: what the best choice of so many windows holds.
    different = set(possible)
    if len(different) <= 12:
        chosen = combinations(different, min(count, len(different)))
        assert len(found) == max(len(frozenset().union(*one)) for one in chosen)
    assert choose_windows(tracks, duration_s, window_s, count) == starts


def test_one_by_one_is_not_always_enough() -> None:
    """The window with most tracks leaves two over; two others hold all four."""
    tracks = [np.zeros(200, dtype=bool) for _ in range(4)]
    # The first and second sound together early, the third and fourth late; the second and third and more between.
    for track, places in zip(tracks, [(10,), (10, 100), (100, 190), (190,)], strict=True):
        for place in places:
            track[place : place + (8 if place == 100 else 2)] = True
    starts = choose_windows(tracks, 20.0, 1.0, 2)
    assert all(any(heard(track, start, 1.0) for start in starts) for track in tracks)


def test_windows_of_real_tracks_sound() -> None:
    """Four tracks that play one after the other, one that plays once for a moment, and a silent one."""
    generator = torch.Generator().manual_seed(0)
    tracks = {}
    for number in range(4):
        audio = torch.zeros(1, 40 * RATE)
        audio[:, number * 10 * RATE : (number * 10 + 9) * RATE] = 0.1 * torch.randn(1, 9 * RATE, generator=generator)
        tracks[f"part {number}"] = audio
    tracks["cymbal"] = torch.zeros(1, 40 * RATE)
    tracks["cymbal"][:, 35 * RATE : 35 * RATE + RATE // 2] = 0.1 * torch.randn(1, RATE // 2, generator=generator)
    tracks["spare"] = torch.zeros(1, 40 * RATE)
    song = TrackSet(tracks, RATE)
    starts = song.windows(5.0, 4)
    assert len(starts) == 4
    level = torch.stack([song.read(start, 5.0)[0].square().mean((1, 2)).sqrt() for start in starts]).amax(0)
    assert bool((level[:5] > 0.005).all()) and level[5] == 0
    # With one window there is room for two parts and the cymbal at most.
    (start,) = song.windows(5.0, 1)
    assert 30 <= start <= 35.5
    assert song.windows(60.0, 3) == [0.0]


def test_what_is_left_over_is_spread() -> None:
    always = [np.ones(600, dtype=bool)]
    starts = choose_windows(always, 60.0, 10.0, 4)
    assert len(starts) == 4 and min(np.diff(starts)) >= 10.0
    # Without room for four apart, they share at most a half.
    assert min(np.diff(choose_windows(always, 30.0, 10.0, 4))) >= 5.0
    # There is no room for more without the same music twice.
    assert len(choose_windows(always, 12.0, 10.0, 5)) == 1

"""Splits by song: stable, near the asked shares, and no content on two sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxrep.data import SPLITS, SplitFractions
from fxrep.data.splits import assign_splits, hashed_split, split_name
from fxrep.errors import ArgumentError

TENTHS = SplitFractions(0.1, 0.1)


def test_a_name_keeps_its_split_for_ever() -> None:
    """Fixed values: changing the hash would move songs between training and test of published results."""
    names = ["A Classic Education - NightOwl", "song 1", "song 2", "song 3", "song 12", "song 6"]
    expected = ["train", "validation", "train", "validation", "validation", "test"]
    assert [hashed_split(name, SplitFractions(0.3, 0.3)) for name in names] == expected


def test_shares_are_kept() -> None:
    splits = [hashed_split(f"song {number}", SplitFractions(0.2, 0.1)) for number in range(5000)]
    assert splits.count("validation") / 5000 == pytest.approx(0.2, abs=0.02)
    assert splits.count("test") / 5000 == pytest.approx(0.1, abs=0.02)


def test_growing_the_share_moves_nothing_out_of_test() -> None:
    for number in range(500):
        if hashed_split(f"song {number}", SplitFractions(0.1, 0.1)) == "test":
            assert hashed_split(f"song {number}", SplitFractions(0.1, 0.2)) == "test"


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.tuples(st.sampled_from([None, *SPLITS]), st.sets(st.integers(0, 12), min_size=1, max_size=3)),
        max_size=12,
    )
)
def test_equal_content_is_never_on_two_sides(songs: dict[str, tuple[str | None, set[int]]]) -> None:
    own = {name: split for name, (split, _) in songs.items()}
    hashes = {name: [str(content) for content in contents] for name, (_, contents) in songs.items()}
    splits = assign_splits(own, hashes, TENTHS)
    assert splits.keys() == own.keys()
    sides: dict[str, set[str]] = {}
    for name, contents in hashes.items():
        for content in contents:
            sides.setdefault(content, set()).add(splits[name])
    assert all(len(side) == 1 for side in sides.values())


def test_songs_that_share_a_file_move_to_the_held_out_side() -> None:
    own = {"a": "train", "b": "test", "c": "validation", "d": "train", "e": "validation", "f": "train"}
    hashes = {"a": ["1"], "b": ["1", "2"], "c": ["2"], "d": ["3"], "e": ["4", "5"], "f": ["5"]}
    assert assign_splits(own, hashes, TENTHS) == {
        "a": "test",
        "b": "test",
        "c": "test",
        "d": "train",
        "e": "validation",
        "f": "validation",
    }


def test_own_splits_are_kept_and_validation_is_carved_from_train() -> None:
    own = {f"song {number}": "test" if number % 4 == 0 else "train" for number in range(400)}
    splits = assign_splits(own, {name: [name] for name in own}, SplitFractions(0.2, 0.5))
    assert all(splits[name] == "test" for name, split in own.items() if split == "test")
    carved = [name for name, split in splits.items() if split == "validation"]
    assert 30 < len(carved) < 90
    assert all(own[name] == "train" for name in carved)
    assert "validation" not in assign_splits(own, {name: [] for name in own}, SplitFractions(0, 0.5)).values()


def test_own_validation_is_not_added_to() -> None:
    own = {f"song {number}": "train" for number in range(100)} | {"v": "validation"}
    splits = assign_splits(own, {name: [name] for name in own}, SplitFractions(0.5, 0.1))
    assert list(splits.values()).count("validation") == 1


@pytest.mark.parametrize("fractions", [(-0.1, 0.1), (0.6, 0.6), (0, 1.1), (float("nan"), 0.1)])
def test_bad_fractions(fractions: tuple[float, float]) -> None:
    with pytest.raises(ArgumentError, match="fractions"):
        SplitFractions(*fractions)


@pytest.mark.parametrize(
    ("word", "split"),
    [("Train", "train"), ("valid", "validation"), ("dev", "validation"), ("x", None), (None, None), ("", None)],
)
def test_split_names(word: str | None, split: str | None) -> None:
    assert split_name(word) == split

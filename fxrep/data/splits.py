"""Which songs are for training, validation and test: by song, stable, and never the same audio on two sides."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fxrep.data.multitrack import SPLITS
from fxrep.errors import ArgumentError

_ALIASES = {"valid": "validation", "val": "validation", "dev": "validation", "training": "train", "testing": "test"}


@dataclass(frozen=True)
class SplitFractions:
    """Shares of songs held out where a dataset does not say.

    Attributes:
        validation: share of the songs for validation, 0 to 1.
        test: share of the songs for test, 0 to 1; the rest trains.
    """

    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        # Asked this way round, NaN is refused too.
        if not (self.validation >= 0 and self.test >= 0 and self.validation + self.test <= 1):
            raise ArgumentError(
                f"split fractions must be at least 0 and at most 1 together, got {self.validation} and {self.test}"
            )


def split_name(text: str | None) -> str | None:
    """A dataset's own word for a split as one of `SPLITS`, or None where it is none."""
    word = (text or "").strip().lower()
    word = _ALIASES.get(word, word)
    return word if word in SPLITS else None


def hashed_split(song: str, fractions: SplitFractions) -> str:
    """The split of a song by a hash of its name: the same on every machine, whatever other songs there are."""
    position = _position(song)
    if position < fractions.test:
        return "test"
    return "validation" if position < fractions.test + fractions.validation else "train"


def assign_splits(
    own: Mapping[str, str | None], hashes: Mapping[str, Iterable[str]], fractions: SplitFractions
) -> dict[str, str]:
    """Give every song one split.

    A song keeps the dataset's own split. Where the dataset has a training split but none for validation, the share
    `fractions.validation` of its training songs, chosen by name, becomes it. Songs without a split get
    `hashed_split`. Songs that share a file (equal content hash) then move together to the most held-out split among
    them (test, then validation), so that nothing is trained on that is tested on.

    Args:
        own: each song's split in the dataset, or None.
        hashes: the content hashes of each song's files.
        fractions: shares to hold out.
    """
    carve = "train" in own.values() and "validation" not in own.values()
    splits: dict[str, str] = {}
    for song, split in own.items():
        if split is None:
            splits[song] = hashed_split(song, fractions)
        elif carve and split == "train" and _position(song) < fractions.validation:
            splits[song] = "validation"
        else:
            splits[song] = split
    for group in _groups_sharing(hashes):
        held_out = max((splits[song] for song in group), key=SPLITS.index)
        splits.update(dict.fromkeys(group, held_out))
    return splits


def _position(song: str) -> float:
    digest = hashlib.blake2b(song.casefold().encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _groups_sharing(hashes: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Songs connected by a shared hash, as groups of two and more (union-find over the hashes)."""
    leader = {song: song for song in hashes}

    def find(song: str) -> str:
        while leader[song] != song:
            leader[song] = leader[leader[song]]
            song = leader[song]
        return song

    first_with: dict[str, str] = {}
    for song, contents in hashes.items():
        for content in contents:
            leader[find(song)] = find(first_with.setdefault(content, song))
    sizes = Counter(find(song) for song in hashes)
    groups: dict[str, list[str]] = {}
    for song in hashes:
        if sizes[find(song)] > 1:
            groups.setdefault(find(song), []).append(song)
    return list(groups.values())

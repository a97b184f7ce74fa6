"""Which track goes into which input of a network that takes instruments in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fxrep.data.instruments import INSTRUMENTS
from fxrep.errors import ArgumentError

SLOTS = (
    "drums, percussion",
    "bass",
    "guitar",
    "keys",
    "strings, brass, winds",
    "vocals",
    "lead, pad",
    "other, fx, mixture",
)
"""The instruments of each of eight inputs, in order."""

UNKNOWN = "other"


class Slots:
    """The inputs of a network in their order, each for one or more instruments.

    Args:
        named: the instruments of each input, with commas between them; its first one is what it is called.

    Attributes:
        names: of the inputs.

    Raises:
        ArgumentError: there are none, or an instrument is unknown or has two inputs.
    """

    def __init__(self, named: Sequence[str]) -> None:
        listed = [[one.strip() for one in slot.split(",")] for slot in named]
        every = [instrument for slot in listed for instrument in slot]
        wrong = [instrument for instrument in every if instrument not in INSTRUMENTS]
        if not listed or wrong:
            raise ArgumentError(
                f"slots are {list(named)}: expected one or more, each with instruments out of {', '.join(INSTRUMENTS)}"
            )
        if twice := [instrument for instrument in every if every.count(instrument) > 1]:
            raise ArgumentError(f"slots are {list(named)}: {twice[0]} has two of them, name it in one")
        self.names = [slot[0] for slot in listed]
        self._place = {instrument: number for number, slot in enumerate(listed) for instrument in slot}

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        texts = []
        for number, name in enumerate(self.names):
            others = [one for one, place in self._place.items() if place == number and one != name]
            texts.append(f"{number + 1} {name}" + (f" ({', '.join(others)})" if others else ""))
        return ", ".join(texts)

    def place(self, instrument: str) -> int | None:
        """The input of an instrument: its own, else that of what is unknown; None where there is neither."""
        return self._place.get(instrument, self._place.get(UNKNOWN))

    def assign(self, instruments: Mapping[str, str]) -> dict[str, int]:
        """The input of each track; several of one input are summed there, one without a track is silent.

        Args:
            instruments: by track.

        Raises:
            ArgumentError: a track's instrument has no input, with those that there are.
        """
        found = {track: self.place(instrument) for track, instrument in instruments.items()}
        homeless = [f"{track} ({instruments[track]})" for track, place in found.items() if place is None]
        if homeless:
            raise ArgumentError(
                f"no slot for {', '.join(homeless)}; this network was trained with the slots {self}: leave the tracks "
                "out, or say what they are with --instrument TRACK=INSTRUMENT"
            )
        return {track: place for track, place in found.items() if place is not None}

    def assign_in_order(self, instruments: Mapping[str, str]) -> dict[str, int]:
        """Each track to the input at its own place.

        Args:
            instruments: by track, in the order of the tracks; what is unknown fits everywhere.

        Raises:
            ArgumentError: there are not as many tracks as inputs, or one is another instrument than its input, with
                the inputs that there are.
        """
        if len(instruments) != len(self):
            raise ArgumentError(
                f"{len(instruments)} tracks ({', '.join(instruments)}): this network was trained with {len(self)}, in "
                f"the order {self}: give as many, or let tracks be assigned by their instrument"
            )
        for number, (track, instrument) in enumerate(instruments.items()):
            if instrument != UNKNOWN and self.place(instrument) != number:
                raise ArgumentError(
                    f"track {number + 1}, {track}, is {instrument}: this network was trained with {self}, in that "
                    "order: give the tracks so, or let them be assigned by their instrument"
                )
        return {track: number for number, track in enumerate(instruments)}

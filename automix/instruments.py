"""What the tracks of a song are: as somebody said, and guessed from their names where nobody did."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from fxrep.data.instruments import INSTRUMENTS, guess_instrument
from fxrep.errors import ArgumentError


def check_instruments(instruments: Mapping[str, str], names: Sequence[str]) -> None:
    """Refuse instruments of tracks that there are not.

    Args:
        instruments: by track.
        names: of the tracks.

    Raises:
        ArgumentError: it is no mapping of names, or there is no such track, with those that there are.
    """
    if not isinstance(instruments, Mapping) or not all(isinstance(one, str) for one in instruments.values()):
        raise ArgumentError("instruments are no names by track: give for example {'track 1': 'vocals'}")
    if unknown := [name for name in instruments if name not in names]:
        raise ArgumentError(
            f"instruments name no tracks: {', '.join(map(repr, unknown))}; the tracks are {', '.join(names)}"
        )


def name_instruments(
    names: Sequence[str], instruments: Mapping[str, str] | None = None, known: Collection[str] = INSTRUMENTS
) -> dict[str, str]:
    """Return the instrument of every track.

    Args:
        names: of the tracks.
        instruments: of those that are not to be guessed.
        known: what may be said.

    Raises:
        ArgumentError: an instrument is unknown, with all that are; or it is said of a track that there is not.
    """
    said = dict(instruments or {})
    check_instruments(said, names)
    if unknown := {name: kind for name, kind in said.items() if kind not in known}:
        listed = ", ".join(f"{name}={kind}" for name, kind in unknown.items())
        raise ArgumentError(f"unknown instruments: {listed}; choose from {', '.join(known)}")
    return {name: said.get(name) or guess_instrument(name) for name in names}

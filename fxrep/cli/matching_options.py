"""The options of `fxrep index build` and `fxrep embed` that say how recordings are heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fxrep.errors import ArgumentError

if TYPE_CHECKING:
    from fxrep.retrieval import AudioEncoder, Matching

DEFAULT_LOUDNESS, DEFAULT_BANDWIDTH = "-16", "14000"
"""Files of a library come at any level and from any coder; neither is to be what they are found by."""

LoudnessMatchOption = Annotated[
    str,
    typer.Option(
        "--match-loudness",
        metavar="LUFS|none",
        help="Hear every recording, and later every query, at this integrated loudness.",
    ),
]
BandwidthMatchOption = Annotated[
    str,
    typer.Option(
        "--match-bandwidth",
        metavar="HZ|none",
        help="Hear them up to this frequency: above, MP3 and Opus leave their own mark.",
    ),
]


def parse_matching(loudness: str, bandwidth: str) -> Matching:
    """What the two options ask for.

    Raises:
        ArgumentError: one of them is no number, or out of range.
    """
    from fxrep.retrieval import Matching

    return Matching(
        _number(loudness, "--match-loudness", DEFAULT_LOUDNESS),
        _number(bandwidth, "--match-bandwidth", DEFAULT_BANDWIDTH),
    )


def load_matched(model: str, matching: Matching) -> AudioEncoder:
    """A released encoder that hears recordings after a matching; cluster workers call it too.

    Raises:
        CheckpointError: there is no such release, or it is damaged.
    """
    from encoders import load_encoder
    from fxrep.retrieval import match_encoder

    return match_encoder(load_encoder(model), matching)


def _number(text: str, option: str, example: str) -> float | None:
    if text == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"{option} {text} is not understood: give a number such as {example}, or none") from None

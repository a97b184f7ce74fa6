"""The rules as data: ``rules.json`` beside this file, or one of your own."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from automix.instruments import name_instruments
from fxrep.effects.settings import is_number
from fxrep.errors import DataError

RULES = Path(__file__).with_name("rules.json")

# The pieces of a drum kit have rules of their own where a name tells them apart.
_PIECES = {
    "kick": r"kick\w*|bd|b ?drum|bass ?drum|kik",
    "snare": r"snare\w*|sn|snr|sd|rim ?(shots?)?|claps?",
    "toms": r"toms?|floor ?tom|rack ?tom",
    "hats": r"(hi ?)?hats?|hihats?|hh",
    "cymbals": r"cymbals?|crash(es)?|rides?|splash|china|overheads?|oh",
}


@dataclass(frozen=True)
class InstrumentRule:
    """What is done to an instrument.

    Attributes:
        level_lu: loudness relative to a lead vocal, of all tracks of the instrument together.
        priority: 2 or more: a lead, which others make room for.
        pan: how far from the middle it may stand, 0 to 1; 0: it belongs there.
        high_pass_hz: highest frequency of the high-pass.
        mud: whether what piles up in the low mids is taken out.
        crest_db: peak over RMS that it may have; more is compressed.
        ratio: highest ratio of the compressor.
        attack_ms: of the compressor.
        release_ms: of the compressor.
        reverb_db: what is sent to the reverb; None: nothing.
        source: key of the sources.
    """

    level_lu: float
    priority: float
    pan: float
    high_pass_hz: float
    mud: bool
    crest_db: float
    ratio: float
    attack_ms: float
    release_ms: float
    reverb_db: float | None
    source: str


@dataclass(frozen=True)
class Rules:
    """All rules.

    Attributes:
        general: values by name, as ``mud_hz``.
        instruments: by name.
        sources: by key.
    """

    general: dict[str, Any]
    instruments: dict[str, InstrumentRule]
    sources: dict[str, str]

    def name_all(self, names: Sequence[str], said: Mapping[str, str] | None) -> dict[str, str]:
        """Return which rule is for which track: the one said, else guessed from the name, pieces of a kit too.

        Raises:
            ArgumentError: an instrument is unknown, with all that are known, or it is said of no track.
        """
        found = name_instruments(names, said, list(self.instruments))
        for name, kind in found.items():
            if name not in (said or {}):
                found[name] = _piece(name) if kind == "drums" else kind if kind in self.instruments else "other"
        return {name: kind if kind in self.instruments else "drums" for name, kind in found.items()}


def load_rules(path: str | os.PathLike[str] = RULES) -> Rules:
    """Read rules.

    Raises:
        DataError: the file is missing or no JSON, or lacks something, which is named.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        general = {name: entry["value"] for name, entry in data["general"].items()}
        sources = {str(key): str(text) for key, text in data["sources"].items()}
        table = {str(name): dict(entry) for name, entry in data["instruments"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} cannot be read as mixing rules ({error!r}): copy rules.json of automix") from error
    if missing := _general_names() - set(general):
        raise DataError(f"{path}: general lacks {', '.join(sorted(missing))}")
    if missing := {"drums", "other"} - set(table):
        raise DataError(f"{path}: instruments lack {', '.join(sorted(missing))}, for what names do not tell")
    return Rules(general, {name: _rule(path, name, entry) for name, entry in table.items()}, sources)


def _general_names() -> set[str]:
    return set(json.loads(RULES.read_text(encoding="utf-8"))["general"])


def _rule(path: str | os.PathLike[str], name: str, entry: dict[str, Any]) -> InstrumentRule:
    known = [field.name for field in fields(InstrumentRule)]
    if set(entry) != set(known):
        raise DataError(f"{path}: {name} has {', '.join(sorted(entry))}; expected {', '.join(known)}")
    wrong = [
        key
        for key, value in entry.items()
        if key not in ("mud", "source") and not is_number(value) and not (key == "reverb_db" and value is None)
    ]
    if wrong or not isinstance(entry["mud"], bool):
        raise DataError(f"{path}: {name}.{(wrong or ['mud'])[0]} is no {'number' if wrong else 'true or false'}")
    return InstrumentRule(**entry)


def _piece(name: str) -> str:
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", re.sub(r"[\W_\d]+", " ", name)).lower()
    return next((piece for piece, words in _PIECES.items() if re.search(rf"\b(?:{words})\b", parted)), "drums")

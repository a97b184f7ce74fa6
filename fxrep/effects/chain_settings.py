"""What a chain was set to: plain lists and numbers, checked, written to JSON and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from fxrep.effects.settings import is_number
from fxrep.errors import ArgumentError, DataError
from fxrep.files import atomic_file

Settings = list[dict[str, Any]]

_KEYS = ("effect", "label", "settings", "match_rms", "mix", "bypass")


def entry_label(entry: Mapping[str, Any]) -> str:
    """Return what a chain calls the effect of an entry."""
    return str(entry.get("label", entry["effect"]))


def check_entry(entry: Any) -> None:
    """Refuse what is not one effect of a chain with its settings.

    Raises:
        ArgumentError: a key is missing or unknown, or the mix is outside 0 to 1.
    """
    named = isinstance(entry, Mapping) and isinstance(entry.get("effect"), str)
    if not named or not isinstance(entry.get("settings"), Mapping):
        raise ArgumentError(f'{entry!r} is not {{"effect": name, "settings": {{…}}}}')
    for key in entry:
        if key not in _KEYS:
            raise ArgumentError(f"an entry of a chain has no key {key!r}; choose from {', '.join(_KEYS)}")
    for key in ("match_rms", "bypass"):
        if not isinstance(entry.get(key, False), bool):
            raise ArgumentError(f"{key} of {entry['effect']} is {entry[key]!r}; expected true or false")
    mix = entry.get("mix", 1.0)
    if not (is_number(mix) or isinstance(mix, torch.Tensor)) or not bool(
        torch.as_tensor((mix >= 0.0) & (mix <= 1.0)).all()
    ):
        raise ArgumentError(f"mix of {entry['effect']} is {mix!r}; expected 0 to 1")


def save_settings(path: str | os.PathLike[str], settings: Settings | Sequence[Settings]) -> None:
    """Write the settings of one item, or of several, as JSON.

    Args:
        path: of the file, which appears complete or not at all.
        settings: as `EffectChain.sample` or `sample_batch` gives them; plain numbers and names only.

    Raises:
        ArgumentError: they are not such settings, or hold what JSON cannot.
        OutputError: the file cannot be written.
    """
    _check(settings)
    try:
        text = json.dumps(settings, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"the settings cannot be written as JSON ({error}): give plain numbers and names"
        ) from error
    with atomic_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def load_settings(path: str | os.PathLike[str]) -> Any:
    """Read what `save_settings` wrote.

    Returns:
        Settings of one item, or a list of them, as they were saved.

    Raises:
        DataError: the file is missing, is not JSON, or holds something else; the message names it.
    """
    try:
        settings = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read as settings of a chain: {reason}") from error
    try:
        _check(settings)
    except ArgumentError as error:
        raise DataError(f"{path} does not hold settings of a chain: {error}") from error
    return settings


def _check(settings: Any) -> None:
    if not isinstance(settings, (list, tuple)):
        raise ArgumentError(f"settings are {type(settings).__name__}; expected a list, as EffectChain.sample draws it")
    for entry in settings:
        for inner in entry if isinstance(entry, (list, tuple)) else [entry]:
            check_entry(inner)

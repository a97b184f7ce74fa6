"""The one family of errors that the library raises at its border.

Every message names the value or the file, says what was expected and what to do about it, on one line.
`exit_code` is what the command line returns: 2 when the call is wrong, 1 when the work failed.
"""

from __future__ import annotations

import importlib
from types import ModuleType


class FxrepError(Exception):
    """Base of every error that a user can cause."""

    exit_code = 1


class ArgumentError(FxrepError, ValueError):
    """An argument is outside its range, of the wrong shape, or names something that does not exist."""

    exit_code = 2


class AudioError(FxrepError):
    """A file or an array cannot be used as audio."""


class DataError(FxrepError):
    """A dataset, a manifest or a set of statistics cannot be used."""


class CheckpointError(FxrepError):
    """A checkpoint is missing, corrupt, or of another kind or version."""


class ReferenceIndexError(FxrepError):
    """A reference index is corrupt, or was made with another model."""


class OutputError(FxrepError):
    """A result cannot be written: read-only folder, full disk, or a path of the wrong kind."""


class OccupiedError(OutputError):
    """Something lies where a result is to go, and is not replaced: the call is wrong, whatever the work would give."""

    exit_code = 2


class MissingExtraError(FxrepError, ImportError):
    """A feature needs an optional dependency that is not installed."""

    exit_code = 2


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Args:
        module: import name, for example ``"umap"``.
        extra: the extra of this distribution that installs it, for example ``"viz"``.

    Raises:
        MissingExtraError: the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f'{module} is not installed: pip install "fxrep[{extra}]"') from error

"""Mixing without a reference.

Everything here loads when it is first used; `import automix` itself is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "automix": "automix.song_mix",
    "ConsoleMethod": "automix.methods",
    "Explained": "automix.methods",
    "StemMethod": "automix.methods",
    "list_methods": "automix.methods",
    "create_method": "automix.methods",
}

__all__ = ["ConsoleMethod", "Explained", "StemMethod", "automix", "create_method", "list_methods"]

if TYPE_CHECKING:
    from automix.methods import ConsoleMethod, Explained, StemMethod, create_method, list_methods
    from automix.song_mix import automix


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'automix' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

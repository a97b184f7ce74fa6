"""Mixing in the style of a reference song.

Everything here loads when it is first used; `import style_transfer` itself is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOMES = {
    "transfer": "style_transfer.song_transfer",
    "References": "style_transfer.references",
    "ConsoleMethod": "style_transfer.methods",
    "StemMethod": "style_transfer.methods",
    "list_methods": "style_transfer.methods",
    "create_method": "style_transfer.methods",
    "keep_groups": "style_transfer.partial",
    "scale_strength": "style_transfer.partial",
    "blend_settings": "style_transfer.partial",
}

__all__ = [
    "ConsoleMethod",
    "References",
    "StemMethod",
    "blend_settings",
    "create_method",
    "keep_groups",
    "list_methods",
    "scale_strength",
    "transfer",
]

if TYPE_CHECKING:
    from style_transfer.methods import ConsoleMethod, StemMethod, create_method, list_methods
    from style_transfer.partial import blend_settings, keep_groups, scale_strength
    from style_transfer.references import References
    from style_transfer.song_transfer import transfer


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'style_transfer' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

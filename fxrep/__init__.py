"""fxrep learns what was done to audio, not what is played in it.

Everything a user needs most stands here by name and loads when it is first used; `import fxrep` itself is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fxrep.version import __version__

_HOMES = {
    "load_audio": "fxrep.audio",
    "save_audio": "fxrep.audio",
    "read_audio": "fxrep.audio",
    "EffectChain": "fxrep.effects",
    "MixingConsole": "fxrep.effects",
    "FxNormalizer": "fxrep.normalization",
    "ReferenceIndex": "fxrep.retrieval",
    # The one name that points up the layers: the encoder is what most people come for.
    "load_encoder": "encoders",
}
_SUBPACKAGES = (
    "audio",
    "data",
    "effects",
    "losses",
    "metrics",
    "mixing",
    "normalization",
    "retrieval",
    "visualization",
)

# Written out, so that type checkers and editors know the names too.
__all__ = [
    "EffectChain",
    "FxNormalizer",
    "MixingConsole",
    "ReferenceIndex",
    "__version__",
    "audio",
    "data",
    "effects",
    "load_audio",
    "load_encoder",
    "losses",
    "metrics",
    "mixing",
    "normalization",
    "read_audio",
    "retrieval",
    "save_audio",
    "visualization",
]

if TYPE_CHECKING:
    from fxrep import audio, data, effects, losses, metrics, mixing, normalization, retrieval, visualization
    from fxrep.audio import load_audio, read_audio, save_audio
    from fxrep.effects import EffectChain, MixingConsole
    from fxrep.normalization import FxNormalizer
    from fxrep.retrieval import ReferenceIndex

    load_encoder: Any


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"fxrep.{name}")
    raise AttributeError(f"module 'fxrep' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""MixFXcloner: stems in the style of a reference, by a network that the reference's effect embedding steers."""

from __future__ import annotations

from fxrep.mixing.blending import blend_embeddings
from style_transfer.mixfx_cloner.cloner import MixFXCloner
from style_transfer.mixfx_cloner.network import PUBLISHED, SMALL, ClonerNetwork
from style_transfer.mixfx_cloner.release import describe_cloner, export_cloner, list_cloners, load_cloner, save_cloner
from style_transfer.mixfx_cloner.stream import ClonerStream

__all__ = [
    "PUBLISHED",
    "SMALL",
    "ClonerNetwork",
    "ClonerStream",
    "MixFXCloner",
    "blend_embeddings",
    "describe_cloner",
    "export_cloner",
    "list_cloners",
    "load_cloner",
    "save_cloner",
]

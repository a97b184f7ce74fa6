"""The Differentiable Mixing Console: mixing by a network that sets a console."""

from __future__ import annotations

from automix.dmc.controls import Controls
from automix.dmc.embedding_encoder import EmbeddingTrackEncoder
from automix.dmc.model import DifferentiableMixingConsole
from automix.dmc.published_encoder import ShortChunkEncoder
from automix.dmc.release import describe_dmc, export_dmc, list_dmc, load_dmc, save_dmc
from automix.dmc.track_encoder import TrackEncoder
from automix.dmc.transformation import BlackBoxEffects, ExactEffects, ProxyEffects, Transformation

__all__ = [
    "BlackBoxEffects",
    "Controls",
    "DifferentiableMixingConsole",
    "EmbeddingTrackEncoder",
    "ExactEffects",
    "ProxyEffects",
    "ShortChunkEncoder",
    "TrackEncoder",
    "Transformation",
    "describe_dmc",
    "export_dmc",
    "list_dmc",
    "load_dmc",
    "save_dmc",
]

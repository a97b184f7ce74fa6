"""Diff-MST: mixing in the style of a reference by a controller that sets a console."""

from __future__ import annotations

from style_transfer.diff_mst.conditioning import Conditioning, SpectrogramConditioning
from style_transfer.diff_mst.controller import Controller, Positions
from style_transfer.diff_mst.embedding_conditioning import EmbeddingConditioning
from style_transfer.diff_mst.model import DiffMST
from style_transfer.diff_mst.release import list_controllers, load_controller, save_controller
from style_transfer.diff_mst.spectrogram_encoder import SpectrogramEncoder, small_spectrogram_encoder

__all__ = [
    "Conditioning",
    "Controller",
    "DiffMST",
    "EmbeddingConditioning",
    "Positions",
    "SpectrogramConditioning",
    "SpectrogramEncoder",
    "list_controllers",
    "load_controller",
    "save_controller",
    "small_spectrogram_encoder",
]

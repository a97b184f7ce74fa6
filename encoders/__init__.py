"""Effect encoders: networks that hear how audio was processed.

`base` says what every encoder offers, `fx_encoder`, `fx_encoder_plus_plus` and `listening_encoder` are some of them,
`objectives` and `training` teach them, `checkpoints` saves and opens releases, `evaluation` measures them.
"""

from __future__ import annotations

from encoders.afx_rep import AFxRepEncoder
from encoders.band_split_encoder import BandSplitEncoder
from encoders.base import EffectEncoder
from encoders.checkpoints import find_encoder, list_encoders, load_encoder, save_encoder
from encoders.content_encoder import ContentEncoder
from encoders.fx_encoder import FxEncoder
from encoders.fx_encoder_plus_plus import FxEncoderPlusPlus
from encoders.listening_encoder import ListeningEncoder
from encoders.projection import ProjectionHead
from encoders.registry import ENCODERS, build_encoder
from encoders.spectral_encoder import SpectralEncoder

__all__ = [
    "ENCODERS",
    "AFxRepEncoder",
    "BandSplitEncoder",
    "ContentEncoder",
    "EffectEncoder",
    "FxEncoder",
    "FxEncoderPlusPlus",
    "ListeningEncoder",
    "ProjectionHead",
    "SpectralEncoder",
    "build_encoder",
    "find_encoder",
    "list_encoders",
    "load_encoder",
    "save_encoder",
]

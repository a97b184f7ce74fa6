"""The stem autoencoder: raw tracks in, processed stems out, by one network for each group of instruments."""

from __future__ import annotations

from automix.stem_autoencoder.autoencoder import GROUPS, StemAutoencoder
from automix.stem_autoencoder.network import PUBLISHED, SMALL, FrameAutoencoder
from automix.stem_autoencoder.release import (
    describe_stem_autoencoder,
    export_stem_autoencoder,
    list_stem_autoencoders,
    load_stem_autoencoder,
    save_stem_autoencoder,
)

__all__ = [
    "GROUPS",
    "PUBLISHED",
    "SMALL",
    "FrameAutoencoder",
    "StemAutoencoder",
    "describe_stem_autoencoder",
    "export_stem_autoencoder",
    "list_stem_autoencoders",
    "load_stem_autoencoder",
    "save_stem_autoencoder",
]

"""Multitracks: what songs look like, the datasets that can be read, and the manifest that describes them."""

from __future__ import annotations

from fxrep.data.checking import CheckReport, check_manifest
from fxrep.data.datasets import DATASETS, list_datasets, open_dataset
from fxrep.data.holding_out import check_splits, hold_out
from fxrep.data.instruments import INSTRUMENTS, guess_instrument
from fxrep.data.manifest import Manifest, ManifestRow, read_manifest, write_manifest
from fxrep.data.multitrack import SPLITS, Multitrack, Song, Track
from fxrep.data.scanning import ScanResult, scan
from fxrep.data.splits import SplitFractions
from fxrep.data.synthesis import GeneratedSong, generate_song

__all__ = [
    "DATASETS",
    "INSTRUMENTS",
    "SPLITS",
    "CheckReport",
    "GeneratedSong",
    "Manifest",
    "ManifestRow",
    "Multitrack",
    "ScanResult",
    "Song",
    "SplitFractions",
    "Track",
    "check_manifest",
    "check_splits",
    "generate_song",
    "guess_instrument",
    "hold_out",
    "list_datasets",
    "open_dataset",
    "read_manifest",
    "scan",
    "write_manifest",
]

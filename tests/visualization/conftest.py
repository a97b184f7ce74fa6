from __future__ import annotations

from pathlib import Path

import pytest

from fxrep.retrieval import ReferenceIndex

from .mixed_songs import MixEncoder, write_songs


@pytest.fixture(scope="session")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `songs` and `library.fxindex`, ten songs of each of four kinds; copy it to change it."""
    folder = tmp_path_factory.mktemp("mixes")
    paths = write_songs(folder / "songs", 10)
    metadata = {str(path): {"kind": path.stem.partition("-")[0], "tempo": 90 + n} for n, path in enumerate(paths)}
    with ReferenceIndex.create(folder / "library.fxindex", MixEncoder()) as index:
        index.add(paths, metadata=metadata)
    return folder

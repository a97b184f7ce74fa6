"""The faiss side of a reference index: all vectors in memory, cached in one file per generation.

The file's name carries the generation of the database it was made from and the checksum of its bytes. A file of
another generation, or a damaged one, is never read: the vectors are taken from the database instead. Writing is
therefore safe at any moment, and losing the file costs a second.
"""

from __future__ import annotations

import logging
import shutil
import zlib
from typing import Any

import numpy as np

from fxrep.errors import OutputError
from fxrep.files import atomic_file
from fxrep.retrieval.database import IndexDatabase, Level

logger = logging.getLogger(__name__)
SCORE_DECIMALS = 6
_MOST_SCORES = 1 << 22
"""Held in memory at once; bounds what a long query takes."""


class VectorCache:
    """Exact inner-product search over the vectors of one level.

    Args:
        database: where the vectors come from.
        level: windows or whole songs; only windows are cached on disk, songs are few.
        dim: length D of a vector.
    """

    def __init__(self, database: IndexDatabase, level: Level, dim: int) -> None:
        self._database = database
        self._level: Level = level
        self.dim = dim
        self._generation = -1
        self._index: Any = None

    @property
    def size(self) -> int:
        """Number of vectors in memory."""
        return 0 if self._index is None else int(self._index.ntotal)

    def refresh(self) -> None:
        """Bring memory to the database's generation; call inside a snapshot or transaction."""
        generation = self._database.generation()
        if generation == self._generation:
            return
        index = self._read(generation)
        if index is None:
            ids, vectors = self._database.vectors(self._level, self.dim)
            index = _empty_index(self.dim)
            if len(ids):
                index.add_with_ids(vectors, ids)
        self._index, self._generation = index, generation

    def apply(self, generation: int, removed: np.ndarray, added_ids: np.ndarray, added: np.ndarray) -> None:
        """Follow a transaction that was just committed as `generation`."""
        import faiss

        if self._generation != generation - 1:
            return
        if len(removed):
            self._index.remove_ids(faiss.IDSelectorBatch(removed))
        if len(added_ids):
            self._index.add_with_ids(added, added_ids)
        self._generation = generation

    def search(self, vectors: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The `k` best ids, int64, and cosine similarities, float64, best first; fewer when there are fewer.

        Args:
            vectors: unit vectors ``(Q, D)``; the score of an id is its best match over them.
            k: how many.
            allowed: ids to search among; all when None.
        """
        import faiss

        count = min(k, self.size if allowed is None else len(allowed))
        if count == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        parameters: Any = None
        if allowed is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed))  # type: ignore[call-arg]
        best_ids, best_scores = np.empty(0, dtype=np.int64), np.empty(0)
        # What is among the best over all vectors is among the best of one of them.
        step = max(1, _MOST_SCORES // count)
        for start in range(0, len(vectors), step):
            scores, ids = self._index.search(vectors[start : start + step], count, params=parameters)
            found = ids >= 0
            best_ids, best_scores = _best(
                np.concatenate([best_ids, ids[found]]), np.concatenate([best_scores, scores[found]]), count
            )
        return best_ids, best_scores

    def save(self) -> None:
        """Write the cache of this generation and drop older ones; a failure only makes the next open slower."""
        import faiss

        if self._level != "window" or self._index is None:
            return
        data = faiss.serialize_index(self._index).tobytes()
        target = self._database.folder / f"windows-{self._generation}-{zlib.crc32(data):08x}.faiss"
        try:
            with atomic_file(target) as temporary:
                temporary.write_bytes(data)
            for old in self._database.folder.glob("windows-*.faiss"):
                if old != target:
                    old.unlink(missing_ok=True)
            for left in self._database.folder.glob(".windows-*.partial"):
                shutil.rmtree(left, ignore_errors=True)
        except (OutputError, OSError) as error:
            logger.warning("%s: the index is safe, but it will open more slowly", error)

    def _read(self, generation: int) -> Any:
        import faiss

        if self._level != "window":
            return None
        for file in self._database.folder.glob(f"windows-{generation}-*.faiss"):
            try:
                data = file.read_bytes()
                if f"{zlib.crc32(data):08x}" != file.stem.rsplit("-", 1)[-1]:
                    raise ValueError("its checksum is wrong")
                index = faiss.deserialize_index(np.frombuffer(data, dtype=np.uint8))
                if index.d != self.dim or index.ntotal != self._database.count("windows"):
                    raise ValueError("it holds other vectors")
                return index
            except (OSError, ValueError, RuntimeError) as error:
                logger.warning("%s is not used (%s): reading the vectors from the database", file, error)
        return None


def _best(ids: np.ndarray, scores: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    # Rounded to what float32 knows of them: copies score alike, in whatever order their products were added up.
    rounded = np.round(scores.astype(np.float64), SCORE_DECIMALS)
    order = np.lexsort((ids, -rounded))
    firsts = np.sort(np.unique(ids[order], return_index=True)[1])[:count]
    return ids[order][firsts], rounded[order][firsts]


def _empty_index(dim: int) -> Any:
    import faiss

    return faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

"""Find recordings whose effects sound alike: embed a corpus, keep it in an index, search it.

`ReferenceIndex` is the whole story for most uses. `embed_corpus` writes embeddings to Parquet without an index.
"""

from fxrep.retrieval.building import build_index
from fxrep.retrieval.corpus import CorpusReport, embed_corpus, in_shard
from fxrep.retrieval.embedding_table import EmbeddingTable, read_embeddings, write_embeddings
from fxrep.retrieval.encoder import AudioEncoder, SongEmbedding, embed_song
from fxrep.retrieval.hits import Hit, format_hits
from fxrep.retrieval.index import ReferenceIndex
from fxrep.retrieval.writer import AddReport

__all__ = [
    "AddReport",
    "AudioEncoder",
    "CorpusReport",
    "EmbeddingTable",
    "Hit",
    "ReferenceIndex",
    "SongEmbedding",
    "build_index",
    "embed_corpus",
    "embed_song",
    "format_hits",
    "in_shard",
    "read_embeddings",
    "write_embeddings",
]

"""Find recordings whose effects sound alike: embed a corpus, keep it in an index, search it.

`ReferenceIndex` is the whole story for most uses. `embed_corpus` writes embeddings to Parquet without an index.
"""

from fxrep.retrieval.aspects import ASPECTS, Aspect
from fxrep.retrieval.building import build_index
from fxrep.retrieval.compaction import CompactReport
from fxrep.retrieval.corpus import CorpusReport, embed_corpus, in_shard
from fxrep.retrieval.embedding_file import read_embeddings
from fxrep.retrieval.embedding_table import EmbeddingTable, write_embeddings
from fxrep.retrieval.encoder import AudioEncoder, SongEmbedding, embed_song
from fxrep.retrieval.explanation import Difference, Explanation, Passage, explain
from fxrep.retrieval.filters import Between
from fxrep.retrieval.hits import Hit, format_hits
from fxrep.retrieval.index import ReferenceIndex
from fxrep.retrieval.matched_encoder import MatchedEncoder, match_encoder
from fxrep.retrieval.matching import AS_RELEASED, Matching
from fxrep.retrieval.point_reader import IndexPoints
from fxrep.retrieval.upgrade import upgrade_index
from fxrep.retrieval.writer import AddReport

__all__ = [
    "ASPECTS",
    "AS_RELEASED",
    "AddReport",
    "Aspect",
    "AudioEncoder",
    "Between",
    "CompactReport",
    "CorpusReport",
    "Difference",
    "EmbeddingTable",
    "Explanation",
    "Hit",
    "IndexPoints",
    "MatchedEncoder",
    "Matching",
    "Passage",
    "ReferenceIndex",
    "SongEmbedding",
    "build_index",
    "embed_corpus",
    "embed_song",
    "explain",
    "format_hits",
    "in_shard",
    "match_encoder",
    "read_embeddings",
    "upgrade_index",
    "write_embeddings",
]

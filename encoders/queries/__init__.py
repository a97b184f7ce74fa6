"""What to listen for inside a mixture, as a vector: `query_encoder` says what all ways of asking offer.

`content_queries` reads names and clips with this package's own networks; `clap_queries` clips and any text, for those
who have the weights of CLAP.
"""

from __future__ import annotations

from encoders.queries.clap_queries import ClapQueries
from encoders.queries.content_queries import ContentQueries
from encoders.queries.query_encoder import Query, QueryEncoder

__all__ = ["ClapQueries", "ContentQueries", "Query", "QueryEncoder"]

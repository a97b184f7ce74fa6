"""What to listen for inside a mixture, as a vector: `query_encoder` says what all ways of asking offer."""

from __future__ import annotations

from encoders.queries.content_queries import ContentQueries
from encoders.queries.query_encoder import Query, QueryEncoder

__all__ = ["ContentQueries", "Query", "QueryEncoder"]

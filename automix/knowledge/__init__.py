"""A mixer that knows rules: by instrument, and by what is measured of the tracks. Each decision is said in words."""

from __future__ import annotations

from automix.knowledge.mixer import KnowledgeMixer

__all__ = ["KnowledgeMixer"]

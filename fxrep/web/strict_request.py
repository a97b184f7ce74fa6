"""What a request may hold: the fields that are named and nothing else, and numbers that are finite."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictRequest(BaseModel):
    """Base of all that arrives as JSON; an unknown field or an infinite number is refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

"""Searching for a page: what is asked for in JSON, and the hits, which are remembered to be explained."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import Field, model_validator

from fxrep.audio import audio_info
from fxrep.errors import ArgumentError
from fxrep.retrieval import ASPECTS, Between, Explanation, Hit, Passage, explain
from fxrep.retrieval.explanation import LONGEST_S
from fxrep.retrieval.queries import QueryPart
from fxrep.web.library import Library, UnknownError
from fxrep.web.recordings import audio_file
from fxrep.web.shared_work import SharedWork
from fxrep.web.strict_request import StrictRequest
from fxrep.web.uploads import Uploads

_MOST_SOURCES = 20


class Source(StrictRequest):
    """A song of the library or an upload, or a part of it."""

    song: int | None = None
    upload: str | None = None
    start_s: float = Field(default=0.0, ge=0)
    duration_s: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one(self) -> Source:
        if (self.song is None) == (self.upload is None):
            raise ValueError("give either song or upload")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.start_s == 0 and self.duration_s is None


class Bounds(StrictRequest):
    """A range of numbers, ends included."""

    low: float | None = None
    high: float | None = None


Wanted: TypeAlias = Bounds | str | int | float | bool


class SearchRequest(StrictRequest):
    """What a page asks for."""

    like: list[Source] = Field(min_length=1, max_length=_MOST_SOURCES)
    unlike: list[Source] = Field(default=[], max_length=_MOST_SOURCES)
    k: int = Field(default=20, ge=1, le=200)
    where: dict[str, Wanted | list[Wanted]] = Field(default={}, max_length=20)
    folder: str | None = None
    songs_only: bool = False

    @property
    def needs_listening(self) -> bool:
        """Whether something must be embedded first, which takes its time."""
        return any(source.upload is not None and not source.is_whole for source in [*self.like, *self.unlike])


@dataclass
class Search:
    """What was found.

    Attributes:
        id: of the search.
        hits: best first.
        explanations: by rank, those that were asked for.
    """

    id: str
    hits: Sequence[Hit]
    explanations: dict[int, dict[str, Any]] = field(default_factory=dict)


class Searches:
    """All searches of late.

    Args:
        library: to search.
        uploads: that may be asked with.
        most: hits that are remembered.
    """

    def __init__(self, library: Library, uploads: Uploads, most: int) -> None:
        self.library, self.uploads, self.most = library, uploads, most
        self._searches: OrderedDict[str, Search] = OrderedDict()
        self._remembered = 0
        self._lock = threading.Lock()
        self._explaining: SharedWork[dict[str, Any]] = SharedWork()

    def run(self, request: SearchRequest) -> dict[str, Any]:
        """Search, and return the answer for the page.

        Raises:
            ArgumentError: it cannot be asked so.
            UnknownError: a song or an upload is not there.
        """
        sounds = any(source.upload is not None for source in [*request.like, *request.unlike])
        index = self.library.listening_index() if sounds else self.library.index()
        like = [self._question(source) for source in request.like]
        unlike = [self._question(source) for source in request.unlike]
        hits = index.search(
            like if len(like) > 1 else like[0],
            request.k,
            unlike=unlike or None,
            level="song" if request.songs_only else "window",
            where={key: _condition(value) for key, value in request.where.items()},
            folder=None if request.folder is None else self.library.folder_filter(request.folder),
        )
        search = Search(secrets.token_urlsafe(9), hits)
        with self._lock:
            self._searches[search.id] = search
            self._remembered += len(hits)
            while self._remembered > self.most and len(self._searches) > 1:
                self._remembered -= len(self._searches.popitem(last=False)[1].hits)
        return {"search": search.id, "hits": [self._shown(hit) for hit in hits]}

    def explain(self, search_id: str, rank: int) -> dict[str, Any]:
        """Why a hit was found.

        Args:
            search_id: of the search.
            rank: of the hit, from 0.

        Raises:
            UnknownError: it is not, or no longer, known.
            AudioError: what was found or asked with cannot be listened to.
        """
        search = self._searches.get(search_id)
        if search is None or not 0 <= rank < len(search.hits):
            raise UnknownError("this search is no longer known: search again")
        if rank not in search.explanations:
            hit = search.hits[rank]
            search.explanations[rank] = self._explaining.do(f"{search_id}/{rank}", lambda: self._explain(hit))
        return search.explanations[rank]

    def _explain(self, hit: Hit) -> dict[str, Any]:
        if not hit.query_passages:
            raise ArgumentError("there is no sound to compare with: search with a recording")
        query = [self._heard(passage) for passage in hit.query_passages]
        return _shown_explanation(explain(query, self._heard(Passage(hit.path, None, hit.start_s, hit.duration_s))))

    def _heard(self, passage: Passage) -> Passage:
        """What is measured of a passage: its middle, which is all that is read of a recording of hours."""
        path = Path(str(passage.audio))
        if not path.is_relative_to(self.uploads.cache.folder):
            path = self.library.check_song(path)
        whole_s = audio_info(path).duration_s - passage.start_s
        length_s = whole_s if passage.duration_s is None else min(whole_s, passage.duration_s)
        spare_s = length_s - LONGEST_S
        if spare_s <= 0:
            return Passage(path, None, passage.start_s, passage.duration_s)
        return Passage(path, None, passage.start_s + spare_s / 2, LONGEST_S)

    def _question(self, source: Source) -> QueryPart:
        if source.song is not None:
            self.library.song(source.song)
            return QueryPart(source.song, source.start_s, source.duration_s)
        file = audio_file(self.uploads.get(str(source.upload)))
        return QueryPart(str(file), source.start_s, source.duration_s)

    def _shown(self, hit: Hit) -> dict[str, Any]:
        song = {
            "id": hit.song_id,
            "path": str(hit.path),
            "metadata": dict(hit.metadata),
            "facts": dict(hit.facts),
            "duration_s": hit.duration_s,
        }
        shown = self.library.shown(song)
        del shown["id"]
        return {
            "song_id": hit.song_id,
            **shown,
            "start_s": hit.start_s,
            "score": hit.score,
            "query_start_s": hit.query_start_s,
            "query_duration_s": hit.query_duration_s,
        }


def _condition(wanted: Any) -> Any:
    if isinstance(wanted, list):
        if not wanted:
            raise ArgumentError("a filter is an empty list: give what the songs should have")
        return [_condition(one) for one in wanted]
    return Between(wanted.low, wanted.high) if isinstance(wanted, Bounds) else wanted


def _shown_explanation(explanation: Explanation) -> dict[str, Any]:
    aspects = {aspect.feature: aspect for aspect in ASPECTS}
    return {
        "sentence": explanation.text,
        "differences": [
            {
                "family": one.family,
                "name": one.feature.partition(": ")[2].partition(" (")[0],
                "label": aspects[one.feature].name.replace("_", " "),
                "query": one.query,
                "hit": one.hit,
                "difference": one.difference,
                "unit": one.feature.partition("(")[2].rstrip(")"),
                "steps": one.steps,
                "words": one.words,
                "query_text": aspects[one.feature].shown(one.query),
                "hit_text": aspects[one.feature].shown(one.hit),
            }
            for one in explanation.differences
        ],
    }

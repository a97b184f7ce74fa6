"""Routes to hear and see recordings: bytes with ranges, and waveforms."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from fxrep.web.answers import JsonAnswer
from fxrep.web.decoding import BINS, reduce_peaks
from fxrep.web.file_response import OpenedFileResponse
from fxrep.web.served_site import Site
from fxrep.web.site import Sound, WebSite

router = APIRouter(prefix="/api")
Kind = Literal["songs", "uploads", "renders"]
Part = Literal["mix", "reference"]
Points = Annotated[int, Query(ge=1, le=BINS)]


@router.api_route("/audio/{kind}/{name}", methods=["GET", "HEAD"])
async def audio(site: Site, kind: Kind, name: str) -> Response:
    """The bytes of a recording."""
    return await _audio(site, await site.search_thread(site.sound, kind, name))


@router.get("/waveforms/{kind}/{name}")
async def waveform(site: Site, kind: Kind, name: str, points: Points = 1200) -> Response:
    """Length, peaks and loudness of a recording."""
    return await _waveform(site, await site.search_thread(site.sound, kind, name), points)


@router.api_route("/audio/mixes/{mix_id}/{part}", methods=["GET", "HEAD"])
async def mix_audio(site: Site, mix_id: str, part: Part) -> Response:
    """A mix as it was made, or what it was to be like."""
    return await _audio(site, await site.search_thread(site.mix_sound, mix_id, part))


@router.get("/waveforms/mixes/{mix_id}/{part}")
async def mix_waveform(site: Site, mix_id: str, part: Part, points: Points = 1200) -> Response:
    """Length, peaks and loudness of a part of a mix."""
    return await _waveform(site, await site.search_thread(site.mix_sound, mix_id, part), points)


async def _audio(site: WebSite, sound: Sound) -> Response:
    file, kind = await site.listen_thread(site.recordings.playable, sound.file, sound.key, sound.name)
    return OpenedFileResponse(file, kind)


async def _waveform(site: WebSite, sound: Sound, points: int) -> Response:
    measured = await site.listen_thread(site.recordings.measured, sound.file, sound.key, sound.name)
    return JsonAnswer(
        {
            "duration_s": measured["duration_s"],
            "peaks": reduce_peaks(measured["peaks"], points),
            "peak_dbfs": measured["peak_dbfs"],
            "loudness_lufs": measured["loudness_lufs"],
        }
    )

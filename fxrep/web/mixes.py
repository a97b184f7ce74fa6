"""Showing, editing and rendering mixes."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from fxrep.audio import save_blocks
from fxrep.effects.console import ConsoleSettings
from fxrep.effects.console.blocks import BLOCK
from fxrep.errors import ArgumentError, FxrepError, OutputError
from fxrep.mixing import MixSession
from fxrep.web.cache_folder import CacheFolder
from fxrep.web.job_board import Job, JobBoard
from fxrep.web.mix_curves import console_curves
from fxrep.web.mix_folders import CONSOLE, MIX, MixFolder, MixFolders
from fxrep.web.mix_strips import console_of, describe_strips, shared_tables
from fxrep.web.opened_file import NotServedError, OpenedFile, open_inside
from fxrep.web.recordings import LONGEST_SONG_S, Recordings
from fxrep.web.strict_request import StrictRequest

_BYTES_PER_SAMPLE = 8


class Edit(StrictRequest):
    """One change, as `MixSession.edit` takes it."""

    place: str = Field(max_length=500)
    path: str = Field(max_length=500)
    value: float | str | None = None
    section: int | None = Field(default=None, ge=0)


class EditRequest(StrictRequest):
    """Changes to one of the consoles of a mix."""

    edits: list[Edit] = Field(default=[], max_length=1000)
    console: str = Field(default=CONSOLE, max_length=100)
    name: str | None = Field(default=None, max_length=60)


class CurveRequest(StrictRequest):
    """Settings whose curves are to be drawn, of one section: all of them, or changes."""

    settings: dict[str, Any] | None = None
    edits: list[Edit] = Field(default=[], max_length=1000)
    places: list[str] | None = Field(default=None, max_length=500)
    section: int = Field(default=0, ge=0)
    console: str = Field(default=CONSOLE, max_length=100)


class Mixes:
    """All mixes and what can be done with them.

    Args:
        folders: where they lie.
        folders_of_songs: where references may lie besides the folders of the mixes.
        references: that were named for all mixes.
        cache: for renders.
        recordings: makes renders playable.
        board: does the work.
    """

    def __init__(
        self,
        folders: MixFolders,
        folders_of_songs: Sequence[Path],
        references: Sequence[Path],
        cache: CacheFolder,
        recordings: Recordings,
        board: JobBoard,
    ) -> None:
        self.folders, self.songs, self.references = folders, tuple(folders_of_songs), tuple(references)
        self.cache, self.recordings, self.board = cache, recordings, board

    def list(self) -> list[dict[str, Any]]:
        """All mixes in short."""
        return [self._short(mix) for mix in self.folders.list()]

    def describe(self, mix_id: str, console: str) -> dict[str, Any]:
        """A mix with its console.

        Raises:
            UnknownError: there is none, or it has no such console.
            DataError: its file is damaged, or its tracks are not there.
        """
        mix = self.folders.get(mix_id)
        session = self.folders.session(mix, console)
        reference, note = self._reference(mix)
        return {
            **self._short(mix),
            "console_file": console,
            "consoles": mix.consoles(),
            "sample_rate": session.sample_rate,
            "duration_s": session.tracks.duration_s,
            "console": session.settings.to_dict(),
            "sections": len(session.sections),
            "section_starts_s": [section.start_s for section in session.sections],
            "section_consoles": [section.settings.to_dict() for section in session.sections],
            "strips": describe_strips(session),
            "tables": shared_tables(),
            "mix": _heard("mix", mix) if (mix.folder / MIX).is_file() else None,
            "reference": None if reference is None else {**_heard("reference", mix), "name": reference.stem},
            "reference_note": note,
        }

    def curves(self, mix_id: str, request: CurveRequest) -> dict[str, Any]:
        """Curves to draw, see `console_curves`."""
        session = self.folders.session(self.folders.get(mix_id), request.console)
        choices = [session.settings, *(section.settings for section in session.sections)]
        if request.section >= len(choices):
            raise ArgumentError(f"section is {request.section}: expected 0 to {len(choices) - 1}")
        settings = choices[request.section]
        if request.settings is not None:
            settings = ConsoleSettings.from_dict(request.settings, console_of(settings))
        for edit in request.edits:
            if edit.path != "input_gain_db" and edit.section in (None, request.section):
                settings = settings.edit(edit.place, edit.path, edit.value)
        return {"curves": console_curves(settings, session.sample_rate, request.places)}

    def save(self, mix_id: str, request: EditRequest) -> dict[str, Any]:
        """Write an edited console as a new file beside the others."""
        mix = self.folders.get(mix_id)
        return {"path": self.folders.save(mix, self._edited(mix, request), request.name)}

    def render(self, mix_id: str, request: EditRequest) -> Job:
        """Put the rendering of an edited mix in line."""
        mix = self.folders.get(mix_id)
        session = self._edited(mix, request)
        needed = session.tracks.samples * _BYTES_PER_SAMPLE
        if needed > self.cache.most_bytes:
            raise OutputError(f"the mix needs {needed / 1e6:.0f} MB of temporary space: allow more with --cache-mb")
        folder, key = self.cache.new_folder(), secrets.token_urlsafe(12)
        kept: list[str] = []

        def render(job: Job) -> None:
            save_blocks(folder / "render.wav", _watched(session, job), session.sample_rate)

        def measure(job: Job) -> dict[str, Any]:
            facts = self.recordings.decode(folder / "render.wav", folder, LONGEST_SONG_S, mix.name, job.report)
            (folder / "render.wav").unlink()
            self.cache.keep(key, folder, {**facts, "name": mix.name})
            kept.append(key)
            return {"render": key, "duration_s": facts["duration_s"], "loudness_lufs": facts["loudness_lufs"]}

        def clean_up() -> None:
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)

        return self.board.submit("render", [("render", render), ("decode", measure)], clean_up)

    def open_part(self, mix_id: str, part: str) -> OpenedFile:
        """Open the mix of the method, or what it was to be like.

        Raises:
            NotServedError: it is not there, or must not be read.
        """
        mix = self.folders.get(mix_id)
        if part == "mix":
            return open_inside(mix.folder / MIX, (mix.folder,))
        reference, note = self._reference(mix)
        if reference is None:
            raise NotServedError(note or "this mix names no reference: give one with --reference")
        return open_inside(reference, (reference.parent,))

    def _short(self, mix: MixFolder) -> dict[str, Any]:
        result = mix.result()
        try:
            tracks, error = len(self.folders.session(mix).tracks), None
        except FxrepError as failure:
            tracks, error = 0, str(failure)
        method = result.get("method")
        return {
            "id": mix.id,
            "name": mix.name,
            "tracks": tracks,
            "method": str(method) if method is not None else None,
            "error": error,
        }

    def _edited(self, mix: MixFolder, request: EditRequest) -> MixSession:
        session = self.folders.session(mix, request.console)
        # Of several changes of one thing the last counts, as it would one after the other.
        last = {(edit.place, edit.path, edit.section): edit for edit in request.edits}
        for edit in last.values():
            session = session.edit(edit.place, edit.path, edit.value, edit.section)
        return session

    def _reference(self, mix: MixFolder) -> tuple[Path | None, str | None]:
        """The real path of what a mix is compared with, and why there is none."""
        named = mix.result().get("references")
        given = [mix.folder / str(path) for path in named] if isinstance(named, list) else []
        allowed = {Path(path).resolve() for path in self.references}
        for path in [*given, *self.references]:
            real = Path(path).resolve()
            inside = any(real.is_relative_to(folder) for folder in (mix.folder, *self.songs))
            if real.is_file() and (inside or real in allowed):
                return real, None
        if given:
            return None, "the reference lies outside the library: name it with --reference when starting the server"
        return None, None


def _watched(session: MixSession, job: Job) -> Iterator[torch.Tensor]:
    done, total = 0, max(1, session.tracks.samples)
    job.report("rendering", 0.0)
    for block in session.iter_blocks(block=BLOCK):
        done += block.shape[-1]
        job.report("rendering", done / total)
        yield block


def _heard(part: str, mix: MixFolder) -> dict[str, str]:
    place = f"mixes/{mix.id}/{part}"
    return {"name": mix.name, "audio": f"/api/audio/{place}", "waveform": f"/api/waveforms/{place}"}

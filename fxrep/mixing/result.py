"""A finished mix: to listen to, to read, to edit, and to write as a folder."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from fxrep.files import atomic_folder
from fxrep.mixing import session_file
from fxrep.mixing.output_folder import check_file_names, check_output_folder
from fxrep.mixing.recordings import Recordings, WindowEncoder
from fxrep.mixing.report import MixReport, measure_mix
from fxrep.mixing.report_measures import find_encoder
from fxrep.mixing.report_page import report_page
from fxrep.mixing.session import MixSession
from fxrep.mixing.track_names import file_stems
from fxrep.mixing.tracks import TrackSet

RESULT_FORMAT = "fxrep result 1"


class MixResult:
    """What a method made of some tracks. Nothing is rendered or measured before it is asked for.

    Args:
        console: the mix as a session, which can be edited and rendered: ``result.console.edit(…).render()``.
        before: the same tracks unmixed, to compare with: a neutral session in which all are equally loud.
        references: what the mix should be like; None: there is nothing.
        encoder: measures how near it comes: an encoder, or its name or folder; None: features alone.
        details: what else there is to say in the report, in plain values.
        temporary: a folder that holds tracks that were made for this result, and goes with it.
        files: by name, texts that belong to it, which are saved beside it; those in SVG are shown in the report.
    """

    def __init__(
        self,
        console: MixSession,
        before: MixSession,
        references: Recordings | None = None,
        encoder: WindowEncoder | str | None = "default",
        details: Mapping[str, Any] | None = None,
        temporary: tempfile.TemporaryDirectory[str] | None = None,
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.console, self.before, self.references = console, before, references
        self.encoder, self.details, self.temporary = encoder, dict(details or {}), temporary
        self.files = check_file_names(files or {})
        self._measured: MixReport | None = None

    @property
    def sample_rate(self) -> int:
        """Hz of the mix."""
        return self.console.sample_rate

    @cached_property
    def mix(self) -> torch.Tensor:
        """The whole mix, (2, T) float32."""
        return self.console.render()

    @property
    def report(self) -> dict[str, Any]:
        """Features, loudness and embedding distance before and after, and of each track, as plain values for JSON.

        See `fxrep.mixing.report.measure_mix` for what is in it.
        """
        if self._measured is None:
            with tempfile.TemporaryDirectory(prefix="fxrep-") as folder:
                self._measured = self._measure(self.console.render_to(Path(folder) / "mix.wav"), Path(folder))
        return self._measured.values

    def _measure(self, mix: Path, folder: Path) -> MixReport:
        before = folder / "before.wav"
        try:
            self.before.render_to(before)
            encoder = find_encoder(self.encoder) if self.references is not None else None
            return measure_mix(self.console, mix, before, self.references, encoder, self.details, self.before)
        finally:
            before.unlink(missing_ok=True)

    def save(self, folder: str | Path, overwrite: bool = False, title: str = "Mix") -> Path:
        """Write ``mix.wav``, ``console.json``, ``stems/``, ``report.html``, and files into ``details/``, to a folder.

        ``result.json`` says by which method it was made and which files it was to be like.

        The folder appears complete or not at all. Tracks that are arrays, or that were made for this result, are
        written too, so that ``fxrep render`` finds them.

        Args:
            folder: that is not there yet, or empty.
            overwrite: whether a folder that an earlier mix was saved to may be replaced.
            title: heading of the report.

        Returns:
            The folder.

        Raises:
            OutputError: the folder is there, holds something else, or cannot be written.
            AudioError: a track cannot be read.
        """
        target = Path(folder)
        inputs = [path for path in (*self.console.tracks.paths.values(), *self.before.tracks.paths.values()) if path]
        inputs += [] if self.references is None else self.references.paths
        check_output_folder(target, overwrite, inputs)
        with atomic_folder(target) as draft:
            mix = self.console.render_to(draft / "mix.wav")
            self.console.stems_to(draft / "stems")
            self._with_own_tracks(draft).save(draft / "console.json")
            if self._measured is None:
                self._measured = self._measure(mix, draft)
            for name, text in self.files.items():
                (draft / "details").mkdir(exist_ok=True)
                (draft / "details" / name).write_text(text, encoding="utf-8")
            pictures = {name: text for name, text in self.files.items() if name.endswith(".svg")}
            page = report_page(self.console, self._measured, title, pictures)
            (draft / "report.html").write_text(page, encoding="utf-8")
            (draft / "result.json").write_text(self._origin(title, target), encoding="utf-8")
        return target

    def _origin(self, title: str, folder: Path) -> str:
        """Return in JSON how the mix came about; files are named by their way from the folder."""
        paths = [] if self.references is None else self.references.paths
        values = {
            "format": RESULT_FORMAT,
            "title": title,
            "method": self.details.get("method"),
            "references": [session_file.relative_path(path, folder) for path in paths],
        }
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    def _with_own_tracks(self, draft: Path) -> MixSession:
        """Return the session with the tracks that were made for it where they will be found."""
        if self.temporary is None:
            return self.console
        made, tracks = Path(self.temporary.name).resolve(), self.console.tracks
        sources = dict(tracks.sources)
        for name, stem in file_stems(tracks.names).items():
            path = tracks.paths[name]
            if path is not None and path.resolve().is_relative_to(made):
                kept = draft / "tracks" / f"{stem}{path.suffix}"
                kept.parent.mkdir(exist_ok=True)
                sources[name] = shutil.copyfile(path, kept)
        session = self.console
        return MixSession(
            session.settings, TrackSet(sources, tracks.sample_rate), session.input_gain_db, session.sections
        )

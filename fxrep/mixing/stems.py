"""Wet stems: each track behind its strip, as files that appear together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from fxrep.audio import save_blocks
from fxrep.effects.console.blocks import BLOCK
from fxrep.effects.console.song import check_tail
from fxrep.errors import ArgumentError, FxrepError
from fxrep.files import output_error
from fxrep.mixing.rendering import StripPlayer, arrange, play
from fxrep.mixing.track_names import file_stems
from fxrep.mixing.tracks import TrackSet
from fxrep.progress import track_progress

if TYPE_CHECKING:
    from fxrep.mixing.session import MixSession


def iter_stem(session: MixSession, name: str, tail: int, pool: ThreadPoolExecutor) -> Iterator[torch.Tensor]:
    """Yield one track behind its strip in blocks (2, samples), as long as the mix.

    Args:
        session: the mix.
        name: of the track.
        tail: samples behind the end of the longest track.
        pool: to read on.
    """
    rate = session.sample_rate
    player = arrange(session.settings, session.sections, rate, lambda one: StripPlayer(one, rate, name))
    behind = session.tracks.samples - session.tracks.recordings[name].length(rate) + tail
    return play(player, [session.reader(name, BLOCK)], BLOCK, behind, pool)


def write_stems(session: MixSession, folder: Path, subtype: str | None, tail_s: float) -> dict[str, Path]:
    """See `MixSession.stems_to`."""
    written = stem_files(session.tracks, folder)
    files = {name: path.name for name, path in written.items()}
    refuse_tracks(list(written.values()), session.tracks)
    tail = check_tail(tail_s, session.sample_rate)
    threads = min(len(files), os.cpu_count() or 1)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=".partial") as staging:
            with ThreadPoolExecutor(threads) as readers, ThreadPoolExecutor(threads) as writers:

                def write(name: str) -> None:
                    blocks = iter_stem(session, name, tail, readers)
                    save_blocks(Path(staging, files[name]), blocks, session.sample_rate, subtype=subtype)

                try:
                    list(track_progress(writers.map(write, files), "stems", len(files)))
                except FxrepError as error:
                    raise type(error)(str(error).replace(staging, str(folder))) from error
            folder.mkdir(exist_ok=True)
            for name, file in files.items():
                Path(staging, file).replace(written[name])
    except OSError as error:
        raise output_error(folder, error) from error
    return written


def stem_files(tracks: TrackSet, folder: Path) -> dict[str, Path]:
    """Return the file that the stem of each track gets."""
    return {name: folder / f"{stem}.wav" for name, stem in file_stems(tracks.names).items()}


def refuse_tracks(outputs: Sequence[Path], tracks: TrackSet) -> None:
    """Refuse to write over a recording that the mix is made of.

    Raises:
        ArgumentError: naming the file and the track.
    """
    sources = {path.resolve(): name for name, path in tracks.paths.items() if path is not None}
    for output in outputs:
        if (name := sources.get(output.resolve())) is not None:
            raise ArgumentError(f"{output} is track {name}: it would be replaced; name another place")

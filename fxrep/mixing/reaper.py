"""A mix as a project of REAPER: a text file that names the wet stems, which other workstations can convert.

The file is the tree of blocks that REAPER writes (`<NAME values ... >`, one line each); what is left out is at
REAPER's defaults. Every volume is at unity, every panner in the middle, nothing is faded.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from fxrep.audio import audio_info
from fxrep.files import atomic_file
from fxrep.mixing.stems import refuse_tracks, stem_files

if TYPE_CHECKING:
    from fxrep.mixing.session import MixSession

MIX_NAME = "mix (for comparison)"
# Names of tracks make their identities: the same mix gives the same file.
_NAMESPACE = uuid.UUID("6f3f9d0e-27c5-5d0c-9d0e-5b7a3f0c1e42")


def export_session(session: MixSession, folder: Path, tail_s: float) -> Path:
    """See `MixSession.export_reaper`."""
    project, mix = folder / "mix.rpp", folder / "mix.wav"
    refuse_tracks([mix, *stem_files(session, folder / "stems").parts.values()], session.tracks)
    stems = session.stems_to(folder / "stems", tail_s=tail_s)
    session.render_to(mix, tail_s=tail_s)
    # The project last: it is there when all that it names is.
    starts = [section.start_s for section in session.sections]
    files = {name: path.relative_to(folder) for name, path in stems.items()}
    text = write_project(files, mix.relative_to(folder), session.sample_rate, audio_info(mix).duration_s, starts)
    with atomic_file(project) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return project


def write_project(
    stems: Mapping[str, PurePath], mix: PurePath, sample_rate: int, duration_s: float, section_starts_s: Sequence[float]
) -> str:
    """Return the text of a project.

    Args:
        stems: file of each track, from the folder of the project.
        mix: its file, on a track that is muted.
        sample_rate: Hz.
        duration_s: of every file.
        section_starts_s: become markers.
    """
    lines = ['<REAPER_PROJECT 0.1 "6.0" 0', f"  SAMPLERATE {sample_rate} 1 0", "  PANLAW 1", "  PANMODE 3"]
    lines += [
        f"  MARKER {number} {start:.9f} {_quoted(f'section {number}')} 0"
        for number, start in enumerate(section_starts_s, start=1)
    ]
    for number, (name, file) in enumerate([*stems.items(), (MIX_NAME, mix)]):
        lines += _track(f"{number} {name}", name, file, duration_s, muted=number == len(stems))
    return "\n".join([*lines, ">"]) + "\n"


def _track(identity: str, name: str, file: PurePath, duration_s: float, muted: bool) -> list[str]:
    return [
        f"  <TRACK {_guid(identity)}",
        f"    NAME {_quoted(name)}",
        "    VOLPAN 1 0 -1 -1 1",
        f"    MUTESOLO {int(muted)} 0 0",
        "    NCHAN 2",
        "    <ITEM",
        "      POSITION 0",
        f"      LENGTH {duration_s:.9f}",
        "      LOOP 0",
        "      FADEIN 1 0 0 1 0 0 0",
        "      FADEOUT 1 0 0 1 0 0 0",
        f"      IGUID {_guid(identity + ' item')}",
        f"      NAME {_quoted(name)}",
        "      VOLPAN 1 0 1 -1",
        "      SOFFS 0",
        "      <SOURCE WAVE",
        f"        FILE {_quoted(file.as_posix())}",
        "      >",
        "    >",
        "  >",
    ]


def _guid(identity: str) -> str:
    return f"{{{str(uuid.uuid5(_NAMESPACE, identity)).upper()}}}"


def _quoted(text: str) -> str:
    """Return the text between quotation marks that are not in it; there are three kinds, and no escapes."""
    plain = " ".join(text.split())
    for mark in ('"', "'", "`"):
        if mark not in plain:
            return f"{mark}{plain}{mark}"
    return '"' + plain.replace('"', "'") + '"'

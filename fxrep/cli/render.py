"""`fxrep render`: a mix from the file of its settings, edited or not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fxrep.cli.output import JsonOption, emit


def run(
    session: Annotated[Path, typer.Argument(metavar="CONSOLE.JSON", help="A mix as fxrep transfer writes it.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The mix. Default: mix.wav beside the settings.")
    ] = None,
    stems: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the stems there too: tracks behind their strips, and buses."),
    ] = None,
    reaper: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a project for REAPER there, with the stems.")
    ] = None,
    tracks: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where tracks are that have been moved since.")
    ] = None,
    tail: Annotated[
        float, typer.Option(metavar="SECONDS", help="Silence to append, so that reverberation can end.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Render a mix again from its settings.

    The settings are JSON: edit a number and render. A name that the console does not have, or a value out of range, is
    answered with its place and what is allowed. WAV is written as 32-bit float, which keeps what is above full scale.

    \b
    Example: fxrep render OUT/console.json -o mix.wav --stems stems/
    """
    from fxrep.mixing import MixSession

    mix = MixSession.load(session, tracks_folder=tracks)
    path = mix.render_to(output or session.parent / "mix.wav", tail_s=tail)
    written = {} if stems is None else mix.stems_to(stems, tail_s=tail)
    project = None if reaper is None else mix.export_reaper(reaper, tail_s=tail)
    result: dict[str, Any] = {
        "mix": str(path),
        "tracks": len(mix.tracks),
        "sections": len(mix.sections),
        **_measure(path),
        "stems": {name: str(stem) for name, stem in written.items()},
        "project": None if project is None else str(project),
    }
    text = f"{path}: {len(mix.tracks)} tracks, {result['duration_s']:.1f} s"
    if result["loudness_lufs"] is None:
        text += ", silent"
    else:
        text += f", {result['loudness_lufs']:.1f} LUFS, peak {result['peak_dbfs']:+.1f} dBFS"
    if output is None and stems is None and (session.parent / "report.html").exists():
        text += f"\nreport.html and stems/ there are of the mix before; --stems {session.parent / 'stems'} renews stems"
    if written:
        text += f"\n{stems}: {len(written)} stems"
    if project:
        text += f"\n{project}: opens in REAPER"
    emit(result, as_json, text)


def _measure(path: Path) -> dict[str, float | int | None]:
    """Loudness and sample peak of the file as it was written; None for silence."""
    import math

    from fxrep.audio import SILENCE_LUFS, LoudnessStream, audio_info, iter_blocks

    info = audio_info(path)
    meter, peak = LoudnessStream(info.sample_rate), 0.0
    for block in iter_blocks(path, 10.0):
        meter.add(block)
        peak = max(peak, float(block.abs().max()))
    loudness = meter.loudness()
    return {
        "sample_rate": info.sample_rate,
        "duration_s": meter.frames / info.sample_rate,
        "loudness_lufs": loudness if loudness > SILENCE_LUFS else None,
        "peak_dbfs": 20 * math.log10(peak) if peak else None,
    }

"""The model card of a classical mixer, from what was measured when it was fitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automix.classical.linear_model import LinearModel


def write_card(folder: Path, model: LinearModel) -> None:
    """Write ``README.md`` beside the model."""
    (folder / "README.md").write_text(_card(folder, model), encoding="utf-8")


def _card(folder: Path, model: LinearModel) -> str:
    about = model.about
    rows = [("songs left out in turn", about["songs"], about["tracks"], about["left_out"])]
    if test := about.get("test"):
        rows.append((f"split {test['split']}, never fitted to", test["songs"], test["tracks"], test))
    lines = [
        "---",
        f"license: {about['licence'].lower()}",
        "library_name: fxrep",
        "tags: [audio, music-mixing, linear-regression]",
        "---",
        "",
        "# Classical mixer",
        "",
        "Sets the levels of tracks by a linear model of their acoustic features, after Scott and Kim (ISMIR 2011).",
        f"Made with fxrep {about['fxrep']}; {len(model.weights)} weights, readable in `model.json`: `weights[i]` is",
        "how many dB a track goes up when `features[i]` is one `scale[i]` above the mean of the song's tracks.",
        "",
        "```python",
        "from automix import automix",
        "",
        'result = automix("song/", method="classical")',
        'result.details["decisions"]  # each gain with its strongest reasons',
        "```",
        "",
        "## Fitted to",
        "",
        f"{about['songs']} songs with {about['tracks']} tracks (split {about['split'] or 'all'}), {about['passages']} "
        f"passages of 5 s of each on average, seed {about['seed']}; ridge penalty {model.ridge:g} a track, chosen by "
        "the songs left out.",
        "The gain of a track is what brings it from -24 LUFS to its level in the mix, which here is the sum of the",
        "stems. Position, spectrum and dynamics are not learnt.",
        "",
        "## Measured",
        "",
        "Error of gains relative to the song's mean, in dB, over all tracks:",
        "",
        "| songs | tracks | model RMS | equal loudness RMS | model mean | equal loudness mean |",
        "|---|---|---|---|---|---|",
    ]
    for name, songs, tracks, errors in rows:
        own, other = errors["model"], errors["equal_loudness"]
        lines.append(
            f"| {songs} ({name}) | {tracks} | {own['rms_db']:.2f} | {other['rms_db']:.2f} | {own['mean_db']:.2f} "
            f"| {other['mean_db']:.2f} |"
        )
    lines += ["", "The penalty was chosen by the first row, which is flattering to that extent.", "", "## Data", ""]
    return "\n".join([*lines, *_data(about["data"])]) + "\n"


def _data(data: dict[str, Any]) -> list[str]:
    lines = [f"{data['songs']} songs, {data['hours']:g} hours of tracks, by artists under each licence:", ""]
    return lines + [f"- {licence}: {', '.join(artists)}" for licence, artists in data["artists"].items()]

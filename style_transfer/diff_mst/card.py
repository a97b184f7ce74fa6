"""The model card of a controller."""

from __future__ import annotations

from typing import Any

from encoders.model_card import measurements, table

_CARD = """\
---
license: {licence_id}
library_name: fxrep
tags: [audio, audio-effects, music-mixing, style-transfer]
---

# {name}

A controller for mixing in the style of a reference song: it hears dry tracks and a mix, and sets the console
"{console}" so that the tracks sound like the mix. Made with fxrep {version}; {parameters:,} parameters.

```python
from style_transfer import transfer

result = transfer(["drums.wav", "bass.wav", "vocals.wav"], "reference.wav", method="diff_mst", model="{name}")
result.save("mix")  # mix.wav, console.json, stems, report.html
```

## Audio

Tracks at {track_lufs:g} LUFS and references at -16 LUFS, {sample_rate} Hz, heard in windows of {window_s:g} s in which
they sound; any number of tracks, mono or stereo, in any order.

## What it hears

{hears}

## Training

{training}

## Measured

{measured}

## Limits

One setting of the console for the whole of a song, or for each section that is named. It knows the music it was trained
on, and mixes that the console can make: where the reference was made by other means, it is met half way.

Weights: {licence}. Fingerprint `{fingerprint}`.
"""


def controller_card(config: dict[str, Any], metadata: dict[str, Any], parameters: int) -> str:
    """The text of README.md: what the controller is, how it was trained, and what was measured.

    Args:
        config: the release's ``config.json``.
        metadata: ``{"training": {…}, "metrics": {…}}``; whatever is there is shown, nothing is made up.
        parameters: number of weights, without those of an encoder that is only named.
    """
    audio = config["audio"]
    return _CARD.format(
        licence_id=config["licence"].lower(),
        licence=config["licence"],
        name=config["name"],
        version=config["fxrep"],
        parameters=parameters,
        console=audio["console"],
        track_lufs=audio["track_lufs"],
        sample_rate=audio["sample_rate"],
        window_s=audio["window_s"],
        hears=_hears(config["controller"]["init_args"]["conditioning"]),
        training=table(metadata.get("training", {}), "Nothing about its training was recorded."),
        measured=measurements(metadata),
        fingerprint=config["fingerprint"][:16],
    )


def _hears(conditioning: dict[str, Any]) -> str:
    arguments = conditioning["init_args"]
    if "encoder" not in arguments:
        return "Spectrograms of tracks and reference, by encoders of its own."
    encoder = arguments["encoder"]
    what = f"the encoder `{encoder}`" if isinstance(encoder, str) else f"an `{encoder['class_path'].split('.')[-1]}`"
    parts = [
        f"Effect embeddings of tracks and reference by {what}, {'tuned with it' if arguments['tuned'] else 'frozen'}"
    ]
    parts += ["production features of both"] if arguments["production"] else []
    parts += ["a fit of the spectrum of the reference by those of the tracks"] if arguments["fit"] else []
    parts += ["the embedding of each track inside the reference"] if arguments["queries"] else []
    return "; ".join(parts) + "."

"""The model card of a mixing console's network."""

from __future__ import annotations

from typing import Any

from encoders.model_card import measurements, table

_CARD = """\
---
license: {licence_id}
library_name: fxrep
tags: [audio, audio-effects, music-mixing, automatic-mixing]
---

# {name}

An automatic mixing engineer: it hears dry tracks and sets the console "{console}" for them. Made with fxrep {version};
{parameters:,} parameters.

```python
from automix import automix

result = automix(["drums.wav", "bass.wav", "vocals.wav"], method="dmc", model="{name}")
result.save("mix")  # mix.wav, console.json, stems, report.html
```

## Audio

Tracks at {track_lufs:g} LUFS, {sample_rate} Hz, heard in windows of {window_s:g} s in which they sound; any number of
tracks, mono or stereo, in any order.

## What it hears and sets

{hears}

It sets {sets}. {style}

## Training

{training}

## Measured

{measured}

## Limits

One setting of the console for the whole of a song. It knows the music it was trained on, and mixes as that was mixed.

Weights: {licence}. Fingerprint `{fingerprint}`.
"""


def dmc_card(config: dict[str, Any], metadata: dict[str, Any], parameters: int) -> str:
    """The text of README.md: what the model is, how it was trained, and what was measured.

    Args:
        config: the release's ``config.json``.
        metadata: ``{"training": {…}, "metrics": {…}}``; whatever is there is shown, nothing is made up.
        parameters: number of weights, without those of an encoder that is only named.
    """
    audio, arguments = config["audio"], config["dmc"]["init_args"]
    sets = arguments["sets"]
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
        hears=_hears(arguments["encoder"]) + _told(audio.get("instruments", False)),
        sets="every setting of the console" if sets is None else ", ".join(f"`{one}`" for one in sets),
        style="It mixes in the style of recordings where some are given." if audio["style"] else "It takes no style.",
        training=table(metadata.get("training", {}), "Nothing about its training was recorded."),
        measured=measurements(metadata),
        fingerprint=config["fingerprint"][:16],
    )


def _told(instruments: bool) -> str:
    return " It is told what plays, guessed from the names of the tracks or given." if instruments else ""


def _hears(encoder: dict[str, Any]) -> str:
    arguments = encoder["init_args"]
    if "encoder" not in arguments:
        return "Mel spectrograms of the tracks, by a network of its own."
    given = arguments["encoder"]
    what = f"the encoder `{given}`" if isinstance(given, str) else f"an `{given['class_path'].split('.')[-1]}`"
    parts = [f"Effect embeddings by {what}, frozen"] if arguments["embedding"] else []
    parts += ["production features of the tracks"] if arguments["production"] else []
    parts += ["spectrum and course of each track in fifteen numbers"] if arguments.get("sound") else []
    told = "; ".join(parts)
    return f"{told[0].upper()}{told[1:]}."

"""The model card of a stem autoencoder."""

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

A stem autoencoder: it processes raw tracks by what it learnt of their group of instruments. Made with fxrep {version};
{parameters:,} parameters.

```sh
fxrep mix song/ --method stem_autoencoder --model {name} -o OUT/   # or the path of this folder
```

## Groups

{groups}. The instrument of a track is guessed from its name or given with `--instrument NAME=KIND`; what has no group
is left as it is.

## Audio

Tracks at {track_lufs:g} LUFS and {sample_rate} Hz, each side by itself; other levels and rates are converted. Of
frames of 2048 samples, 1024 apart, the magnitudes are processed; the phase is that of the track. Levels and places are
not touched: the mix is the sum of the processed tracks at one loudness.

## Training

{training}

## Measured

{measured}

## Limits

A frame knows nothing of those before it: reverberation, echoes and slow compression cannot be learnt. Where the targets
were generated, which the training says above, the model has learnt those settings and no engineer's taste.

Weights: {licence}. Fingerprint `{fingerprint}`.
"""


def stem_autoencoder_card(config: dict[str, Any], metadata: dict[str, Any], parameters: int) -> str:
    """The text of README.md: what the model is, how it was trained, and what was measured.

    Args:
        config: the release's ``config.json``.
        metadata: ``{"training": {…}, "metrics": {…}}``; whatever is there is shown, nothing is made up.
        parameters: number of weights.
    """
    audio = config["audio"]
    return _CARD.format(
        groups=audio["groups"],
        track_lufs=audio["track_lufs"],
        sample_rate=audio["sample_rate"],
        licence_id=config["licence"].lower(),
        licence=config["licence"],
        name=config["name"],
        version=config["fxrep"],
        parameters=parameters,
        training=table(metadata.get("training", {}), "Nothing about its training was recorded."),
        measured=measurements(metadata),
        fingerprint=config["fingerprint"][:16],
    )

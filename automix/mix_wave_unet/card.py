"""The model card of a Mix-Wave-U-Net."""

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

A Mix-Wave-U-Net: it takes the tracks of a song and gives its mix. Made with fxrep {version}; {parameters:,} parameters.

```sh
fxrep mix song/ --method mix_wave_unet --model {name} -o OUT/   # or the path of this folder
```

## The order of the tracks

The network knows a track by its place alone. Its {count} slots are, in this order: {slots}.

Tracks go to the slot of their instrument, which is guessed from their names or given with `--instrument NAME=KIND`;
several of one slot are summed there, a slot without a track is silent. With `in_order` tracks are taken by their place,
and another number or order is an error.

## Audio

Tracks at {track_lufs:g} LUFS and {sample_rate} Hz, {sides}; other levels and rates are converted. A sample of the mix
depends on {reach:,} samples before it and as many after it ({reach_s:.2f} s).

## Training

{training}

## Measured

{measured}

## Limits

It renders and has no settings: what it did cannot be read or edited. What it learnt is the taste of the mixes named
above.

Weights: {licence}. Fingerprint `{fingerprint}`.
"""


def mix_wave_unet_card(config: dict[str, Any], metadata: dict[str, Any], parameters: int) -> str:
    """The text of README.md: what the model is, how it was trained, and what was measured.

    Args:
        config: the release's ``config.json``.
        metadata: ``{"training": {…}, "metrics": {…}}``; whatever is there is shown, nothing is made up.
        parameters: number of weights.
    """
    audio, arguments = config["audio"], config["mix_wave_unet"]["init_args"]
    return _CARD.format(
        slots=audio["slots"],
        count=len(arguments["slots"]),
        track_lufs=audio["track_lufs"],
        sample_rate=audio["sample_rate"],
        sides="both sides" if audio["stereo"] else "the half sum of both sides",
        reach=audio["reach"],
        reach_s=audio["reach"] / audio["sample_rate"],
        licence_id=config["licence"].lower(),
        licence=config["licence"],
        name=config["name"],
        version=config["fxrep"],
        parameters=parameters,
        training=table(metadata.get("training", {}), "Nothing about its training was recorded."),
        measured=measurements(metadata),
        fingerprint=config["fingerprint"][:16],
    )

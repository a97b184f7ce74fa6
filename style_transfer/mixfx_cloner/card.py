"""The model card of a cloner."""

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

A MixFXcloner: it gives a stem the processing of a reference, whatever either plays. Made with fxrep {version};
{parameters:,} parameters.

```python
from style_transfer.mixfx_cloner import load_cloner

cloner = load_cloner("{name}")  # or the path of this folder
cloner.render_stem("bass.wav", 44100, "reference_bass.wav", "bass_in_its_style.wav")
```

## Audio

Stems, mono or stereo, at {input_lufs:g} LUFS and {sample_rate} Hz; other levels and rates are converted. References at
-16 LUFS. A sample of the output depends on {receptive_field:,} samples of the stem ({receptive_s:.2f} s).

## What it hears of the reference

An effect embedding of {dim} numbers, by {encoder}.

## Training

{training}

## Measured

{measured}

## Limits

It renders and has no settings: what it did cannot be read or edited. It was trained on the effects and the music named
above; a stem that was processed already is to be normalised first.

Weights: {licence}. Fingerprint `{fingerprint}`.
"""


def cloner_card(config: dict[str, Any], metadata: dict[str, Any], parameters: int) -> str:
    """The text of README.md: what the cloner is, how it was trained, and what was measured.

    Args:
        config: the release's ``config.json``.
        metadata: ``{"training": {…}, "metrics": {…}}``; whatever is there is shown, nothing is made up.
        parameters: number of weights, without those of an encoder that is only named.
    """
    audio, encoder = config["audio"], config["cloner"]["init_args"]["encoder"]
    return _CARD.format(
        **audio,
        receptive_s=audio["receptive_field"] / audio["sample_rate"],
        encoder=f"the encoder `{encoder}`"
        if isinstance(encoder, str)
        else f"an `{encoder['class_path'].split('.')[-1]}`",
        licence_id=config["licence"].lower(),
        licence=config["licence"],
        name=config["name"],
        version=config["fxrep"],
        parameters=parameters,
        training=table(metadata.get("training", {}), "Nothing about its training was recorded."),
        measured=measurements(metadata),
        fingerprint=config["fingerprint"][:16],
    )

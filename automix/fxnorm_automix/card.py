"""The model card of an FxNorm-automix network."""

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

FxNorm-automix: it mixes tracks that are normalised first, by undoing the normalisation. Made with fxrep {version};
{parameters:,} parameters.

```python
from automix import automix

automix("tracks/", method="fxnorm_automix", model="{name}").save("mix")  # a name that ships, or this folder
```

## Audio

{sample_rate} Hz; tracks of other rates are converted, and the mix is converted back. Tracks are normalised by
instrument ({normalization}) and added up to stereo stems in this order, which the network knows them by:

{stems}

## Training

{training}

## Measured

{measured}

## Limits

It renders and has no settings: what it did cannot be read or edited, only its stems. It listens to the whole song, and
to instruments by what they are called. Its filters are {taps} samples long, so that it cannot tell tones below
{lowest_hz:.0f} Hz apart. `validation/loss_ratio` under 1 is nearer to the mix than tracks at equal loudness by its own
loss; other measures can tell otherwise, see the documentation.

Weights: {licence}. Fingerprint `{fingerprint}`.
"""


def fxnorm_card(config: dict[str, Any], metadata: dict[str, Any], parameters: int) -> str:
    """The text of README.md: what the network is, how it was trained, and what was measured.

    Args:
        config: the release's ``config.json``.
        metadata: ``{"training": {…}, "metrics": {…}}``; whatever is there is shown, nothing is made up.
        parameters: number of weights.
    """
    audio, arguments = config["audio"], config["fxnorm_automix"]["init_args"]
    lines = (f"{place}. {stem}" for place, stem in enumerate(audio["stems"], start=1))
    return _CARD.format(
        sample_rate=audio["sample_rate"],
        normalization=", ".join(audio["normalization"]),
        stems="\n".join(lines),
        taps=arguments["taps"],
        lowest_hz=audio["sample_rate"] / arguments["taps"],
        licence_id=config["licence"].lower(),
        licence=config["licence"],
        name=config["name"],
        version=config["fxrep"],
        parameters=parameters,
        training=table(metadata.get("training", {}), "Nothing about its training was recorded."),
        measured=measurements(metadata),
        fingerprint=config["fingerprint"][:16],
    )

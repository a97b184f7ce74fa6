"""The model card and the licence text of a release, made from what training recorded."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

_CARD = """\
---
license: {licence_id}
library_name: fxrep
tags: [audio, audio-effects, music-mixing, contrastive-learning]
---

# {name}

An effect encoder: it maps stereo audio to {dim} numbers of unit length that tell how the audio was processed,
not what is played. Made with fxrep {version}; {parameters:,} parameters.

```python
import fxrep

encoder = fxrep.load_encoder("{name}")  # or the path of this folder
embedding = encoder.embed("song.wav")  # ({dim},), the same every time
```

## Audio

{sample_rate} Hz, two channels (mono is copied to both). Recordings are read in windows of {window_s:g} s, {hop_s:g} s
apart, the last aligned to the end; silent windows are left out and the rest is averaged.

## Training

{training}

## Measured

{measured}

## Limits

What was measured above holds for the data named above. Embeddings of one encoder cannot be compared with those of
another: an index stores the fingerprint `{fingerprint}`.

Weights: {licence}.
"""


def model_card(config: dict[str, Any], metadata: dict[str, Any], parameters: int) -> str:
    """The text of README.md: what the encoder is, how it was trained, and what was measured.

    Args:
        config: the release's ``config.json``.
        metadata: ``{"training": {…}, "metrics": {…}}``; whatever is there is shown, nothing is made up.
        parameters: number of weights.
    """
    audio = config["audio"]
    return _CARD.format(
        licence_id=config["licence"].lower(),
        licence=config["licence"],
        name=config["name"],
        version=config["fxrep"],
        parameters=parameters,
        dim=audio["dim"],
        sample_rate=audio["sample_rate"],
        window_s=audio["window_s"],
        hop_s=audio["hop_s"],
        training=table(metadata.get("training", {}), "Nothing about its training was recorded."),
        measured=measurements(metadata),
        fingerprint=config["fingerprint"][:16],
    )


def licence_text(licence: str) -> str:
    """The licence's full text where the package has it (its own), else its SPDX name."""
    if licence != "Apache-2.0":
        return f"SPDX-License-Identifier: {licence}\n"
    beside = Path(__file__).parent.parent / "LICENSE"
    if beside.is_file():
        return beside.read_text(encoding="utf-8")
    try:
        text = importlib.metadata.distribution("fxrep").read_text("licenses/LICENSE")
    except importlib.metadata.PackageNotFoundError:
        text = None
    return text or f"SPDX-License-Identifier: {licence}\n"


def measurements(metadata: dict[str, Any]) -> str:
    """Every evaluation under its command, then what training itself logged at the end."""
    parts = [
        f"### {name}\n\n```sh\n{result['command']}\n```\n\n{result['table']}"
        for name, result in metadata.get("evaluations", {}).items()
    ]
    logged = table(metadata.get("metrics", {}), "")
    if logged:
        parts.append(f"### Logged by the training on its validation songs\n\n{logged}")
    return "\n\n".join(parts) or "Nothing was measured."


def table(entries: dict[str, Any], otherwise: str) -> str:
    """Names and values as a table; `otherwise` where there is none."""
    rows = [f"| {name} | {_cell(value)} |" for name, value in _flat(entries)]
    return "\n".join(["| | |", "|---|---|", *rows]) if rows else otherwise


def _flat(entries: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in entries.items():
        if isinstance(value, dict):
            rows.extend(_flat(value, f"{prefix}{name}."))
        else:
            rows.append((f"{prefix}{name}", value))
    return rows


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")

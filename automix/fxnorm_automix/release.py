"""Release folders of FxNorm-automix: what `fxrep models export` writes and `load_fxnorm_automix` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). The averages of the normalisation are part of
``config.json``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from automix.fxnorm_automix.card import fxnorm_card
from automix.fxnorm_automix.groups import GROUPS
from automix.fxnorm_automix.mixer import FxNormAutomix
from encoders.model_releases import ReleaseKind
from encoders.registry import build_tree
from fxrep.errors import CheckpointError

_PACKAGES = ("encoders", "automix.fxnorm_automix")


def load_fxnorm_automix(
    model: str | os.PathLike[str] = "default",
    *,
    instruments: Mapping[str, str] | None = None,
    device: str | torch.device = "cpu",
) -> FxNormAutomix:
    """Open a release, ready to render (evaluation mode).

    Args:
        model: "default", a name that `list_fxnorm_automix` gives, or a release folder.
        instruments: by track, what it is, for those whose names do not say it.
        device: where to put it; whole songs are rendered on the CPU.

    Raises:
        CheckpointError: no such release; or its files are missing, damaged, changed or of another format; or it takes
            other stems.
        ArgumentError: the name is none, or the device cannot be used.
    """
    mixer = FXNORM_AUTOMIX.load(model, device=device)
    mixer.instruments = dict(instruments or {})
    return mixer


def _self_contained(mixer: FxNormAutomix) -> FxNormAutomix:
    """The mixer such that its constructor tree and weights are all there is to know."""
    if mixer.normalizer is None:
        raise CheckpointError("the averages to normalise tracks to are missing: give the mixer its statistics")
    whole: FxNormAutomix = build_tree(mixer.config(), _PACKAGES)
    whole.load_state_dict(mixer.state_dict())
    return whole


def _audio_contract(mixer: FxNormAutomix) -> dict[str, Any]:
    normalizer = mixer.normalizer
    assert normalizer is not None
    return {
        "sample_rate": mixer.sample_rate,
        "channels": 2,
        "stems": list(GROUPS),
        "normalization": [step.name for step in normalizer.steps],
    }


FXNORM_AUTOMIX = ReleaseKind(
    name="fxnorm_automix",
    model=FxNormAutomix,
    packages=_PACKAGES,
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="fxnorm_automix",
    prefix="mixer.",
    made_by="fxrep train -c configs/automix/fxnorm_automix.yaml",
    self_contained=_self_contained,
    audio_contract=_audio_contract,
    card=fxnorm_card,
)

save_fxnorm_automix = FXNORM_AUTOMIX.save
export_fxnorm_automix = FXNORM_AUTOMIX.export
describe_fxnorm_automix = FXNORM_AUTOMIX.describe
list_fxnorm_automix = FXNORM_AUTOMIX.list

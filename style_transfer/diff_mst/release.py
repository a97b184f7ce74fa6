"""Release folders of controllers: what `fxrep models export` writes and `load_controller` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). A frozen encoder that ships with the package is
named in ``config.json`` with its fingerprint; any other one, and a tuned one, is part of the weights.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from encoders.model_releases import ReleaseKind, name_encoder
from encoders.registry import build_tree
from style_transfer.diff_mst.card import controller_card
from style_transfer.diff_mst.embedding_conditioning import EmbeddingConditioning
from style_transfer.diff_mst.model import DiffMST

_PACKAGES = ("encoders", "style_transfer.diff_mst")


def _self_contained(model: DiffMST) -> DiffMST:
    """The model such that its constructor tree and weights are all there is to know."""
    conditioning, tree = model.conditioning, copy.deepcopy(model.config())
    if not isinstance(conditioning, EmbeddingConditioning):
        return model
    name_encoder(tree["init_args"]["conditioning"]["init_args"], conditioning.encoder, conditioning.frozen)
    whole: DiffMST = build_tree(tree, _PACKAGES)
    assert isinstance(whole.conditioning, EmbeddingConditioning)
    whole.load_state_dict(model.state_dict(), strict=False)
    whole.conditioning.encoder.load_state_dict(conditioning.encoder.state_dict())
    return whole


def _audio_contract(model: DiffMST) -> dict[str, Any]:
    return {
        "sample_rate": model.sample_rate,
        "window_s": model.window_s,
        "track_lufs": model.track_lufs,
        "console": model.console.name,
    }


CONTROLLER = ReleaseKind(
    name="controller",
    model=DiffMST,
    packages=_PACKAGES,
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="diff_mst",
    prefix="model.",
    made_by="fxrep train",
    self_contained=_self_contained,
    audio_contract=_audio_contract,
    card=controller_card,
)

save_controller = CONTROLLER.save
load_controller = CONTROLLER.load
export_controller = CONTROLLER.export
describe_controller = CONTROLLER.describe
list_controllers = CONTROLLER.list
take_weights = CONTROLLER.take_weights

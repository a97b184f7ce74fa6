"""Release folders of cloners: what `fxrep models export` writes and `load_cloner` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). An encoder that ships with the package is named in
``config.json`` with its fingerprint; any other one is part of the weights.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from encoders.model_releases import ReleaseKind, name_encoder
from encoders.registry import build_tree
from style_transfer.mixfx_cloner.card import cloner_card
from style_transfer.mixfx_cloner.cloner import MixFXCloner

_PACKAGES = ("encoders", "style_transfer.mixfx_cloner")


def _self_contained(cloner: MixFXCloner) -> MixFXCloner:
    """The cloner such that its constructor tree and weights are all there is to know."""
    tree = copy.deepcopy(cloner.config())
    name_encoder(tree["init_args"], cloner.encoder)
    whole: MixFXCloner = build_tree(tree, _PACKAGES)
    whole.network.load_state_dict(cloner.network.state_dict())
    whole.encoder.load_state_dict(cloner.encoder.state_dict())
    return whole


def _audio_contract(cloner: MixFXCloner) -> dict[str, Any]:
    return {
        "sample_rate": cloner.sample_rate,
        "input_lufs": cloner.input_lufs,
        "receptive_field": cloner.network.receptive_field,
        "window_s": cloner.encoder.window_s,
        "dim": cloner.encoder.dim,
    }


CLONER = ReleaseKind(
    name="cloner",
    model=MixFXCloner,
    packages=_PACKAGES,
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="mixfx_cloner",
    prefix="cloner.",
    made_by="fxrep train -c configs/style_transfer/mixfx_cloner.yaml",
    self_contained=_self_contained,
    audio_contract=_audio_contract,
    card=cloner_card,
)

save_cloner = CLONER.save
load_cloner = CLONER.load
export_cloner = CLONER.export
describe_cloner = CLONER.describe
list_cloners = CLONER.list

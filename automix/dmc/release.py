"""Release folders of mixing consoles' networks: what `fxrep models export` writes and `load_dmc` opens. No pickles.

The files are those of an encoder's release (`encoders.checkpoints`). An effect encoder that ships with the package is
named in ``config.json`` with its fingerprint; any other one is part of the weights.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from automix.dmc.card import dmc_card
from automix.dmc.embedding_encoder import EmbeddingTrackEncoder
from automix.dmc.model import DifferentiableMixingConsole
from encoders.model_releases import ReleaseKind, name_encoder
from encoders.registry import build_tree
from fxrep.errors import ArgumentError

_PACKAGES = ("encoders", "automix.dmc")


def load_dmc(
    model: str | os.PathLike[str] = "default",
    *,
    style: Any = None,
    instruments: Mapping[str, str] | None = None,
    device: str | torch.device = "cpu",
) -> DifferentiableMixingConsole:
    """Open a released model, ready to estimate (evaluation mode).

    Args:
        model: "default", a name that `list_dmc` gives, or a release folder.
        style: in whose style it mixes: a recording, several, a folder of them, or an embedding (D,) by the encoder of
            the model; None: as it learnt to mix.
        instruments: what tracks are, by name, for those that are not to be guessed from their names.
        device: where to put it.

    Raises:
        CheckpointError: no such release; or its files are missing, damaged, changed or of another format; or it stands
            on an encoder that is not there.
        ArgumentError: the name is none, the device cannot be used, or the model takes no such style, or no instruments.
        AudioError: a recording of the style cannot be used.
    """
    from automix.styles import read_style

    opened = DMC.load(model, device=device)
    if instruments is not None:
        if not opened.takes_instruments:
            raise ArgumentError(f"the dmc {model} was not told instruments in training: leave instruments out")
        opened.instruments = dict(instruments)
    if style is not None:
        opened.set_style(read_style(style, opened.sample_rate))
    return opened


def _self_contained(model: DifferentiableMixingConsole) -> DifferentiableMixingConsole:
    """The model such that its constructor tree and weights are all there is to know."""
    encoder, tree = model.encoder, copy.deepcopy(model.config())
    if not isinstance(encoder, EmbeddingTrackEncoder):
        return model
    name_encoder(tree["init_args"]["encoder"]["init_args"], encoder.encoder)
    whole: DifferentiableMixingConsole = build_tree(tree, _PACKAGES)
    assert isinstance(whole.encoder, EmbeddingTrackEncoder)
    whole.load_state_dict(model.state_dict(), strict=False)
    whole.encoder.encoder.load_state_dict(encoder.encoder.state_dict())
    return whole


def _audio_contract(model: DifferentiableMixingConsole) -> dict[str, Any]:
    return {
        "sample_rate": model.sample_rate,
        "window_s": model.window_s,
        "track_lufs": model.track_lufs,
        "console": model.console.name,
        "style": bool(model.style_dim),
        "instruments": model.takes_instruments,
    }


DMC = ReleaseKind(
    name="dmc",
    model=DifferentiableMixingConsole,
    packages=_PACKAGES,
    pretrained=Path(__file__).parents[1] / "pretrained",
    default="dmc_console",
    prefix="model.",
    made_by="fxrep train",
    self_contained=_self_contained,
    audio_contract=_audio_contract,
    card=dmc_card,
)

save_dmc = DMC.save
export_dmc = DMC.export
describe_dmc = DMC.describe
list_dmc = DMC.list
take_weights = DMC.take_weights

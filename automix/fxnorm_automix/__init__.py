"""FxNorm-automix: tracks are normalised, and a network that learnt to undo the normalisation of mixes mixes them."""

from __future__ import annotations

from automix.fxnorm_automix.groups import GROUPS
from automix.fxnorm_automix.losses import FxNormLoss
from automix.fxnorm_automix.mixer import FxNormAutomix
from automix.fxnorm_automix.network import PUBLISHED, SMALL, FxNormNetwork
from automix.fxnorm_automix.release import (
    describe_fxnorm_automix,
    export_fxnorm_automix,
    list_fxnorm_automix,
    load_fxnorm_automix,
    save_fxnorm_automix,
)

__all__ = [
    "GROUPS",
    "PUBLISHED",
    "SMALL",
    "FxNormAutomix",
    "FxNormLoss",
    "FxNormNetwork",
    "describe_fxnorm_automix",
    "export_fxnorm_automix",
    "list_fxnorm_automix",
    "load_fxnorm_automix",
    "save_fxnorm_automix",
]

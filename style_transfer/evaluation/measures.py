"""How far a mix is from the one it is compared with."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from fxrep.audio import normalize_loudness
from fxrep.errors import AudioError
from fxrep.losses import ProductionStyleLoss, StftLoss
from fxrep.losses.production_features import TERMS
from fxrep.metrics import FAMILIES, feature_errors
from fxrep.mixing.recordings import REFERENCE_LUFS
from style_transfer.evaluation.items import MixItem
from style_transfer.evaluation.mixers import Answer
from style_transfer.evaluation.settings_error import WHAT_IS_HEARD, settings_errors

MEASURES = (
    ("settings", "settings_all", *WHAT_IS_HEARD, "mrstft", "style"),
    tuple(f"style_{term}" for term in TERMS),
    ("published",),
    tuple(f"mape_{family}" for family in FAMILIES),
)
"""What `measure_answer` gives, by kind."""


@torch.no_grad()
def measure_answer(item: MixItem, answer: Answer, sample_rate: int, track_lufs: float = -24.0) -> dict[str, float]:
    """Every measure of one mix, lower is better; NaN for what cannot be told.

    Both mixes are brought to -16 LUFS: how loud the whole is, is no style.

    Args:
        item: what was asked for.
        answer: of a system.
        sample_rate: Hz.
        track_lufs: loudness of the tracks before the console of the known settings.

    Returns:
        ``settings``, ``settings_all``, ``eq_db``, …, see `settings_errors`, where known and of the same console;
        ``mrstft``, multi-resolution STFT distance, where the content is the same; ``style``, the production-style loss
        in its corrected form, with its terms ``style_rms``, …; ``published``, the same in the published form;
        ``mape_spectrum``, … in per cent, see `feature_errors`, over time where the content is the same.
    """
    mix, target = (normalize_loudness(audio[None], sample_rate, REFERENCE_LUFS) for audio in (answer.mix, item.target))
    found = dict.fromkeys((name for group in MEASURES for name in group), float("nan"))
    same_content = item.truth is not None
    if item.truth is not None and answer.settings is not None:
        console = answer.settings.console
        if console.name == item.truth.console.name:
            found |= settings_errors(answer.settings, item.truth, sample_rate, track_lufs)
    if same_content:
        found["mrstft"] = float(_stft()(mix, target))
    corrected, published = _style(sample_rate)
    terms = corrected.terms(mix, target)
    found["style"] = float(sum(terms.values()))
    found |= {f"style_{name}": float(value) for name, value in terms.items()}
    if mix.shape[-1] > _PUBLISHED_SAMPLES:
        found["published"] = float(published(mix, target))
    return found | _families(mix[0], target[0], sample_rate, same_content)


_PUBLISHED_SAMPLES = 16384


def _families(mix: Tensor, target: Tensor, sample_rate: int, aligned: bool) -> dict[str, float]:
    try:
        errors = feature_errors(mix.numpy(), target.numpy(), sample_rate, aligned)
    except AudioError:
        # A silent mix has no features; the production-style loss tells how wrong it is.
        return {}
    return {f"mape_{family}": errors[family] for family in FAMILIES}


@lru_cache(maxsize=2)
def _style(sample_rate: int) -> tuple[ProductionStyleLoss, ProductionStyleLoss]:
    return ProductionStyleLoss(sample_rate), ProductionStyleLoss(sample_rate, "published")


@lru_cache(maxsize=1)
def _stft() -> StftLoss:
    return StftLoss()

"""Which classes a release may name, and building one from its constructor tree."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

from encoders.base import EffectEncoder
from encoders.configurable import Configurable
from fxrep.errors import CheckpointError

ENCODERS: dict[str, str] = {
    "afx_rep": "encoders.afx_rep.AFxRepEncoder",
    "band_split": "encoders.band_split_encoder.BandSplitEncoder",
    "chain_predictor": "encoders.chain_predictor.ChainPredictor",
    "content": "encoders.content_encoder.ContentEncoder",
    "fx_encoder": "encoders.fx_encoder.FxEncoder",
    "fx_encoder_plus_plus": "encoders.fx_encoder_plus_plus.FxEncoderPlusPlus",
    "fx_encoder_plus_plus_body": "encoders.fx_encoder_plus_plus_body.FxEncoderPlusPlusBody",
    "listening": "encoders.listening_encoder.ListeningEncoder",
    "spectral": "encoders.spectral_encoder.SpectralEncoder",
}
"""Architectures by short name; the values are class paths, so that listing them loads none."""

# What constructors raise where a value is of the wrong type or size: a window of 0 samples is a division by zero.
_REFUSALS = (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError, MemoryError)

EXTRA_CLASSES: dict[str, type[EffectEncoder]] = {}
"""Encoders defined outside this package that a program allows releases to name: class path to class."""


def build_encoder(config: dict[str, Any]) -> EffectEncoder:
    """Build the encoder that a constructor tree describes, with fresh weights.

    Only `EffectEncoder`s and `Configurable`s defined in the package `encoders`, and those in `EXTRA_CLASSES`, are
    built: a release folder is data from strangers and must not choose what code runs.

    Args:
        config: ``{"class_path": …, "init_args": {…}}``; arguments may hold such trees themselves.

    Raises:
        CheckpointError: the tree names no allowed class, or arguments that the class refuses.
    """
    encoder = build_tree(config)
    if not isinstance(encoder, EffectEncoder):
        raise CheckpointError(f"{config.get('class_path')} is not an effect encoder")
    return encoder


def build_tree(config: dict[str, Any], packages: Sequence[str] = ("encoders",)) -> Any:
    """Build what a constructor tree describes, of `Configurable`s that are defined in the packages; else as above.

    Args:
        config: ``{"class_path": …, "init_args": {…}}``; arguments may hold such trees themselves.
        packages: where classes may come from.

    Raises:
        CheckpointError: see `build_encoder`.
    """
    class_path, arguments = config.get("class_path"), config.get("init_args", {})
    if not isinstance(class_path, str) or not isinstance(arguments, dict):
        raise CheckpointError('what is released is described by {"class_path": text, "init_args": {…}}')
    cls = _allowed_class(ENCODERS.get(class_path, class_path), packages)
    built = {name: build_tree(value, packages) if _is_tree(value) else value for name, value in arguments.items()}
    unknown = sorted(set(built) - set(inspect.signature(cls).parameters))
    if unknown:
        raise CheckpointError(f"{class_path} has no argument {', '.join(unknown)}")
    try:
        return cls(**built)
    except _REFUSALS as error:
        reason = " ".join(str(error).split())
        if isinstance(error, (ArithmeticError, LookupError)):  # whose text alone says little
            reason = f"{type(error).__name__}: {reason}"
        raise CheckpointError(f"{class_path} cannot be built from its arguments: {reason}") from error


def _is_tree(value: Any) -> bool:
    return isinstance(value, dict) and "class_path" in value


def _allowed_class(class_path: str, packages: Sequence[str]) -> type:
    if class_path in EXTRA_CLASSES:
        return EXTRA_CLASSES[class_path]
    module, _, name = class_path.rpartition(".")
    roots = tuple(f"{package}." for package in packages)
    if not module.startswith(roots):
        raise CheckpointError(
            f"class_path {class_path!r} is not an encoder of this package: known are {', '.join(sorted(ENCODERS))}"
        )
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise CheckpointError(f"class_path {class_path!r} does not exist in this version of fxrep") from error
    if not (isinstance(found, type) and issubclass(found, Configurable) and found.__module__.startswith(roots)):
        raise CheckpointError(f"class_path {class_path!r} is not an encoder of this package")
    return found

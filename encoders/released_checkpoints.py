"""Released weights of other projects, by path, as a release folder of this one."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from encoders.base import EffectEncoder
from encoders.checkpoints import save_encoder
from encoders.log_mel import LogMel
from encoders.release_folder import holds_release, load_weights
from encoders.released_formats import ReleasedFormat, released_format
from fxrep.errors import ArgumentError, CheckpointError
from fxrep.files import file_hash

_LISTED = 20
_FRONT_END = {
    "logmel_extractor.melW": lambda mel: mel.filters,
    "spectrogram_extractor.stft.conv_real.weight": lambda mel: _fourier(mel, torch.cos),
    "spectrogram_extractor.stft.conv_imag.weight": lambda mel: -_fourier(mel, torch.sin),
}


def import_released(
    checkpoint: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    format: str,
    *,
    embedding: str = "projection",
    clap: str | None = None,
    name: str | None = None,
    licence: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the release folder of an encoder whose weights another project released; `load_encoder` opens it.

    Every tensor of the encoder must be there, in its shape, and nothing unknown beside it. The weights of their Fourier
    transform and mel filters are compared with ours, so that a checkpoint of another front end is refused.

    Args:
        checkpoint: the file as it was released (PyTorch or Lightning), or its state_dict as ``.safetensors``.
        folder: where to write the release.
        format: ``"fx_encoder_plus_plus"`` or ``"afx_rep"``.
        embedding: of Fx-Encoder++: ``"projection"``, 128 values, or ``"body"``, the 2048 before it.
        clap: of Fx-Encoder++: folder of a CLAP model, for queries; see `encoders.queries.ClapQueries`.
        name: name on the model card; None for the folder's.
        licence: SPDX name of the weights' licence; None for what is known of the format.
        overwrite: replace a release that is there.

    Raises:
        ArgumentError: the format is unknown, or something is at `folder`: a release without `overwrite`, or anything
            else.
        CheckpointError: the file is missing, damaged, or not of that format; the message lists the tensors.
        OutputError: the folder cannot be written.
    """
    path, target = Path(checkpoint), Path(folder)
    known = released_format(format, embedding, clap)
    if holds_release(target) and not overwrite:
        raise ArgumentError(f"{target} holds a release already: choose another name, or replace it with --force")
    encoder = read_released(path, known)
    source = {"file": path.name, "sha256": file_hash(path), "format": known.name, "note": known.note}
    return save_encoder(
        encoder, target, name=name, metadata={"training": source}, licence=known.licence if licence is None else licence
    )


def read_released(path: Path, known: ReleasedFormat) -> EffectEncoder:
    """The encoder of a checkpoint of a known format, in evaluation mode.

    Raises:
        CheckpointError: see `import_released`.
    """
    tensors = _state_dict(path)
    front_end = {f"{known.front_end}{name}": expected for name, expected in _FRONT_END.items()}
    wanted = set(known.names.values())
    missing = sorted((wanted | set(front_end)) - set(tensors))
    extra = sorted(key for key in set(tensors) - wanted - set(front_end) if not key.startswith(known.beside))
    if missing or extra:
        parts = [f"lacks {_listed(missing)}"] * bool(missing) + [f"has unknown {_listed(extra)}"] * bool(extra)
        raise CheckpointError(f"{path} is no checkpoint of {known.name}: it {' and '.join(parts)}")
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in known.build().state_dict().items()}
    wrong = [
        f"{theirs} of {tuple(tensors[theirs].shape)}, expected {tuple(shapes[ours])}"
        for ours, theirs in known.names.items()
        if tensors[theirs].shape != shapes[ours]
    ]
    if wrong:
        raise CheckpointError(f"{path} is of another size: it has {_listed(wrong)}")
    encoder = known.build()
    _check_front_end(path, tensors, front_end, cast(LogMel, encoder.log_mel))
    own = encoder.state_dict()
    load_weights(
        encoder, {name: tensors[theirs].to(own[name].dtype) for name, theirs in known.names.items()}, str(path)
    )
    return encoder.eval()


def _check_front_end(
    path: Path, tensors: dict[str, Tensor], front_end: dict[str, Callable[[LogMel], Tensor]], mel: LogMel
) -> None:
    for name, expected_of in front_end.items():
        expected, found = expected_of(mel), tensors[name].float()
        scale = float(expected.abs().max())
        if found.shape != expected.shape or float((found - expected).abs().max()) > 1e-4 * scale:
            raise CheckpointError(
                f"{path} has another front end: {name} of {tuple(found.shape)} is not that of {mel.n_fft} samples and "
                f"{mel.filters.shape[1]} bands; only the released sizes can be imported"
            )


def _fourier(mel: LogMel, part: Callable[[Tensor], Tensor]) -> Tensor:
    """Rows of the windowed Fourier transform as convolution weights, (n_fft // 2 + 1, 1, n_fft)."""
    n_fft = mel.n_fft
    # Whole turns are taken off before the division: the products reach millions.
    turns = torch.outer(torch.arange(n_fft // 2 + 1), torch.arange(n_fft)) % n_fft
    return (part(2.0 * math.pi * turns.double() / n_fft) * mel.window.double()).float().unsqueeze(1)


def _state_dict(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}: give the file that was released")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    inner = content.get("state_dict", content)
    named = isinstance(inner, dict) and all(isinstance(key, str) for key in inner)
    if not named or not inner or not all(isinstance(value, Tensor) for value in inner.values()):
        raise CheckpointError(f"{path} holds no state_dict: give the file that was released")
    # Left by training on several GPUs.
    shared = "module." if all(name.startswith("module.") for name in inner) else ""
    return {name.removeprefix(shared): value for name, value in inner.items()}


def _read_safetensors(path: Path) -> dict[str, Any]:
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is truncated or damaged: {error}") from error


def _read_torch(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch.load raises errors of zipfile, pickle and its own. Their advice, to allow unpickling, is not passed on.
        raise CheckpointError(
            f"{path} cannot be read: it is damaged, or holds more than tensors and plain values; where you trust it, "
            "save its state_dict with safetensors.torch.save_file and give that file"
        ) from error
    return content if isinstance(content, dict) else {}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more

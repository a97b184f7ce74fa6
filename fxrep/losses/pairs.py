"""What every loss asks of the two mixes that it compares."""

from __future__ import annotations

import torch
from torch import Tensor

from fxrep.audio.layout import check_finite, check_layout
from fxrep.errors import AudioError


def check_pair(estimate: Tensor, reference: Tensor, equal_length: bool = False) -> tuple[Tensor, Tensor]:
    """Two batches of stereo mixes, in single precision or better.

    Args:
        estimate: (B, 2, T).
        reference: (B, 2, T'), as many mixes.
        equal_length: whether they have to be of one length.

    Raises:
        AudioError: another shape, no samples, as many mixes neither of the one as of the other, NaN or infinite values.
    """
    for name, audio in (("estimate", estimate), ("reference", reference)):
        check_layout(audio, name=name)
        if audio.ndim != 3 or audio.shape[1] != 2:
            raise AudioError(f"{name} has shape {tuple(audio.shape)}: expected stereo mixes, (batch, 2, samples)")
        check_finite(audio, name=name)
    if len(estimate) != len(reference) or (equal_length and estimate.shape != reference.shape):
        raise AudioError(
            f"estimate {tuple(estimate.shape)} and reference {tuple(reference.shape)}: expected as many mixes of the "
            f"one as of the other{', all of one length' if equal_length else ''}"
        )
    dtype = torch.float64 if torch.float64 in (estimate.dtype, reference.dtype) else torch.float32
    return estimate.to(dtype), reference.to(dtype)

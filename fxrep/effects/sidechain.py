"""Audio that drives the dynamics of other audio."""

from __future__ import annotations

import torch

from fxrep.errors import ArgumentError

# (B, channels, T); see `Processor.tensor_dims`.
SIDECHAIN_DIMS = {"sidechain": 3}


def check_sidechain(sidechain: torch.Tensor, audio: torch.Tensor, link: str) -> torch.Tensor:
    """Return the side chain for every item, on the device and in the dtype of the audio.

    Args:
        sidechain: (B or 1, 1 or 2, T). Without a link, mono drives all channels alike.
        audio: (B, C, T).
        link: of the channels.

    Raises:
        ArgumentError: it is no audio of the shape of the audio, holds NaN or infinite samples, or is an unlinked pair
            for mono audio.
    """
    if not isinstance(sidechain, torch.Tensor) or not sidechain.is_floating_point():
        raise ArgumentError(f"sidechain is {type(sidechain).__name__}; expected a floating-point tensor of audio")
    shape, wanted = tuple(sidechain.shape), tuple(audio.shape)
    fits = sidechain.dim() == 3 and shape[0] in (1, wanted[0]) and shape[1] in (1, 2) and shape[2] == wanted[2]
    if not fits:
        raise ArgumentError(f"sidechain has shape {shape}; expected ({wanted[0]}, 1 or 2, {wanted[2]}), as the audio")
    if link == "none" and shape[1] > wanted[1]:
        raise ArgumentError("sidechain has two channels and the audio one; link them with max or mean")
    if not bool(torch.isfinite(sidechain.detach()).all()):
        raise ArgumentError("sidechain holds NaN or infinite samples")
    return sidechain.to(audio.device, audio.dtype).expand(wanted[0], -1, -1)

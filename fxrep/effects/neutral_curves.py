"""Curves of the gain computer that do nothing, and what decides between attack and release for their gradient."""

from __future__ import annotations

import torch

# So steep that any distance beyond the threshold is too much; its product with 300 dB is a float32.
STEEPEST = 1e30


def neutral_items(slope: torch.Tensor, floor_db: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two masks (B,): the slope is 0 (ratio 1), and the floor is 0 dB (range 0). Either makes the gain 0 dB."""
    return slope == 0.0, floor_db == 0.0


def steering_curve(curve: torch.Tensor) -> torch.Tensor:
    """Return the curve (B, 5) that decides where the gain falls and where it rises: the same one, if it does anything.

    A curve that is neutral asks for 0 dB everywhere, and from that nobody can tell attack from release. What counts
    for the gradient there is the smallest step away from neutral. All such steps look alike, as the smoothed gain
    grows in proportion to the one asked for: a slope of -1 without a floor stands for any small slope, and a floor of
    -1 dB that is reached at once for any small range.

    Args:
        curve: (B, 5), see `fxrep.effects.gain_computer.GainCurve.curve`.
    """
    flat, shut = neutral_items(curve[:, 2], curve[:, 4])
    steering = curve.clone()
    steering[flat, 2], steering[flat, 4] = -1.0, -STEEPEST
    steering[shut, 2], steering[shut, 4] = -STEEPEST, -1.0
    return steering

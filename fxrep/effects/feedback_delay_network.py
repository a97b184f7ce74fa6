"""Feedback delay network."""

from __future__ import annotations

import functools

import torch

from fxrep.effects.damped_network import Circle, network_response
from fxrep.effects.parameters import Choice, Parameter
from fxrep.effects.reverberation import Reverb, reverberate
from fxrep.effects.seeds import check_seed
from fxrep.effects.settings import Setting, check_choice, check_input, read_settings

DELAY_NETWORK_TABLE = (
    Parameter("decay_s", "s", 0.1, 10.0, "log", 1.5),
    Parameter("damping", "", 0.0, 1.0, "linear", 0.5),
    Parameter("size", "", 0.25, 2.0, "log", 1.0),
    Parameter("diffusion", "", 0.0, 0.8, "linear", 0.6),
    Parameter("pre_delay_ms", "ms", 0.0, 200.0, "linear", 10.0),
    Parameter("mix", "", 0.0, 1.0, "linear", 0.0),
)
LINES = Choice("lines", ("8", "16"), "16")
NETWORK_SEED = 7919
# Shortest and longest line at size 1. Between them the lengths grow geometrically, each moved by chance by up to a
# quarter of the step to the next, so that no two echoes of the network fall together.
SHORTEST_S, LONGEST_S = 0.022, 0.079
JITTER = 0.25
# The all-pass inside a line is shorter than it by this share.
ALL_PASS_SHARE = 0.31


def feedback_delay_network(
    audio: torch.Tensor,
    sample_rate: int,
    *,
    decay_s: Setting = 1.5,
    damping: Setting = 0.5,
    size: Setting = 1.0,
    diffusion: Setting = 0.6,
    pre_delay_ms: Setting = 10.0,
    mix: Setting = 0.0,
    lines: str = "16",
    seed: int = NETWORK_SEED,
) -> torch.Tensor:
    """Add the reverberation of a room: delay lines that feed each other through an orthogonal matrix.

    After J.-M. Jot and A. Chaigne, "Digital Delay Networks for Designing Artificial Reverberators", AES 90 (1991):
    parallel lines, each a delay and an all-pass, and the Householder matrix I - (2 / N) 1 1^T from their outputs back
    to their inputs. Each channel of the audio meets the network alone; left and right read its lines with different
    signs. Losses are spread over all delays, see `damped_network`. The response ends at -90 dB and is scaled to unit
    energy.

    Args:
        audio: (B, C, T).
        sample_rate: Hz.
        decay_s: time to fall by 60 dB up to 500 Hz, 0.1 to 10 s.
        damping: 0 to 1: above 500 Hz the decay time falls geometrically, to (1 - 0.9 damping) decay_s at 16 kHz.
        size: of the room: the lines last 22 to 79 ms times this, 0.25 to 2.
        diffusion: gain of the all-passes, 0 (distinct echoes) to 0.8.
        pre_delay_ms: before the network, 0 to 200 ms.
        mix: 0 (the input, bit for bit) to 1 (only reverberation); a linear cross-fade.
        lines: how many, ``8`` or ``16``.
        seed: of the lengths of the lines and the signs of the outputs.

    Returns:
        (B, C, T); the tail beyond the input's length is cut.

    Raises:
        ArgumentError: a setting is out of range.
        AudioError: the audio is unusable.
    """
    check_input(audio, sample_rate)
    check_choice(LINES, lines)
    values = {"decay_s": decay_s, "damping": damping, "size": size, "diffusion": diffusion}
    columns = read_settings(audio, DELAY_NETWORK_TABLE, {**values, "pre_delay_ms": pre_delay_ms, "mix": mix})
    response = functools.partial(delay_network_response, sample_rate, lines=lines, seed=seed)
    return reverberate(audio, columns, response)


def delay_network_response(
    sample_rate: int,
    dtype: torch.dtype = torch.float32,
    *,
    lines: str = "16",
    seed: int = NETWORK_SEED,
    **columns: torch.Tensor,
) -> torch.Tensor:
    """Return the impulse responses (B, 2, K) with unit energy, for the settings but the mix as columns (B,) float64."""
    return network_response(
        functools.partial(_transfer, lines=int(lines), seed=check_seed(seed)), sample_rate, dtype, **columns
    )


def _transfer(circle: Circle, *, size: torch.Tensor, diffusion: torch.Tensor, lines: int, seed: int) -> torch.Tensor:
    """Solve x = D (A x + 1) for the outputs x of the lines and add them up with the signs of left and right.

    With the Householder matrix this has a closed form: g = D / (1 - D), x = g / (1 + (2 / N) sum of g).
    """
    seconds, signs = network_layout(lines, seed)
    delays = size.unsqueeze(-1) * (seconds * circle.sample_rate).to(size.device)
    gain = diffusion.to(circle.loss.dtype).unsqueeze(-1)
    sums: list[torch.Tensor] = []
    for number, (left, right) in enumerate(signs.T.tolist()):
        pair = torch.stack(((1.0 - ALL_PASS_SHARE) * delays[:, number], ALL_PASS_SHARE * delays[:, number]), -1)
        straight, inside = circle.delay(pair).unbind(1)
        # The line is the quotient of its first two parts, and it closes on itself.
        above, below = straight * (gain + inside), 1.0 + gain * inside
        comb = above / (below - above)
        if number:
            sums = [torch.add(total, comb, alpha=sign) for total, sign in zip(sums, (1.0, left, right), strict=True)]
        else:
            sums = [comb, left * comb, right * comb]
    return torch.stack(sums[1:], 1) / (1.0 + (2.0 / lines) * sums[0]).unsqueeze(1)


@functools.lru_cache(maxsize=16)
def network_layout(lines: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the lengths (lines,) in seconds at size 1 and the signs (2, lines) of left and right, both float64.

    The signs of each channel add up to 0, and so do the products of the two: at the lowest frequencies, where
    all lines agree, nothing piles up, and left and right are different rooms.
    """
    generator = torch.Generator().manual_seed(seed)
    moved = JITTER * (2.0 * torch.rand(lines, generator=generator, dtype=torch.float64) - 1.0)
    place = (torch.arange(lines, dtype=torch.float64) + moved) / (lines - 1)
    seconds = SHORTEST_S * (LONGEST_S / SHORTEST_S) ** place.clamp(0.0, 1.0)
    order = torch.randperm(lines, generator=generator)
    signs = torch.stack((1.0 - 2.0 * (order % 2), 1.0 - 2.0 * (order // 2 % 2))).double()
    return seconds, signs


class FeedbackDelayNetwork(Reverb):
    """A room of delay lines."""

    name = "feedback_delay_network"
    function = staticmethod(feedback_delay_network)
    response = staticmethod(delay_network_response)
    parameter_table = DELAY_NETWORK_TABLE
    seeded = True
    choices = (LINES,)

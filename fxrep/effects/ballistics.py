"""Attack and release: a one-pole smoother whose constant depends on the direction, with its exact gradient.

    y[n] = a[n] y[n-1] + (1 - a[n]) u[n],   a[n] = attack if u[n] < y[n-1], else release,   y[-1] = 0

`u` is a gain in dB, so "down" is the attack. Time constants are coefficients exp(-1 / (sample_rate tau)): after a
step, 1 - 1/e (63 %) of the way is done after tau seconds.

On the CPU this is a compiled loop. Elsewhere it is solved in parallel: for a fixed pattern of attack and release the
recursion is linear and a doubling scan solves it; the pattern that results is used again until it no longer changes.
Every round settles at least one further sample, and in practice a few rounds settle all.
"""

from __future__ import annotations

from typing import Any

import torch

from fxrep.effects.first_gradients import first_gradient_only
from fxrep.effects.kernels import compile_kernel


@compile_kernel
def _smooth_rows(target, attack, release, states, output):  # type: ignore[no-untyped-def]
    for row in range(target.shape[0]):
        fast, slow, value = attack[row], release[row], states[row]
        for i in range(target.shape[1]):
            wanted = target[row, i]
            falling, rising = fast * value + (1.0 - fast) * wanted, slow * value + (1.0 - slow) * wanted
            # Same as choosing the constant by direction, without waiting for the comparison.
            value = min(falling, rising) if fast <= slow else max(falling, rising)
            if value > -1e-30 and value < 1e-30:
                value = 0.0
            output[row, i] = value
        states[row] = value


@compile_kernel
def _smooth_rows_backward(gradient, target, output, attack, release, target_slope, slopes):  # type: ignore[no-untyped-def]
    for row in range(target.shape[0]):
        fast, slow, carried, fast_slope, slow_slope = attack[row], release[row], 0.0, 0.0, 0.0
        for j in range(target.shape[1]):
            i = target.shape[1] - 1 - j
            before = output[row, i - 1] if i > 0 else 0.0
            distance = before - target[row, i]
            total = gradient[row, i] + carried
            falling = distance > 0.0
            kept = (fast if falling else slow) * total
            if falling:
                fast_slope += total * distance
            else:
                slow_slope += total * distance
            target_slope[row, i] = total - kept
            carried = kept if abs(kept) > 1e-30 else 0.0
        slopes[row, 0], slopes[row, 1] = fast_slope, slow_slope


def scan_linear(factor: torch.Tensor, term: torch.Tensor) -> torch.Tensor:
    """Solve y[n] = factor[n] y[n-1] + term[n] with y[-1] = 0 along the last dimension, in log2(T) passes."""
    factor, term = factor.clone(), term.clone()
    step, samples = 1, term.shape[-1]
    while step < samples:
        term[..., step:] = term[..., step:] + factor[..., step:] * term[..., :-step].clone()
        factor[..., step:] = factor[..., step:] * factor[..., :-step].clone()
        step *= 2
    return term


def _before(output: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(output[..., :-1], (1, 0))


def smooth_parallel(target: torch.Tensor, attack: torch.Tensor, release: torch.Tensor) -> torch.Tensor:
    """Compute the recursion with tensor operations only; not differentiable by itself."""
    attack, release = attack.unsqueeze(-1), release.unsqueeze(-1)
    falling = target < 0
    while True:
        kept = torch.where(falling, attack, release)
        output = scan_linear(kept, (1.0 - kept) * target)
        pattern = target < _before(output)
        if torch.equal(pattern, falling):
            return output
        falling = pattern


class _Ballistics(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        target: torch.Tensor,
        attack: torch.Tensor,
        release: torch.Tensor,
        parallel: bool,
        states: torch.Tensor | None,
    ) -> torch.Tensor:
        source, attack, release = target.contiguous(), attack.contiguous(), release.contiguous()
        if parallel:
            output = smooth_parallel(source.to(attack.dtype), attack, release).to(source.dtype)
        else:
            output = torch.empty_like(source)
            if states is None:
                states = torch.zeros(source.shape[0], dtype=torch.float64)
            _smooth_rows(source.numpy(), attack.numpy(), release.numpy(), states.numpy(), output.numpy())
        ctx.save_for_backward(source, output, attack, release)
        ctx.parallel = parallel
        return output

    @staticmethod
    @first_gradient_only
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None, None]:
        target, output, attack, release = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        if ctx.parallel:
            return (*_backward_parallel(gradient, target, output, attack, release), None, None)
        target_slope, slopes = torch.empty_like(target), torch.empty((target.shape[0], 2), dtype=attack.dtype)
        _smooth_rows_backward(
            gradient.numpy(),
            target.numpy(),
            output.numpy(),
            attack.numpy(),
            release.numpy(),
            target_slope.numpy(),
            slopes.numpy(),
        )
        return target_slope, slopes[:, 0], slopes[:, 1], None, None


def _backward_parallel(
    gradient: torch.Tensor, target: torch.Tensor, output: torch.Tensor, attack: torch.Tensor, release: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    distance = (_before(output) - target).to(attack.dtype)
    falling = distance > 0
    kept = torch.where(falling, attack.unsqueeze(-1), release.unsqueeze(-1))
    # The adjoint runs backwards in time: total[n] = gradient[n] + kept[n + 1] total[n + 1].
    later = torch.nn.functional.pad(kept[..., 1:], (0, 1))
    total = scan_linear(later.flip(-1), gradient.to(attack.dtype).flip(-1)).flip(-1)
    slope = total * distance
    return (
        (total * (1.0 - kept)).to(target.dtype),
        torch.where(falling, slope, 0.0).sum(-1),
        torch.where(falling, 0.0, slope).sum(-1),
    )


def smooth_ballistics(
    target: torch.Tensor,
    attack: torch.Tensor,
    release: torch.Tensor,
    *,
    parallel: bool | None = None,
    states: torch.Tensor | None = None,
) -> torch.Tensor:
    """Smooth with separate constants for the way down and the way up.

    Args:
        target: (R, T), a gain in dB or an envelope.
        attack: (R,) float64 coefficients in [0, 1), used while the output falls.
        release: (R,) float64 coefficients in [0, 1), used while it recovers.
        parallel: solve with tensor operations instead of the compiled loop; None chooses by device.
        states: (R,) float64: the output before the first sample, replaced by the last one; for the compiled loop only.
            None: 0. No gradient passes into it.

    Returns:
        (R, T) dB. Differentiable once in all three.
    """
    if parallel is None:
        parallel = target.device.type != "cpu"
    output: torch.Tensor = _Ballistics.apply(target, attack, release, parallel, states)
    return output

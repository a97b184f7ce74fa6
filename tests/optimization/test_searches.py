from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fxrep.optimization import Descent, Evolution, descend, evolve, slopes_of

GOAL = torch.tensor([0.3, 1.0, 0.62, 0.0], dtype=torch.float64)
MIDDLE = torch.full((1, 4), 0.5, dtype=torch.float64)


def bowl(positions: Tensor, step: int = 0) -> Tensor:
    return ((positions - GOAL.to(positions)) * torch.tensor([1.0, 3.0, 0.5, 1.0])).square().sum(1)


def test_descent_reaches_a_minimum_inside_and_at_the_ends_of_the_range() -> None:
    found = descend(slopes_of(bowl), MIDDLE, Descent(steps=200, rate=0.05))
    assert found.value < 1e-4 and found.stopped == "steps"
    assert torch.allclose(found.best, GOAL, atol=0.02)
    assert found.evaluations == 201


def test_rows_descend_by_themselves() -> None:
    starts = torch.rand(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    together = descend(slopes_of(bowl), starts, Descent(steps=20))
    for row, start in enumerate(starts):
        alone = descend(slopes_of(bowl), start[None], Descent(steps=20))
        assert torch.equal(together.positions[row], alone.best)
    assert torch.equal(together.best, together.positions[together.values.argmin()])


def test_a_scale_shortens_steps() -> None:
    scale = torch.tensor([1.0, 0.1, 1.0, 1.0], dtype=torch.float64)
    found = descend(slopes_of(bowl), MIDDLE, Descent(steps=1, rate=0.05), scale=scale)
    assert found.best[0] == pytest.approx(0.45) and found.best[1] == pytest.approx(0.505)


def test_tiny_gradients_move_nothing_beside_a_large_epsilon() -> None:
    flat = slopes_of(lambda positions, _: bowl(positions) * torch.tensor(1e-9))
    assert torch.allclose(descend(flat, MIDDLE, Descent(steps=5, epsilon=1e-3)).positions, MIDDLE, atol=1e-5)


def test_what_is_not_finite_is_never_the_best_and_does_not_stop_a_descent() -> None:
    def broken(positions: Tensor, step: int) -> Tensor:
        return bowl(positions) * (float("nan") if step in (2, 3) else 1.0)

    found = descend(slopes_of(broken), MIDDLE, Descent(steps=60, rate=0.05))
    assert math.isfinite(found.value) and found.value < 0.1 * float(bowl(MIDDLE))


def test_a_check_decides_which_step_is_best() -> None:
    # What is minimised leads past what the check likes best, as a search that learns its windows by heart does.
    liked = MIDDLE[0].lerp(GOAL, 0.4)
    found = descend(
        slopes_of(bowl),
        MIDDLE,
        Descent(steps=100, check_every=2),
        check=lambda positions: (positions - liked).abs().sum(1),
    )
    assert found.value < float((MIDDLE[0] - liked).abs().sum())
    assert float(bowl(found.best[None])) > 0.05


def test_a_descent_without_progress_stops_early() -> None:
    found = descend(slopes_of(bowl), GOAL[None], Descent(steps=1000, patience=3))
    assert found.stopped == "patience" and found.evaluations < 10


@pytest.mark.parametrize("method", ["descend", "evolve"])
def test_time_runs_out_and_the_best_so_far_is_kept(method: str) -> None:
    if method == "descend":
        found = descend(slopes_of(bowl), MIDDLE, Descent(steps=10**6, time_limit_s=0.1))
    else:
        found = evolve(bowl, MIDDLE, Evolution(evaluations=10**9, time_limit_s=0.1))
    assert found.stopped == "time" and found.value < float(bowl(MIDDLE))


@pytest.mark.parametrize("method", ["descend", "evolve"])
def test_an_interrupt_keeps_the_best_so_far_where_that_is_wanted(method: str) -> None:
    calls = []

    def interrupted(positions: Tensor, step: int) -> Tensor:
        calls.append(step)
        if len(calls) > 8:
            raise KeyboardInterrupt
        return bowl(positions)

    def search(keep: bool) -> object:
        calls.clear()
        if method == "descend":
            return descend(slopes_of(interrupted), MIDDLE, Descent(keep_on_interrupt=keep))
        return evolve(interrupted, MIDDLE, Evolution(keep_on_interrupt=keep))

    found = search(True)
    assert found.stopped == "interrupt" and found.value < float(bowl(MIDDLE))  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt):
        search(False)


@pytest.mark.parametrize("count", [1, 4, 80])
def test_evolution_finds_a_minimum_without_gradient(count: int) -> None:
    goal = torch.linspace(0.1, 0.9, count, dtype=torch.float64)
    values = lambda positions, _: (positions - goal).square().mean(1)  # noqa: E731
    start = torch.full((1, count), 0.5, dtype=torch.float64)
    found = evolve(values, start, Evolution(evaluations=1500, spread=0.2))
    assert found.value < 0.05 * float(values(start, 0))
    assert found.evaluations <= 1500


def test_evolution_is_the_same_for_the_same_seed_and_leaves_global_chance_alone() -> None:
    torch.manual_seed(3)
    first, second, other = (evolve(bowl, MIDDLE, Evolution(evaluations=100, seed=seed)) for seed in (5, 5, 6))
    assert torch.equal(first.positions, second.positions) and not torch.equal(first.positions, other.positions)


def test_evolution_goes_on_from_the_best_start_and_never_ends_above_it() -> None:
    starts = torch.stack([MIDDLE[0], GOAL])
    found = evolve(bowl, starts, Evolution(evaluations=30, spread=0.3))
    assert torch.equal(found.best, GOAL) and found.value == 0.0


def test_evolution_takes_the_values_that_there_are() -> None:
    options = torch.tensor([0.0, 3.0, 0.0, 2.0])
    found = evolve(bowl, MIDDLE.clone(), Evolution(evaluations=600, spread=0.3), options=options)
    assert float(found.best[1]) == pytest.approx(1.0) and float(found.best[3]) == pytest.approx(0.0)
    assert float(found.best[0]) == pytest.approx(0.3, abs=0.05)


def test_a_single_position_can_be_a_choice() -> None:
    found = evolve(
        lambda positions, _: (positions[:, 0] - 0.4).abs(),
        torch.zeros(1, 1, dtype=torch.float64),
        Evolution(evaluations=60, spread=0.4),
        options=torch.tensor([3.0]),
    )
    assert found.positions.tolist() == [[0.5]]

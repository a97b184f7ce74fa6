"""Settings near given ones: part of the chain drawn anew, the rest kept."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects import create_chain
from fxrep.effects.chain_settings import entry_label
from fxrep.errors import ArgumentError

RATE = 44100


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", ["default", "fx_encoder_plus_plus"])
def test_no_share_keeps_everything_in_its_order(name: str) -> None:
    chain, draws = create_chain(name), generator()
    for settings in chain.sample_batch(draws, 20, RATE):
        redrawn = chain.redraw(settings, 0.0, draws, RATE)
        # A chain in random order is one group; fixed groups follow one another as they were drawn.
        assert redrawn == settings


def test_the_share_is_that_of_effects_which_change() -> None:
    chain, draws = create_chain("default"), generator(1)
    kept = total = 0
    for settings in chain.sample_batch(draws, 400, RATE):
        redrawn = chain.redraw(settings, 0.3, draws, RATE)
        kept += sum(entry in redrawn for entry in settings)
        total += len(settings)
    # Binomial: 1600 active effects, 0.7 of them kept, with a standard deviation of 0.011.
    assert kept / total == pytest.approx(0.7, abs=0.045)


def test_all_anew_is_distributed_as_drawn() -> None:
    chain, draws = create_chain("default"), generator(2)
    given = chain.sample(draws, RATE)
    redrawn = [chain.redraw(given, 1.0, draws, RATE) for _ in range(400)]
    for label, effect in zip(chain.processors, chain.effects, strict=True):
        present = sum(label in map(entry_label, settings) for settings in redrawn) / len(redrawn)
        assert present == pytest.approx(effect.probability, abs=0.1)
    assert not any(entry in settings for settings in redrawn for entry in given)


def test_the_groups_stay_in_order_and_the_result_renders(noise: torch.Tensor) -> None:
    chain, draws = create_chain("default"), generator(3)
    place = {label: number for number, group in enumerate(chain.groups) for label in group}
    for settings in chain.sample_batch(draws, 50, RATE):
        places = [place[entry_label(entry)] for entry in chain.redraw(settings, 0.5, draws, RATE)]
        assert places == sorted(places)
    settings = [chain.redraw(chain.sample(draws, RATE), 0.5, draws, RATE) for _ in range(len(noise))]
    assert torch.isfinite(chain(noise, RATE, settings)).all()


def test_the_given_settings_and_the_seed_decide() -> None:
    chain = create_chain("default")
    given = chain.sample(generator(4), RATE)
    copy = [dict(entry) for entry in given]
    assert chain.redraw(given, 0.5, generator(5), RATE) == chain.redraw(given, 0.5, generator(5), RATE)
    assert given == copy


def test_what_is_wrong_is_named() -> None:
    chain = create_chain("default")
    with pytest.raises(ArgumentError, match=r"share is 1\.5"):
        chain.redraw([], 1.5, generator())
    with pytest.raises(ArgumentError, match="no limiter"):
        chain.redraw([{"effect": "limiter", "settings": {}}], 0.5, generator())

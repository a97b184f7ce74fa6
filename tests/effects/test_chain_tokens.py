"""Chains as tokens: nothing is lost but the quantisation, and the grammar says what may follow."""

from __future__ import annotations

import pytest
import torch

from fxrep.effects import CHAINS, ChainEffect, EffectChain, create_chain
from fxrep.effects.chain_tokens import END, START, ChainTokens
from fxrep.errors import ArgumentError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", list(CHAINS))
def test_settings_come_back_within_half_a_bin(name):
    chain = create_chain(name)
    tokens = ChainTokens(chain, bins=32)
    tables = {
        label: {parameter.name: parameter for parameter in processor.parameter_table}
        for label, processor in chain.processors.items()
    }
    ranges = {label: effect.ranges for label, effect in zip(chain.processors, chain.effects, strict=True)}
    for settings in chain.sample_batch(generator(), 20):
        sequence = tokens.encode(settings)
        found = tokens.decode(sequence)
        assert tokens.encode(found) == sequence and len(sequence) <= tokens.longest
        assert [entry["effect"] for entry in found] == [entry["effect"] for entry in settings]
        for entry, expected in zip(found, settings, strict=True):
            assert entry.keys() == expected.keys()
            for setting, value in expected["settings"].items():
                if isinstance(value, str):
                    assert entry["settings"][setting] == value
                    continue
                parameter = tables[entry["effect"]][setting]
                low, high = ranges[entry["effect"]].get(setting, (parameter.minimum, parameter.maximum))
                width = parameter.normalize(float(high)) - parameter.normalize(float(low))
                away = parameter.normalize(float(value)) - parameter.normalize(entry["settings"][setting])
                assert abs(away) <= width / 64 + 1e-9


def test_what_is_decoded_can_be_rendered():
    chain = create_chain("default")
    tokens = ChainTokens(chain, bins=4)
    audio = 0.1 * torch.randn(2, 2, 8000, generator=generator())
    settings = [tokens.decode(tokens.encode(drawn)) for drawn in chain.sample_batch(generator(1), 2)]
    assert chain(audio, 44100, settings).isfinite().all()


def test_grammar_allows_every_sequence_and_nothing_else():
    chain = create_chain("fx_encoder_plus_plus")
    tokens = ChainTokens(chain, bins=8)
    allowed = tokens.allowed()
    for settings in chain.sample_batch(generator(), 10):
        sequence = tokens.encode(settings)
        slots = tokens.expected(sequence)
        assert all(allowed[slot, token] for slot, token in zip(slots, sequence[1:], strict=False))
    assert not allowed[:, START].any() and not allowed[0, tokens.first_value :].any()
    assert int(allowed[0].sum()) == len(tokens.labels) + 1
    assert not allowed[1:, : tokens.first_value].any() and allowed.any(-1).all()


def test_labels_mix_matching_and_choices():
    chain = EffectChain(
        [
            ChainEffect("gain", label="first", mix=(0.2, 0.8)),
            ChainEffect("gain", label="second", match_rms=True, mix=0.5),
            ChainEffect("panner", ranges={"law": ("linear", "constant_power")}),
            ChainEffect("polarity"),
        ]
    )
    tokens = ChainTokens(chain, bins=16)
    settings = chain.sample(generator())
    found = tokens.decode(tokens.encode(settings))
    assert [entry.get("label") for entry in found] == ["first", "second", None, None]
    assert abs(found[0]["mix"] - settings[0]["mix"]) <= 0.6 / 32 and found[1]["mix"] == pytest.approx(0.5)
    assert found[1]["match_rms"] and "match_rms" not in found[0]
    assert found[2]["settings"]["law"] == settings[2]["settings"]["law"]
    assert tokens.decode([START, END]) == []


def test_what_is_no_sequence_is_refused():
    chain = create_chain("default")
    tokens = ChainTokens(chain, bins=4)
    gain = {"effect": "gain", "settings": {"gain_db": 1.0}}
    for settings, words in (
        ([gain, gain], "twice"),
        ([{"effect": "delay", "settings": {}}], "delay is not in this chain"),
        ([{"effect": "gain", "settings": {}}], "has no gain_db"),
    ):
        with pytest.raises(ArgumentError, match=words):
            tokens.encode(settings)
    name, value = tokens.encode([gain])[1:3]
    for sequence, words in (
        ([START, value, END], "is no effect"),
        ([START, name], "ends within gain"),
        ([START, name, END], "is no gain_db"),
    ):
        with pytest.raises(ArgumentError, match=words):
            tokens.decode(sequence)
    with pytest.raises(ArgumentError, match="bins is 1"):
        ChainTokens(chain, bins=1)

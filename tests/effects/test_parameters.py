from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fxrep.effects import PROCESSORS, Parameter
from fxrep.errors import ArgumentError

EVERY = [parameter for processor in PROCESSORS.values() for parameter in processor.parameter_table]


@given(st.sampled_from(EVERY), st.floats(0, 1))
def test_denormalize_inverts_normalize(parameter: Parameter, position: float) -> None:
    value = parameter.denormalize(position)
    assert parameter.normalize(value) == pytest.approx(position, abs=1e-9)
    tensor = parameter.denormalize(torch.tensor(position, dtype=torch.float64))
    assert float(tensor) == pytest.approx(value)


def test_log_scale_is_geometric_in_the_middle() -> None:
    assert Parameter("f_hz", "Hz", 20.0, 2000.0, "log", 20.0).denormalize(0.5) == pytest.approx(200.0)


@pytest.mark.parametrize(
    "arguments", [(2.0, 1.0, "linear", 1.0), (0.0, 1.0, "log", 0.5), (0.0, 1.0, "linear", 2.0), (0.0, 1.0, "mel", 0.5)]
)
def test_impossible_definitions_are_refused(arguments: tuple) -> None:
    with pytest.raises(ArgumentError, match="x: "):
        Parameter("x", "", *arguments)

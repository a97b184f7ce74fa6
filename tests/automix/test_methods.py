"""The methods by name: all are listed, and each is found or says what it lacks."""

from __future__ import annotations

import pytest

from automix import create_method, list_methods, methods
from automix.instruments import name_instruments
from automix.methods import ConsoleMethod, Request, StemMethod
from fxrep.errors import ArgumentError, CheckpointError

NAMES = [
    "equal_loudness", "mono_sum", "dugan", "knowledge", "classical", "least_squares", "dmc", "mix_wave_unet",
    "fxnorm_automix", "stem_autoencoder", "mixing_graph",
]  # fmt: skip


def test_all_are_listed_and_what_they_take_is_known() -> None:
    assert list_methods() == NAMES
    for takers in (methods.TAKES_MODEL, methods.TAKES_TARGET, methods.TAKES_STYLE, methods.TAKES_INSTRUMENTS):
        assert set(takers) < set(NAMES)


@pytest.mark.parametrize("method", ["equal_loudness", "mono_sum"])
def test_what_needs_no_weights_is_made(method: str) -> None:
    made = create_method(method)
    assert isinstance(made, ConsoleMethod) and not isinstance(made, StemMethod)
    assert create_method(made) is made


def test_a_model_that_a_method_does_not_take() -> None:
    with pytest.raises((ArgumentError, CheckpointError), match="takes no model"):
        create_method("mono_sum", Request(model="no such model"))


def test_instruments_are_said_or_guessed() -> None:
    names = ["LeadVox", "03", "Kick In"]
    assert name_instruments(names, {"03": "bass"}) == {"LeadVox": "vocals", "03": "bass", "Kick In": "drums"}
    assert name_instruments(names)["03"] == "other"
    with pytest.raises(ArgumentError, match="unknown instruments: 03=tuba, LeadVox=singer; choose from vocals, drums"):
        name_instruments(names, {"03": "tuba", "LeadVox": "singer"})
    assert name_instruments(names, {"03": "tuba"}, known=("tuba", "vocals"))["03"] == "tuba"


@pytest.mark.parametrize("method", NAMES)
def test_every_method_says_which_options_it_has(method: str) -> None:
    needed = {"target": "mix.wav"} if method in methods.TAKES_TARGET else {}
    with pytest.raises(ArgumentError, match=f"{method} has no option 'colour': (choose from|it takes none)"):
        create_method(method, Request(**needed, options={"colour": 1}))

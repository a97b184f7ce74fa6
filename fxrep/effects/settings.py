"""Reading what a processor is given: audio that is usable, settings that are in range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import torch

from fxrep.effects.finite import check_finite
from fxrep.effects.parameters import Choice, Parameter
from fxrep.errors import ArgumentError, AudioError

Setting = float | torch.Tensor

# The bilinear transform squeezes everything above towards one point: filters there are neither stable nor useful.
HIGHEST_FREQUENCY = 0.49
# A value stored in float32 and read back may leave its range by one rounding.
ROUNDING = 1e-6


def check_input(audio: torch.Tensor, sample_rate: int) -> None:
    """Refuse audio that a processor cannot work on.

    Args:
        audio: (B, C, T) with one or two channels, float32 or float64, finite.
        sample_rate: Hz.

    Raises:
        AudioError: wrong kind, shape, length or content of the audio.
        ArgumentError: the sample rate is not a positive number.
    """
    check_form(audio, sample_rate)
    check_finite(audio)


def check_form(audio: torch.Tensor, sample_rate: int) -> None:
    """Do all of `check_input` that needs no look at the samples, for loops that look for NaN on their way.

    Raises:
        AudioError: wrong kind, shape or length of the audio.
        ArgumentError: the sample rate is not a positive number.
    """
    kind = audio.dtype if isinstance(audio, torch.Tensor) else type(audio).__name__
    if kind not in (torch.float32, torch.float64):
        raise AudioError(f"effects: audio is {kind}; give a float32 or float64 tensor (batch, channels, samples)")
    shape = tuple(audio.shape)
    if audio.dim() != 3 or shape[1] not in (1, 2):
        raise AudioError(f"effects: audio has shape {shape}; expected (batch, 1 or 2 channels, samples)")
    if audio.numel() == 0:
        raise AudioError(f"effects: audio of shape {shape} is empty; give at least one item and one sample")
    if not is_number(sample_rate) or not 0 < sample_rate < float("inf"):
        raise ArgumentError(f"sample_rate is {sample_rate!r}; expected a positive number of Hz")


def real_dtype(device: torch.device) -> torch.dtype:
    """Return the dtype of settings: float64, where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def is_number(value: Any) -> bool:
    """Whether a value is one number, of Python or NumPy; truth values are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def read_settings(
    audio: torch.Tensor, table: Sequence[Parameter], values: Mapping[str, Setting | None]
) -> dict[str, torch.Tensor]:
    """Turn settings into one checked column per parameter.

    Args:
        audio: (B, C, T), for the batch size and the device.
        table: the parameters allowed.
        values: a number, or a tensor of shape () or (B,), per name. None leaves out a parameter that has no default.

    Returns:
        Tensors (B,), float64, still attached to the graph of the given tensors.

    Raises:
        ArgumentError: a name is unknown, a shape does not fit, or a value is outside its range.
    """
    known = {parameter.name: parameter for parameter in table}
    columns = {}
    for name, value in values.items():
        if name not in known:
            raise ArgumentError(f"{name} is not a setting here; choose from {', '.join(known)}")
        if value is not None or known[name].default is not None:
            columns[name] = _column(audio, known[name], value)
    return columns


def read_constants(table: Sequence[Parameter], values: Mapping[str, Setting]) -> dict[str, torch.Tensor]:
    """Check settings before there is audio, for a stream.

    Args:
        table: the parameters allowed.
        values: a number, or a tensor of shape () or (B,), per name.

    Returns:
        Tensors (B,), or (1,) if no setting names a batch; float64, on the CPU, without gradient.

    Raises:
        ArgumentError: as for `read_settings`.
    """
    sizes = [value.shape[0] for value in values.values() if isinstance(value, torch.Tensor) and value.dim() == 1]
    known = {name: value.detach().cpu() if isinstance(value, torch.Tensor) else value for name, value in values.items()}
    return read_settings(torch.empty(max(sizes, default=1), 1, 1), table, known)


def _column(audio: torch.Tensor, parameter: Parameter, value: Setting | None) -> torch.Tensor:
    if not is_number(value) and not isinstance(value, torch.Tensor):
        raise ArgumentError(f"{parameter.name} is {value!r}; expected a number or a tensor")
    number = value if isinstance(value, torch.Tensor) else float(value)  # type: ignore[arg-type]
    column = torch.as_tensor(number, dtype=real_dtype(audio.device), device=audio.device)
    if column.dim() > 1 or (column.dim() == 1 and column.shape[0] not in (1, audio.shape[0])):
        shape = tuple(column.shape)
        raise ArgumentError(f"{parameter.name} has shape {shape}; expected () or ({audio.shape[0]},), one per item")
    lowest, highest = (float(edge) for edge in torch.aminmax(column.detach()))
    slack = ROUNDING * max(abs(parameter.minimum), abs(parameter.maximum))
    if not (lowest >= parameter.minimum - slack and highest <= parameter.maximum + slack):
        wrong = highest if lowest >= parameter.minimum - slack else lowest
        span = f"{parameter.minimum:g} to {parameter.maximum:g} {parameter.unit}".strip()
        raise ArgumentError(f"{parameter.name} is {wrong:g}; expected {span}")
    return column.expand(audio.shape[0])


def check_frequency(name: str, frequency_hz: torch.Tensor, sample_rate: int) -> None:
    """Refuse a filter frequency that the sample rate cannot carry.

    Raises:
        ArgumentError: a frequency lies above 0.49 of the sample rate (Nyquist is at 0.5).
    """
    highest = float(frequency_hz.detach().max())
    limit = HIGHEST_FREQUENCY * sample_rate
    if highest > limit:
        raise ArgumentError(
            f"{name} is {highest:g}; at {sample_rate} Hz it must stay below {limit:g} Hz, just under Nyquist"
        )


def check_choice(choice: Choice, value: str) -> str:
    """Return the value if it is one of the options.

    Raises:
        ArgumentError: it is not.
    """
    if not isinstance(value, str) or value not in choice.options:
        raise ArgumentError(f"{choice.name} is {value!r}; expected one of {', '.join(choice.options)}")
    return value


def per_item(column: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """Shape a column (B,) to (B, 1, 1), in the dtype of the audio, so that it multiplies it."""
    return column.to(audio.dtype).reshape(-1, 1, 1)


def blend(dry: torch.Tensor, wet: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
    """Return the linear cross-fade from the dry signal (mix 0, bit for bit) to the wet one (mix 1, bit for bit).

    Args:
        dry: (B, C, T).
        wet: (B, C, T).
        mix: (B,).
    """
    if not mix.requires_grad and bool((mix == 1.0).all()):
        return wet
    return torch.lerp(dry, wet, per_item(mix, dry))

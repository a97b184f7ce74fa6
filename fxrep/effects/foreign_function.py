"""Calling functions that the library does not know, and naming them when they go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fxrep.errors import AudioError, FxrepError

Samples = NDArray[np.float32]
Columns = Mapping[str, NDArray[np.float64]]
Result = TypeVar("Result")

SETTINGS_TOLD = 6


@dataclass(frozen=True)
class ForeignFunction:
    """An audio function of someone else's, called safely.

    Attributes:
        function: ``function(audio, sample_rate, **settings)``: (C, T) to (C, T) with numbers, or, if `batched`,
            (B, C, T) to (B, C, T) with arrays (B,).
        name: what errors call it.
        batched: it takes whole batches.
        threads: how many items it may work on at once.
        stereo: it returns two channels, whatever it is given.
    """

    function: Callable[..., Any]
    name: str
    batched: bool = False
    threads: int = 1
    stereo: bool = False

    def render(self, signals: Samples, sample_rate: int, columns: Columns, names: Mapping[str, str]) -> Samples:
        """Apply it to a batch.

        Args:
            signals: (B, C, T).
            sample_rate: Hz.
            columns: (B,) per continuous setting.
            names: the settings that are names.

        Returns:
            (B, C', T).

        Raises:
            FxrepError: it raised; the message names the function and its settings.
            AudioError: it returned another shape or kind, or samples that are not finite.
        """
        if self.batched:
            return self._call(signals, sample_rate, columns, names)
        return np.stack(list(self._rendered_items(signals, sample_rate, columns, names)))

    def _rendered_items(
        self, signals: Samples, sample_rate: int, columns: Columns, names: Mapping[str, str]
    ) -> Iterable[Samples]:
        def one(item: int) -> Samples:
            settings = {name: float(column[item]) for name, column in columns.items()}
            return self._call(signals[item], sample_rate, settings, names)

        if self.threads == 1:
            return map(one, range(signals.shape[0]))
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(one, range(signals.shape[0])))

    def _call(
        self, signal: Samples, sample_rate: int, settings: Mapping[str, Any], names: Mapping[str, str]
    ) -> Samples:
        # A copy: the function may work in place, and must not reach the caller's audio.
        output = self.guard(lambda: self.function(signal.copy(), sample_rate, **settings, **names), settings)
        return self.check(output, signal.shape, settings)

    def guard(self, call: Callable[[], Result], settings: Mapping[str, Any]) -> Result:
        """Return the result of the call; its errors become one line that names this function.

        Raises:
            FxrepError: the call raised.
        """
        try:
            return call()
        except Exception as error:
            # Whatever a foreign function raises means the same here: it did not work with these settings.
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise FxrepError(f"{self.name} failed{_told(settings)}: {type(error).__name__}: {reason}") from error

    def check(self, output: Any, shape: tuple[int, ...], settings: Mapping[str, Any]) -> Samples:
        """Return an output as float32.

        Args:
            output: what the function returned.
            shape: of its input, (C, T) or (B, C, T).
            settings: for the message.

        Raises:
            AudioError: it has another shape or kind than expected, or is not finite.
        """
        expected = (*shape[:-2], 2 if self.stereo else shape[-2], shape[-1])
        try:
            array = np.asarray(output)
        except (TypeError, ValueError) as error:
            # A ragged list, or something whose conversion fails: whatever it is, it is no audio.
            raise AudioError(
                f"{self.name} returned {type(output).__name__} that is no array; expected float32 {expected}"
            ) from error
        if array.shape != expected or array.dtype.kind not in "fiu":
            raise AudioError(f"{self.name} returned {array.dtype} of shape {array.shape}; expected float32 {expected}")
        if not np.isfinite(array).all():
            raise AudioError(f"{self.name} returned NaN or infinite samples{_told(settings)}")
        return array.astype(np.float32, copy=False)


def _told(settings: Mapping[str, Any]) -> str:
    """Return the settings for a message, the first few of many."""
    parts = [f"{name}={_number(value)}" for name, value in list(settings.items())[:SETTINGS_TOLD]]
    more = ["…"] if len(settings) > SETTINGS_TOLD else []
    return f" at {', '.join(parts + more)}" if parts else ""


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else np.array2string(np.asarray(value), precision=6, threshold=4)

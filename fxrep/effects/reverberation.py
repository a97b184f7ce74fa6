"""What all reverbs share: an impulse response, scaled and finished alike, convolved and mixed with the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch

from fxrep.effects.chunks import in_chunks
from fxrep.effects.convolution import fft_convolve
from fxrep.effects.convolution_stream import ConvolutionStream
from fxrep.effects.processor import Processor
from fxrep.effects.settings import check_choice, check_input, per_item, read_settings
from fxrep.effects.streaming import MemorylessStream, Stream

Columns = dict[str, torch.Tensor]
# response(dtype, **columns) -> (B or 1, 1 or 2, K); the columns are all settings but the mix.
Response = Callable[..., torch.Tensor]


def reverberate(audio: torch.Tensor, columns: Columns, response: Response) -> torch.Tensor:
    """Convolve with the responses that the settings give, and cross-fade.

    The mix scales the response before the convolution and the audio is added to the result, in one pass: at mix 0
    this adds exact zeros.

    Args:
        audio: (B, C, T).
        columns: settings (B,) by name, the mix among them.
        response: makes the impulse responses of some items.

    Returns:
        (B, C, T): mono audio meets the left channel of a stereo response.
    """
    if is_dry(columns["mix"]):
        return audio.clone()

    def piece(audio: torch.Tensor, columns: Columns) -> torch.Tensor:
        others = {name: column for name, column in columns.items() if name != "mix"}
        mix = per_item(columns["mix"], audio)
        return fft_convolve(audio, response(audio.dtype, **others)[:, : audio.shape[1]] * mix, 1.0 - mix)

    return in_chunks(piece, audio, columns)


def is_dry(mix: torch.Tensor) -> bool:
    """Return whether nothing can be heard of the effect, and no gradient asks for it."""
    return not (torch.is_grad_enabled() and mix.requires_grad) and not bool(mix.any())


class Reverb(Processor):
    """A linear, time-invariant effect that is fully described by an impulse response.

    Attributes:
        response: ``response(sample_rate, dtype, **columns)``: the impulse responses (B, 2, K) for all settings but the
            mix, as columns (B,).
        seeded: whether there is a setting ``seed``, a whole number that chooses one of many rooms of the same kind.
    """

    response: ClassVar[Callable[..., torch.Tensor]]
    seeded: ClassVar[bool] = False

    def setting_names(self) -> tuple[str, ...]:
        """Return the names of all settings."""
        return (*super().setting_names(), *(("seed",) if self.seeded else ()))

    def impulse_response(self, sample_rate: int, **settings: Any) -> torch.Tensor:
        """Return the impulse response of the reverberation alone, as if `mix` were 1.

        Args:
            sample_rate: Hz.
            settings: as for `forward`; the mix is without effect.

        Returns:
            (B, 2, K) float32, B as in the settings; differentiable in them.

        Raises:
            ArgumentError: a setting is unknown or out of range.
        """
        return self._response(sample_rate, settings)

    def stream(self, sample_rate: int, **settings: Any) -> Stream:
        """Return the reverb with its memory, see `Processor.stream`.

        The response is made once. Blocks are gathered to whole hops of the convolution, so that less comes back at
        first than was sent.
        """
        with torch.no_grad():
            mix = self._columns(sample_rate, settings)["mix"]
            if is_dry(mix):
                return MemorylessStream(lambda block: self(block, sample_rate, **settings))
            response = self._response(sample_rate, settings)
            wet, dry = per_item(mix, response), per_item(1.0 - mix, response)
            return ConvolutionStream(response * wet, dry, self.mono_response(response) * wet)

    def mono_response(self, response: torch.Tensor) -> torch.Tensor:
        """Return the part of a response (B, C, K) that mono audio meets, (B, 1, K): the left channel."""
        return response[:, :1]

    def complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings with the defaults of those that are not given.

        Raises:
            ArgumentError: a name is unknown.
        """
        self.check_names(settings)
        return {**self.defaults(), **settings}

    def _columns(self, sample_rate: int, settings: Mapping[str, Any]) -> Columns:
        known = {parameter.name for parameter in self.parameter_table}
        values = {name: value for name, value in self.complete(settings).items() if name in known}
        tensors = [value for value in values.values() if isinstance(value, torch.Tensor)]
        items = max((value.numel() for value in tensors), default=1)
        # The settings are read against audio in `forward`; here items of one sample stand for it.
        stand_in = torch.zeros((items, 1, 1), device=tensors[0].device if tensors else "cpu")
        check_input(stand_in, sample_rate)
        return read_settings(stand_in, self.parameter_table, values)

    def _response(self, sample_rate: int, settings: Mapping[str, Any]) -> torch.Tensor:
        columns = self._columns(sample_rate, settings)
        known = {parameter.name for parameter in self.parameter_table}
        names = {name: value for name, value in self.complete(settings).items() if name not in known}
        for choice in self.choices:
            check_choice(choice, names[choice.name])
        columns.pop("mix")
        return type(self).response(sample_rate, torch.float32, **columns, **names)

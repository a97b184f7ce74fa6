"""What every effect encoder offers: features for training, and one deterministic embedding for any recording."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encoders.configurable import Configurable
from encoders.release_folder import fingerprint
from encoders.windows import SILENCE_PEAK_DB, fixed_windows, is_silent, repeat_to
from fxrep.audio import AudioInput, iter_blocks, read_audio
from fxrep.errors import ArgumentError, AudioError

_WINDOWS_PER_BATCH = 8
_SILENT = f"silent, nothing to embed: give a recording that peaks above {SILENCE_PEAK_DB:.0f} dBFS"


class EffectEncoder(Configurable, nn.Module):
    """Base of all effect encoders: stereo audio in, an embedding of unit length out.

    A subclass calls ``super().__init__(dim=…, sample_rate=…, window_s=…)`` and implements `features`. Its
    constructor takes plain values or `Configurable` objects only: they are what a release stores.

    Args:
        dim: size of the embedding.
        sample_rate: rate in Hz that `forward` expects; `embed` converts to it.
        window_s: length of the windows that long recordings are cut into, in seconds.
        hop_s: distance between window starts in seconds, at most `window_s`; None for windows side by side.
        minimum_s: shortest input that `forward` takes, in seconds; `embed` repeats a shorter recording up to it.
    """

    def __init__(
        self,
        dim: int,
        sample_rate: int = 44100,
        window_s: float = 10.0,
        hop_s: float | None = None,
        minimum_s: float = 1.0,
    ) -> None:
        super().__init__()
        hop = window_s if hop_s is None else hop_s
        if not (dim >= 1 and sample_rate >= 1 and 0 < minimum_s <= window_s and 0 < hop <= window_s):
            raise ArgumentError(
                f"dim={dim}, sample_rate={sample_rate}, window_s={window_s}, hop_s={hop}, minimum_s={minimum_s}: "
                "dim and sample_rate must be positive, and 0 < minimum_s, hop_s <= window_s"
            )
        self.dim = dim
        self.sample_rate = sample_rate
        self.window_s = window_s
        self.hop_s = hop
        self.minimum_s = minimum_s

    def features(self, audio: Tensor) -> Tensor:
        """The representation before its length is made one: audio (B, 2, T) at `sample_rate` to (B, D)."""
        raise NotImplementedError(f"{type(self).__name__} does not define features(audio)")

    def forward(self, audio: Tensor) -> Tensor:
        """Embed windows: audio (B, 2, T) at `sample_rate`, T at least `minimum_s`, to (B, D) of unit length.

        Raises:
            AudioError: the tensor has another shape, or is too short.
        """
        if audio.dim() != 3 or audio.shape[1] != 2 or audio.shape[2] < self._samples(self.minimum_s):
            raise AudioError(
                f"audio of shape {tuple(audio.shape)}: expected (batch, 2, samples) with at least {self.minimum_s:g} s "
                f"at {self.sample_rate} Hz; embed() takes any length and mono"
            )
        # Always in float32: half precision would leave lengths off by 1e-3.
        return F.normalize(self.features(audio).float(), dim=-1)

    def read_query(self, query: Any, sample_rate: int | None = None) -> Tensor:
        """The vector (Q,) of a query, for `extract`; encoders that take queries override both.

        Raises:
            ArgumentError: this encoder takes none.
        """
        raise ArgumentError(
            f"this {type(self).__name__} takes no query: it embeds the whole of what it hears; "
            'load_encoder("listening") takes queries'
        )

    def extract(self, audio: Tensor, query: Tensor) -> Tensor:
        """Embed what a query (Q,) asks for inside windows (B, 2, T): (B, D) of unit length."""
        raise NotImplementedError(f"{type(self).__name__} does not define extract(audio, query)")

    def embed(
        self,
        audio: AudioInput,
        sample_rate: int | None = None,
        *,
        query: AudioInput | None = None,
        query_rate: int | None = None,
    ) -> Tensor:
        """Embed a whole recording, or a batch of recordings, without any randomness.

        The recording is converted to `sample_rate` and two channels and cut into windows of `window_s`, the last one
        aligned to the end. Silent windows (`encoders.windows.SILENCE_PEAK_DB`) are left out; the embeddings of the
        others are averaged and brought to unit length. A recording shorter than a window is one window of its own
        length, repeated up to `minimum_s` where it is shorter than that. Files of hours are read in constant memory.

        Args:
            audio: a path; an array (samples,) or (channels, samples); or a batch (B, C, samples). C is 1 or 2.
            sample_rate: rate of an array in Hz; a file brings its own.
            query: what to listen for inside the mixture, for encoders that can: the name of an instrument, or a clip
                of it, an array (samples,) or (channels, samples) or a file as `pathlib.Path`. None: the whole.
            query_rate: rate of a query that is an array, in Hz; None for `sample_rate`.

        Returns:
            (D,), or (B, D) for a batch; float32, on the device of a given tensor and else on the CPU.

        Raises:
            AudioError: the audio or the query cannot be used, or is silent throughout.
            ArgumentError: a list; an array without a sample rate; an unknown name; a query where none is taken.
        """
        vector = None if query is None else self.read_query(query, sample_rate if query_rate is None else query_rate)
        if isinstance(audio, (list, tuple)):
            raise ArgumentError(
                f"audio is a {type(audio).__name__}: give one recording, a path or an array (samples,) or "
                "(channels, samples), and embed several one by one; arrays of one length may come as (B, C, samples)"
            )
        batched = getattr(audio, "ndim", 0) == 3
        recordings = list(cast(Iterable[AudioInput], audio)) if batched else [audio]
        if not recordings:
            raise AudioError("the batch holds no recordings")
        totals: dict[int, Tensor] = {}
        streams = (self._blocks(recording, sample_rate) for recording in recordings)
        for places, windows in self._sounding_windows(streams, self.hop_s):
            for (item, _), embedding in zip(places, self.embed_batch(windows, vector), strict=True):
                totals[item] = totals[item] + embedding if item in totals else embedding
        silent = [_name(recording, item, batched) for item, recording in enumerate(recordings) if item not in totals]
        if silent:
            raise AudioError(f"{', '.join(silent)}: {_SILENT}")
        means = F.normalize(torch.stack([totals[item] for item in range(len(recordings))]), dim=-1)
        return (means if batched else means[0]).to(_result_device(audio))

    def embed_windows(
        self, audio: AudioInput, sample_rate: int | None = None, hop_s: float | None = None
    ) -> tuple[Tensor, Tensor]:
        """Embed every window of a recording that is not silent, for search within songs.

        Args:
            audio: a path, or an array (samples,) or (channels, samples).
            sample_rate: rate of an array in Hz.
            hop_s: distance between windows in seconds, at most `window_s`; None for the encoder's own.

        Returns:
            the windows' starts in seconds (W,), and their embeddings (W, D).

        Raises:
            AudioError: the audio cannot be used, or is silent throughout.
            ArgumentError: `hop_s` is out of range, or an array came without a sample rate.
        """
        starts, parts = [], []
        for begins, windows in self.window_batches(audio, sample_rate, hop_s):
            starts.append(begins)
            parts.append(self.embed_batch(windows))
        device = _result_device(audio)
        return torch.cat(starts).to(device), torch.cat(parts).to(device)

    def window_batches(
        self, audio: AudioInput, sample_rate: int | None = None, hop_s: float | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Read the windows that `embed_windows` embeds, and do not embed them: another thread may, with `embed_batch`.

        Args:
            audio: a path, or an array (samples,) or (channels, samples).
            sample_rate: rate of an array in Hz.
            hop_s: distance between windows in seconds, at most `window_s`; None for the encoder's own.

        Yields:
            the windows' starts in seconds (W,), and their audio (W, 2, T) on the CPU; a few at a time.

        Raises:
            AudioError: the audio cannot be used, or is silent throughout.
            ArgumentError: `hop_s` is out of range, or an array came without a sample rate.
        """
        yield from self.cut_windows(self._blocks(audio, sample_rate), hop_s, _name(audio))

    def cut_windows(
        self, blocks: Iterable[Tensor], hop_s: float | None = None, name: str = "the audio"
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """`window_batches` of a recording that arrives in pieces, and may have been worked on before.

        Args:
            blocks: consecutive pieces (2, n) at `sample_rate`, of any lengths.
            hop_s: distance between windows in seconds, at most `window_s`; None for the encoder's own.
            name: of the recording in messages.

        Raises:
            AudioError: it is silent throughout.
            ArgumentError: `hop_s` is out of range.
        """
        hop_s = self.hop_s if hop_s is None else hop_s
        if not 0 < hop_s <= self.window_s:
            raise ArgumentError(f"hop_s={hop_s}: expected a value above 0 and at most window_s={self.window_s:g}")
        silent = True
        for places, windows in self._sounding_windows([blocks], hop_s):
            starts = torch.tensor([start for _, start in places], dtype=torch.float64) / self.sample_rate
            silent = False
            yield starts.float(), windows
        if silent:
            raise AudioError(f"{name}: {_SILENT}")

    def embed_batch(self, windows: Tensor, query: Tensor | None = None) -> Tensor:
        """Embed windows (W, 2, T) of any length: (W, D) of unit length on the CPU, without gradients.

        Args:
            windows: at `sample_rate`; repeated up to `minimum_s` where they are shorter.
            query: what to listen for, as `read_query` gives it.
        """
        device = next((tensor.device for tensor in self.state_dict().values()), torch.device("cpu"))
        batch = repeat_to(windows, self._samples(self.minimum_s)).to(device)
        with _inference(self):
            embeddings: Tensor = self(batch) if query is None else self.extract(batch, query.to(device))
        return embeddings.cpu()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the constructor tree and every weight: equal exactly for encoders that embed alike."""
        return fingerprint(self)

    def _sounding_windows(
        self, recordings: Iterable[Iterable[Tensor]], hop_s: float
    ) -> Iterator[tuple[list[tuple[int, int]], Tensor]]:
        """Groups of windows that are not silent: (recording, first sample) of each, and their audio (W, 2, T)."""
        places: list[tuple[int, int]] = []
        group: list[Tensor] = []
        for item, blocks in enumerate(recordings):
            for start, window in fixed_windows(blocks, self._samples(self.window_s), self._samples(hop_s)):
                if is_silent(window):
                    continue
                places.append((item, start))
                group.append(window)
                if len(group) == _WINDOWS_PER_BATCH:
                    yield places, torch.stack(group)
                    places, group = [], []
        if group:
            yield places, torch.stack(group)

    def _blocks(self, audio: AudioInput, sample_rate: int | None) -> Iterable[Tensor]:
        if isinstance(audio, (str, os.PathLike)):
            return iter_blocks(audio, self.window_s, target_rate=self.sample_rate, channels=2)
        return [read_audio(audio, sample_rate, target_rate=self.sample_rate, channels=2)]

    def _samples(self, seconds: float) -> int:
        return max(1, round(seconds * self.sample_rate))


@contextmanager
def _inference(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; every submodule gets its own mode back."""
    training = [part for part in module.modules() if part.training]
    try:
        for part in training:
            part.training = False
        with torch.no_grad():
            yield
    finally:
        for part in training:
            part.training = True


def _name(audio: Any, item: int = 0, batched: bool = False) -> str:
    if batched:
        return f"batch item {item}"
    return str(audio) if isinstance(audio, (str, os.PathLike)) else "the audio"


def _result_device(audio: Any) -> torch.device:
    return audio.device if isinstance(audio, Tensor) else torch.device("cpu")

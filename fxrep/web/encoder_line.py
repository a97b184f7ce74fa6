"""The encoder behind the page: loaded once, used by one thread after another in line, stopped between its windows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from fxrep.audio import AudioInput
from fxrep.errors import FxrepError
from fxrep.retrieval import AudioEncoder
from fxrep.retrieval.encoder import to_numpy, unit_vectors
from fxrep.web.job_board import Job


class EncoderLine:
    """An encoder as `ReferenceIndex` takes it, for many threads: one works, the others wait.

    Recordings that were embedded before are looked up by their path, so that a second search with an upload costs
    nothing.

    Args:
        load: makes the encoder, once, when it is first needed.
    """

    def __init__(self, load: Callable[[], AudioEncoder]) -> None:
        self._load, self._failure = load, ""
        self._encoder: AudioEncoder | None = None
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._known: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def failure(self) -> str:
        """Why there is no encoder; empty while it is not known to fail."""
        return self._failure

    def encoder(self) -> AudioEncoder:
        """The encoder, loaded.

        Raises:
            FxrepError: it cannot be.
        """
        with self._lock:
            return self._loaded()

    def _loaded(self) -> AudioEncoder:
        if self._encoder is None:
            try:
                self._encoder = self._load()
            except FxrepError as error:
                self._failure = str(error)
                raise
            self._failure = ""
            # Of the network itself, where it is heard through a matching.
            network = getattr(self._encoder, "base", self._encoder)
            register = getattr(network, "register_forward_pre_hook", None)
            if register is not None:
                register(self._before_windows)
        return self._encoder

    @property
    def sample_rate(self) -> int:
        """Rate in Hz at which the encoder listens."""
        return int(self.encoder().sample_rate)

    @property
    def window_s(self) -> float:
        """Length in seconds of one window."""
        return float(self.encoder().window_s)

    @property
    def dim(self) -> int:
        """Length D of an embedding."""
        return int(self.encoder().dim)

    @property
    def fingerprint(self) -> str:
        """Identity of the weights and the audio contract."""
        return self.encoder().fingerprint

    def embed(
        self, audio: AudioInput, sample_rate: int | None = None, *, whole: AudioInput | None = None
    ) -> torch.Tensor:
        """One unit vector ``(D,)`` for a whole file or array."""
        _, windows = self.embed_windows(audio, sample_rate, whole=whole)
        return torch.nn.functional.normalize(windows.double().mean(0), dim=0).float()

    def embed_windows(
        self, audio: AudioInput, sample_rate: int | None = None, *, whole: AudioInput | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Start of every window in seconds ``(W,)`` and the windows' unit vectors ``(W, D)``.

        `whole` is the recording that `audio` is a part of, for encoders that match loudness.
        """
        known = self._known.get(str(audio)) if not hasattr(audio, "ndim") else None
        if known is not None:
            return torch.from_numpy(known[0].copy()), torch.from_numpy(known[1].copy())
        with self._lock:
            options: dict[str, Any] = {} if whole is None else {"whole": whole}
            return self._loaded().embed_windows(audio, sample_rate, **options)

    def embed_for(self, job: Job, path: str, keep: bool = True) -> np.ndarray:
        """Embed a file for a job, which sees the progress and can be cancelled between batches of windows.

        Args:
            job: that waits for it.
            path: of the file.
            keep: remember the vectors until `forget`.

        Returns:
            The unit vector of the whole, float32 ``(D,)``.
        """
        with self._lock:
            encoder = self._loaded()
            self._job = job
            try:
                job.report("listening", job.progress)
                starts, windows = encoder.embed_windows(path)
            finally:
                self._job = None
        unit = unit_vectors(to_numpy(windows), "the recording")
        if keep:
            self._known[path] = (to_numpy(starts), unit)
        whole: np.ndarray = unit_vectors(unit.astype(np.float64).mean(axis=0), "the recording")[0]
        return whole

    def forget(self, path: str) -> None:
        """Let go of the vectors of a file."""
        self._known.pop(path, None)

    def _before_windows(self, *_: Any) -> None:
        if self._job is not None:
            self._job.check()

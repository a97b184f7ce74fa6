"""The songs whose style a mix is to have."""

from __future__ import annotations

from collections.abc import Sequence

from fxrep.audio import AudioInput
from fxrep.mixing.recordings import Recordings


class References(Recordings):
    """One or several references with weights, at -16 LUFS: `windows` of them, and their `embedding`.

    With several, a method hears the windows with their weights, or the weighted mean of the embeddings: weights that
    go from (1, 0) to (0, 1) lead from the style of the first to that of the second.

    Args:
        recordings: a path or an array (samples,) or (channels, samples); or a list of them.
        weights: one each, 0 or more; None: equal ones.
        sample_rate: Hz of arrays; a file brings its own.

    Raises:
        ArgumentError: there is none, an array without a sample rate, or wrong weights.
        AudioError: one cannot be read, is silent, or is shorter than half a second.
    """

    def __init__(
        self,
        recordings: AudioInput | Sequence[AudioInput],
        weights: Sequence[float] | None = None,
        sample_rate: int | None = None,
    ) -> None:
        super().__init__(recordings, weights, sample_rate, role="reference")

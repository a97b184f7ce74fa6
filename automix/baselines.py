"""What every system has to beat: tracks made equally loud, and their plain sum in the middle."""

from __future__ import annotations

import math
from collections.abc import Sequence

from automix.methods import Explained
from fxrep.effects.console import default_console
from fxrep.mixing.session import TRACK_LUFS
from fxrep.mixing.tracks import TrackSet


class EqualLoudness:
    """All tracks at one integrated loudness (ITU-R BS.1770-4), stereo as they are, nothing else.

    Attributes:
        console: the project's own.
        track_lufs: LUFS of every track that sounds.
    """

    def __init__(self) -> None:
        self.console = default_console()
        self.track_lufs = TRACK_LUFS

    def estimate(self, tracks: TrackSet, start_s: Sequence[float], seed: int = 0) -> Explained:
        """Return neutral settings; the loudness is made before the console. Nothing is drawn."""
        gains, decisions = tracks.input_gain_db(self.track_lufs), []
        for name, lufs in tracks.loudness_lufs.items():
            if lufs == -math.inf:
                decisions.append(f"{name} is silent and left as it is.")
            else:
                reached = lufs + gains[name]
                decisions.append(f"{name} is {lufs:.1f} LUFS: {gains[name]:+.1f} dB bring it to {reached:.1f} LUFS.")
        return Explained(self.console.default_settings(tracks.names), decisions)


class MonoSum:
    """The sum of all tracks at the levels that they were recorded at, on both sides alike: (left + right) / 2 of each.

    Attributes:
        console: the project's own, every track's width at 0.
        track_lufs: LUFS of the tracks in the mix that this one is compared with; here they keep their levels.
    """

    def __init__(self) -> None:
        self.console = default_console()
        self.track_lufs = TRACK_LUFS

    def estimate(self, tracks: TrackSet, start_s: Sequence[float], seed: int = 0) -> Explained:
        """Return settings without width, and no gain before the console. Nothing is drawn."""
        settings = self.console.default_settings(tracks.names)
        for name in tracks.names:
            settings.tracks[name]["stereo_width"]["width"] = 0.0
        said = "Every track keeps its level and is heard in mono: half the sum of its sides on both."
        return Explained(settings, [said], input_gain_db={})

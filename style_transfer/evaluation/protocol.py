"""What the benchmark of mixing draws and compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from encoders.evaluation.protocol import check_protocol
from fxrep.audio.resampling import check_rate
from fxrep.effects import MixingConsole
from fxrep.effects.console import create_console
from fxrep.errors import ArgumentError
from fxrep.mixing import TRACK_LUFS
from style_transfer.diff_mst.model import TRACK_LUFS as OTHER_TRACK_LUFS
from style_transfer.diff_mst.settings_prior import ModeratePrior, SettingsPrior, UniformPrior

SAME_SONG, OTHER_SONG = "same_song", "other_song"
TASKS = (SAME_SONG, OTHER_SONG)
PRIORS = {"moderate": ModeratePrior, "uniform": UniformPrior}
REFERENCES = ("mixes", "random")


@dataclass
class MixProtocol:
    """What is drawn; the same numbers give the same mixes.

    Attributes:
        split: songs to draw from; never those a system was trained on.
        tasks: ``same_song``, whose reference is another part of a mix with known random settings; ``other_song``, whose
            reference is a mix of another song.
        tracks: numbers of tracks that are mixed.
        items: mixes of each task and number of tracks.
        window_s: seconds of the reference, and of what is mixed and compared.
        console: that the known settings belong to, and that systems without one of their own use: default or dasp.
        prior: where random settings are drawn from: moderate or uniform, see
            `style_transfer.diff_mst.settings_prior`.
        references: of the task ``other_song``: the finished mixes of the manifest, or mixes with random settings.
        bank: mixes with known settings of other songs, that the nearest reference is looked for in.
        bank_split: songs of the bank.
        seed: of everything that is drawn.
        sample_rate: Hz.

    Raises:
        ArgumentError: a value is out of range, or there is no such task, console, prior, or kind of reference.
    """

    split: str | None = "test"
    tasks: Sequence[str] = TASKS
    tracks: Sequence[int] = (2, 4, 8, 16)
    items: int = 7
    window_s: float = 10.0
    console: str = "default"
    prior: str = "moderate"
    references: str = "mixes"
    bank: int = 64
    bank_split: str | None = "train"
    seed: int = 1234
    sample_rate: int = 44100

    def __post_init__(self) -> None:
        check_protocol(self.split, self.window_s, self.seed, items=self.items, bank=self.bank)
        check_protocol(self.bank_split, self.window_s, self.seed)
        check_rate(self.sample_rate)
        for what, given, choices in (
            ("tasks", list(self.tasks), TASKS),
            ("prior", [self.prior], tuple(PRIORS)),
            ("references", [self.references], REFERENCES),
        ):
            if not given or not set(given) <= set(choices) or len(set(given)) < len(given):
                raise ArgumentError(f"{what} is {', '.join(given) or 'empty'}: choose from {', '.join(choices)}")
        counts = list(self.tracks)
        if not counts or min(counts) < 1 or len(set(counts)) < len(counts):
            raise ArgumentError(f"tracks are {counts}: give one or more numbers of 1 or more, each once")
        if self.window_s < SHORTEST_WINDOW_S:
            raise ArgumentError(f"window_s is {self.window_s:g}: give {SHORTEST_WINDOW_S:g} s or more")
        self.create_console()

    def create_console(self) -> MixingConsole:
        """The console of the known settings."""
        return create_console(self.console)

    @property
    def track_lufs(self) -> float:
        """What tracks are brought to before that console."""
        return OTHER_TRACK_LUFS.get(self.console, TRACK_LUFS)

    def create_prior(self) -> SettingsPrior:
        """What random settings are drawn from."""
        prior: SettingsPrior = PRIORS[self.prior]()
        return prior


SHORTEST_WINDOW_S = 1.0
"""Seconds that every encoder and every measure can hear."""

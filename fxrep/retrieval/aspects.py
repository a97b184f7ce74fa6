"""What is told of how recordings differ, in words and numbers: some features of `fxrep.metrics.mix_features`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Aspect:
    """One feature and the words for it.

    Attributes:
        name: one word for the feature, to colour a map by.
        feature: its name in `mix_features`.
        more: what a recording is that has more of it.
        less: what it is with less.
        step: about what is just clearly heard: what differs by less is called alike. A choice of ours.
        unit: of a difference.
        ratio: whether the feature is in octaves and a difference is shown as a factor.
        shown_unit: of a value; a value in octaves is shown as what they are octaves of.
    """

    name: str
    feature: str
    more: str
    less: str
    step: float
    unit: str
    ratio: bool = False
    shown_unit: str = "dB"

    @property
    def family(self) -> str:
        """Loudness, spectrum, width, dynamics or reverberance."""
        return self.feature.partition(":")[0]

    def words(self, difference: float) -> str:
        """A difference, for example "2.3 dB louder"."""
        word = self.more if difference > 0 else self.less
        if self.ratio:
            return f"{2 ** abs(difference):.1f} {self.unit} {word}"
        digits = 1 if self.step >= 1 else 2
        if self.unit == "of the power in the side":
            return f"{word} ({difference:+.{digits}f} {self.unit})"
        return f"{abs(difference):.{digits}f} {self.unit} {word}"

    def shown(self, value: float) -> str:
        """A value, for example "1.9 kHz"."""
        if self.shown_unit == "Hz":
            return f"{2**value / 1000:.1f} kHz" if 2**value >= 1000 else f"{2**value:.0f} Hz"
        if self.shown_unit == "s":
            return f"{2**value:.2g} s"
        if self.shown_unit == "%":
            return f"{100 * value:.0f} %"
        return f"{value:.1f} {self.shown_unit}"


ASPECTS = (
    Aspect("loudness", "loudness: integrated (LUFS)", "louder", "quieter", 1.0, "dB", shown_unit="LUFS"),
    Aspect("brightness", "spectrum: centroid (octaves)", "brighter", "darker", 0.2, "octaves", shown_unit="Hz"),
    Aspect(
        "bandwidth",
        "spectrum: bandwidth (octaves)",
        "spectrally wider",
        "spectrally narrower",
        0.2,
        "octaves",
        shown_unit="Hz",
    ),
    Aspect("noisiness", "spectrum: flatness (dB)", "noisier", "more tonal", 2.0, "dB"),
    Aspect("width", "width: side share", "wider", "narrower", 0.05, "of the power in the side", shown_unit="%"),
    Aspect(
        "crest",
        "dynamics: crest (dB)",
        "punchier, with higher peaks",
        "denser, with lower peaks",
        1.0,
        "dB of crest",
    ),
    Aspect("level_spread", "dynamics: spread (dB)", "more varied in level", "steadier in level", 1.0, "dB"),
    Aspect(
        "decay",
        "reverberance: decay (octaves of s)",
        "longer in decay",
        "shorter in decay",
        0.4,
        "times",
        ratio=True,
        shown_unit="s",
    ),
)

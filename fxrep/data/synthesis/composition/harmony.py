"""Keys, modes, chord progressions and how chords are voiced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PITCH_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
MODE_WEIGHTS = (0.33, 0.33, 0.13, 0.1, 0.06, 0.05)

# Where a chord on each degree likes to go next (rows: from, columns: to; degrees I to VII).
NEXT_DEGREE = np.array(
    [
        [0, 2, 1, 4, 4, 4, 1.0],
        [1, 0, 1, 1, 5, 1, 1],
        [0.5, 1, 0, 3, 0.5, 4, 0.5],
        [4, 1, 0.5, 0, 4, 1.5, 0.5],
        [4, 0.5, 0.5, 2, 0, 4, 0.3],
        [1, 2, 1.5, 4, 2, 0, 1.5],
        [4, 0.3, 1.5, 1.5, 0.5, 2, 0],
    ]
)


@dataclass(frozen=True)
class Key:
    """A tonic (pitch class 0 to 11) and a mode."""

    tonic: int
    mode: str

    @property
    def name(self) -> str:
        """For people, such as ``"F# minor"``."""
        return f"{PITCH_NAMES[self.tonic]} {self.mode}"

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """The seven pitch classes, from the tonic up."""
        return tuple((self.tonic + step) % 12 for step in MODES[self.mode])

    def pitch(self, step: int) -> int:
        """MIDI pitch of a scale step; step 0 is the tonic in the octave of middle C, 7 the octave above it."""
        return 60 + self.tonic + 12 * (step // 7) + MODES[self.mode][step % 7]

    def step_near(self, pitch: float) -> int:
        """The scale step whose pitch is nearest to a MIDI pitch."""
        guess = round((pitch - 60 - self.tonic) * 7 / 12)
        return min(range(guess - 2, guess + 3), key=lambda step: abs(self.pitch(step) - pitch))


@dataclass(frozen=True)
class ScoreChord:
    """A chord as written: start and length in beats, root as a degree of the key (0 to 6), its pitch classes."""

    beat: float
    beats: float
    degree: int
    pitch_classes: tuple[int, ...]
    name: str


def draw_key(generator: np.random.Generator) -> Key:
    """Any tonic; major and minor more often than the other modes."""
    names = list(MODES)
    return Key(int(generator.integers(12)), names[int(generator.choice(len(names), p=MODE_WEIGHTS))])


def draw_progression(length: int, generator: np.random.Generator) -> list[int]:
    """Degrees of `length` chords: a walk that mostly starts at home and never ends where it began."""
    degree = 0 if generator.random() < 0.65 else int(generator.choice([1, 3, 5]))
    degrees = [degree]
    while len(degrees) < length:
        weights = NEXT_DEGREE[degree].copy()
        if len(degrees) == length - 1:
            weights[degrees[0]] *= 0.1
        degree = int(generator.choice(7, p=weights / weights.sum()))
        degrees.append(degree)
    return degrees


def build_chord(
    key: Key, degree: int, beat: float, beats: float, richness: float, generator: np.random.Generator
) -> ScoreChord:
    """Stack thirds of the key on a degree; `richness` is the probability of a seventh, ninth or suspension."""
    scale = key.pitch_classes
    thirds = [scale[(degree + offset) % 7] for offset in (0, 2, 4, 6, 8)]
    third, fifth = ((thirds[index] - thirds[0]) % 12 for index in (1, 2))
    quality = {(4, 7): "", (3, 7): "m", (3, 6): "dim", (4, 8): "aug", (4, 6): "(b5)"}.get((third, fifth), "")
    members, suffix = thirds[:3], ""
    if generator.random() < richness:
        colour = generator.choice(["7", "7", "add9", "9", "sus"])
        if colour == "7":
            members, suffix = thirds[:4], "maj7" if (thirds[3] - thirds[0]) % 12 == 11 else "7"
        elif colour == "add9":
            members, suffix = [*thirds[:3], thirds[4]], "add9"
        elif colour == "9":
            members, suffix = thirds, "9"
        elif fifth == 7:
            members, quality, suffix = [thirds[0], scale[(degree + 3) % 7], thirds[2]], "", "sus4"
    return ScoreChord(beat, beats, degree, tuple(members), PITCH_NAMES[thirds[0]] + quality + suffix)


def voice_chord(chord: ScoreChord, center: float, count: int, previous: list[int]) -> list[int]:
    """MIDI pitches of a chord around `center`, near to those of the chord before (voice leading).

    Args:
        chord: what to play.
        center: MIDI pitch around which to play.
        count: notes to play; more than the chord has are doubled at the octave.
        previous: pitches of the chord before; may be empty.
    """
    anchor = 0.5 * center + 0.5 * float(np.mean(previous)) if previous else center
    best: list[int] = []
    best_cost = np.inf
    for inversion in range(len(chord.pitch_classes)):
        order = chord.pitch_classes[inversion:] + chord.pitch_classes[:inversion]
        low = int(center) - 12
        pitches = [low + (order[0] - low) % 12]
        for index in range(1, count):
            above = pitches[-1] + 1
            pitches.append(above + (order[index % len(order)] - above) % 12)
        shift = 12 * round((anchor - float(np.mean(pitches))) / 12)
        pitches = [pitch + shift for pitch in pitches]
        cost = abs(float(np.mean(pitches)) - anchor)
        if previous:
            cost += float(np.mean([min(abs(pitch - old) for old in previous) for pitch in pitches]))
        if cost < best_cost:
            best, best_cost = pitches, cost
    return best

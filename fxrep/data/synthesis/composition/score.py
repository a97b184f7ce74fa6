"""A whole song as notes: who plays in it, and what each of them plays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fxrep.data.synthesis.composition.accompaniment import write_guitar, write_keys, write_sustained
from fxrep.data.synthesis.composition.bass import write_bass
from fxrep.data.synthesis.composition.drums import write_drums, write_percussion
from fxrep.data.synthesis.composition.melody import write_melody
from fxrep.data.synthesis.composition.performance import perform
from fxrep.data.synthesis.composition.sketch import Sketch, draw_sketch
from fxrep.data.synthesis.notes import Note, ScoreNote

KINDS = {
    "kick": "drums",
    "snare": "drums",
    "hihat": "drums",
    "toms": "drums",
    "cymbals": "drums",
    "percussion": "percussion",
    "bass": "bass",
    "guitar": "harmony",
    "keys": "harmony",
    "pad": "harmony",
    "strings": "harmony",
    "brass": "harmony",
    "lead": "melody",
    "winds": "melody",
    "vocals": "melody",
}
"""Every part and its kind (see `draw_form`)."""

GUESTS = {"toms": 0.45, "cymbals": 0.45, "strings": 0.3, "brass": 0.25, "winds": 0.25}
"""Parts that not every song has, with their probability; all others play in every song."""


@dataclass(frozen=True)
class Score:
    """A composed song: its plan, and the played notes of each part."""

    sketch: Sketch
    parts: dict[str, list[Note]]


def compose(seed: int, duration_s: float) -> Score:
    """Compose and play a song; it does not depend on the sample rate, and each part draws from a stream of its own."""
    plan = part_generator(seed, "plan")
    present = [part for part in KINDS if part not in GUESTS or plan.random() < GUESTS[part]]
    sketch = draw_sketch(duration_s, {part: KINDS[part] for part in present}, plan)
    written = _write(sketch, present, seed)
    looseness = sketch.style.looseness_ms
    return Score(
        sketch,
        {
            part: perform(written[part], sketch.clock, looseness, duration_s, part_generator(seed, f"{part} player"))
            for part in present
        },
    )


def part_generator(seed: int, stream: str) -> np.random.Generator:
    """The generator of one stream of a song: adding a stream leaves all others as they were."""
    words = [int.from_bytes(stream.encode()[index : index + 4], "little") for index in range(0, len(stream), 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def _write(sketch: Sketch, present: list[str], seed: int) -> dict[str, list[ScoreNote]]:
    written = write_drums(sketch, part_generator(seed, "drums"))
    for part in present:
        generator = part_generator(seed, part)
        if part == "percussion":
            written[part] = write_percussion(sketch, generator)
        elif part == "bass":
            written[part] = write_bass(sketch, generator)
        elif part == "guitar":
            written[part] = write_guitar(sketch, generator)
        elif part == "keys":
            written[part] = write_keys(sketch, generator)
        elif part in ("pad", "strings", "brass"):
            center = float(generator.uniform(*{"pad": (54, 66), "strings": (60, 74), "brass": (56, 68)}[part]))
            written[part] = write_sustained(sketch, part, center, generator)
        elif part in ("vocals", "lead", "winds"):
            written[part] = write_melody(sketch, part, generator)
    return written

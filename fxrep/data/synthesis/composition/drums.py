"""What the drummer and the percussionist play: patterns, ghost notes, fills and crashes."""

from __future__ import annotations

import numpy as np

from fxrep.data.synthesis.composition.form import STEPS_PER_BEAT
from fxrep.data.synthesis.composition.sketch import Sketch
from fxrep.data.synthesis.composition.style import METRE_PATTERNS
from fxrep.data.synthesis.notes import ScoreNote

VELOCITY = {"X": 0.95, "x": 0.74, "O": 0.8, "o": 0.62, "g": 0.33}
CHANCE = {"X": 1.0, "x": 1.0, "O": 1.0, "o": 0.5, "g": 0.75}


def write_drums(sketch: Sketch, generator: np.random.Generator) -> dict[str, list[ScoreNote]]:
    """Kick, snare, hi-hat, toms and cymbals; the toms and the snare share the fills.

    Articulations: snare ``"ghost"``, ``"hit"``; hi-hat ``"closed"``, ``"open"``; cymbals ``"crash"``, ``"ride"``.
    """
    beats = sketch.clock.beats_per_bar
    style = sketch.style
    kicks, snares, hats = METRE_PATTERNS.get(beats, (style.kick, style.snare, style.hihat))
    lines: dict[str, list[ScoreNote]] = {name: [] for name in ("kick", "snare", "hihat", "toms", "cymbals")}
    grooves = {
        name: {line: _vary(str(generator.choice(source)), line, generator) for line, source in patterns}
        for name, patterns in (
            (kind, (("kick", kicks), ("snare", snares), ("hihat", hats))) for kind in ("verse", "chorus", "other")
        )
    }
    fill_every = int(generator.choice([2, 4, 4, 8]))
    for bar in range(sketch.bars):
        section = next(part for part in sketch.sections if part.first_bar <= bar < part.first_bar + part.bars)
        groove = grooves.get(section.name, grooves["other"])
        last = sketch.starts_section(bar + 1) or (bar + 1) % fill_every == 0
        fill_beats = float(generator.choice([1, 1, 2])) if last and generator.random() < 0.75 else 0.0
        for line, pattern in groove.items():
            if line in section.parts:
                limit = beats - (fill_beats if line != "kick" else 0.0)
                lines[line] += _play_bar(pattern, line, bar * beats, limit, section.intensity, generator)
        if fill_beats and ("toms" in section.parts or "snare" in section.parts):
            _add_fill(lines, section.parts, (bar + 1) * beats - fill_beats, fill_beats, generator)
        if "cymbals" in section.parts:
            lines["cymbals"] += _cymbals(sketch, bar, section.name, generator)
        if "toms" in section.parts and section.name in ("intro", "bridge", "chorus"):
            lines["toms"] += _tom_groove(bar * beats, beats, section.intensity, generator)
    return lines


def write_percussion(sketch: Sketch, generator: np.random.Generator) -> list[ScoreNote]:
    """Shaker, tambourine, congas, cowbell or blocks: one or two of them in a pattern of their own.

    Articulations: ``"shaker"``, ``"tambourine"``, ``"conga"``, ``"cowbell"``, ``"block"``; `voice` 0 or 1 is the
    higher or the lower of a pair.
    """
    beats = sketch.clock.beats_per_bar
    steps = beats * STEPS_PER_BEAT
    tools = [str(name) for name in generator.choice(["shaker", "shaker", "tambourine"], 1)]
    if generator.random() < 0.7:
        tools.append(str(generator.choice(["conga", "conga", "cowbell", "block"])))
    accents = {tool: generator.random(steps) for tool in tools}
    spacing = int(generator.choice([1, 2, 2, 4])) if sketch.clock.tempo_bpm < 130 else 2
    notes = []
    for bar, section in sketch.bars_of("percussion"):
        for tool in tools:
            for step in range(steps):
                strength = accents[tool][step] + 0.25 * (step % 4 == 2) + 0.1 * generator.normal()
                sustained = tool in ("shaker", "tambourine")
                if (sustained and step % spacing == 0) or (not sustained and strength > 0.82):
                    velocity = float(np.clip(0.25 + 0.55 * strength * section.intensity, 0.12, 1.0))
                    voice = int(accents[tool][step] * 97) % 2
                    notes.append(ScoreNote(bar * beats + step / STEPS_PER_BEAT, 0.25, 60, velocity, tool, voice))
    return notes


def _vary(pattern: str, line: str, generator: np.random.Generator) -> str:
    """Change a few steps of a pattern, never its accents: two songs of a style do not share a groove."""
    steps = list(pattern)
    chance = {"kick": 0.07, "snare": 0.05, "hihat": 0.1}[line]
    for index, step in enumerate(steps):
        if step != "X" and generator.random() < chance:
            steps[index] = str(generator.choice(["o", "g", "x"] if step == "." else [".", "o", "x"]))
    return "".join(steps)


def _play_bar(
    pattern: str, line: str, first_beat: float, limit: float, intensity: float, generator: np.random.Generator
) -> list[ScoreNote]:
    notes = []
    for index, step in enumerate(pattern):
        position = index / STEPS_PER_BEAT
        if step == "." or position >= limit or generator.random() > CHANCE[step]:
            continue
        velocity = float(np.clip(VELOCITY[step] * (0.7 + 0.32 * intensity), 0.1, 1.0))
        articulation = "hit"
        if line == "hihat":
            articulation = "open" if step == "O" or (step == "x" and generator.random() < 0.03) else "closed"
        elif line == "snare" and step == "g":
            articulation = "ghost"
        notes.append(ScoreNote(first_beat + position, 0.25, 60, velocity, articulation))
    return notes


def _add_fill(
    lines: dict[str, list[ScoreNote]],
    parts: tuple[str, ...],
    beat: float,
    beats: float,
    generator: np.random.Generator,
) -> None:
    division = int(generator.choice([2, 4, 4, 3]))
    count = int(beats * division)
    descent = np.sort(generator.integers(0, 4, count))
    for index in range(count):
        velocity = float(np.clip(0.55 + 0.4 * index / max(count, 1) + generator.normal(0, 0.06), 0.2, 1.0))
        drum = int(descent[index])
        if generator.random() < 0.12:
            continue
        if (drum == 0 or "toms" not in parts) and "snare" in parts:
            lines["snare"].append(ScoreNote(beat + index / division, 0.25, 60, velocity, "hit"))
        elif "toms" in parts:
            lines["toms"].append(ScoreNote(beat + index / division, 0.25, 60, velocity, "hit", max(drum - 1, 0)))


def _tom_groove(first_beat: float, beats: int, intensity: float, generator: np.random.Generator) -> list[ScoreNote]:
    positions = [step / 2 for step in range(2 * beats) if generator.random() < 0.22]
    return [
        ScoreNote(first_beat + position, 0.5, 60, 0.4 + 0.3 * intensity, "hit", int(generator.integers(1, 3)))
        for position in positions
    ]


def _cymbals(sketch: Sketch, bar: int, section: str, generator: np.random.Generator) -> list[ScoreNote]:
    beats = sketch.clock.beats_per_bar
    notes = []
    if sketch.starts_section(bar) or generator.random() < 0.12:
        notes.append(ScoreNote(bar * beats, 4.0, 60, float(generator.uniform(0.7, 1.0)), "crash"))
    if section in ("chorus", "bridge") or sketch.style.name == "swing":
        for beat in range(beats):
            notes.append(ScoreNote(bar * beats + beat, 1.0, 60, float(generator.uniform(0.35, 0.6)), "ride"))
            if generator.random() < 0.3:
                notes.append(ScoreNote(bar * beats + beat + 0.5, 0.5, 60, 0.3, "ride"))
    return notes

"""Styles: the habits of tempo, metre, rhythm and texture that a song is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Style:
    """What songs of one style have in common; everything else is drawn per song.

    Patterns have one character per sixteenth: ``X`` accent, ``x`` normal, ``o`` sometimes, ``g`` ghost,
    ``O`` open (hi-hat), ``.`` nothing. They describe 4/4; other metres take theirs from `METRE_PATTERNS`.

    Attributes:
        tempo_bpm: lowest and highest tempo.
        beats: beats to the bar to choose from.
        swing: lowest and highest share of the first half of a swung pair (0.5 is straight).
        swing_beats: length of a swung pair: 1 swings eighths, 0.5 sixteenths.
        kit: which drum kits, "acoustic" or "electronic".
        richness: probability that a chord gets a seventh or another colour.
        looseness_ms: standard deviation of the players' timing.
    """

    name: str
    tempo_bpm: tuple[float, float]
    beats: tuple[int, ...]
    swing: tuple[float, float]
    swing_beats: float
    kick: tuple[str, ...]
    snare: tuple[str, ...]
    hihat: tuple[str, ...]
    bass: tuple[str, ...]
    guitar: tuple[str, ...]
    keys: tuple[str, ...]
    kit: tuple[str, ...]
    richness: float
    looseness_ms: float


BACKBEAT = "....X.......X..."

STYLES = (
    Style("pop", (92, 128), (4,), (0.5, 0.52), 0.5,
          ("X.....x.X.......", "X..x....X.x.....", "X.......X.o...o."), (BACKBEAT, "....X..g.g..X..."),
          ("x.x.x.x.x.x.x.x.", "X.o.x.o.X.o.x.O.", "XgxgXgxgXgxgXgxg"), ("eighths", "roots", "syncopated"),
          ("strum", "arpeggio", "chop"), ("block", "comp", "arpeggio"), ("acoustic", "electronic"), 0.3, 6),
    Style("rock", (100, 165), (4, 4, 4, 7), (0.5, 0.5), 0.5,
          ("X.......X.x.....", "X.x.....X.x...o.", "X..x..x.X......x"), (BACKBEAT, "....X..o....X.o."),
          ("X.x.X.x.X.x.X.x.", "X...X...X...X...", "O.O.O.O.O.O.O.O."), ("eighths", "roots"),
          ("strum", "power", "riff"), ("block", "comp"), ("acoustic",), 0.1, 8),
    Style("ballad", (60, 82), (4, 4, 3, 6), (0.5, 0.54), 0.5,
          ("X.........o.....", "X......xX......."), ("........X.......", BACKBEAT),
          ("x...x...x...x...", "x.o.x.o.x.o.x.o."), ("roots", "sustained"),
          ("arpeggio", "strum"), ("arpeggio", "block"), ("acoustic", "electronic"), 0.5, 11),
    Style("house", (116, 130), (4,), (0.5, 0.57), 0.5,
          ("X...X...X...X...", "X...X...X...X.o."), (BACKBEAT, "....X..o....X..."),
          ("..O...O...O...O.", "x.O.x.O.x.Oxx.O.", "gxOxgxOxgxOxgxOx"), ("offbeat", "octaves", "syncopated"),
          ("chop", "riff"), ("stabs", "offbeat", "comp"), ("electronic",), 0.5, 3),
    Style("hip hop", (74, 100), (4,), (0.53, 0.64), 0.5,
          ("X..x......x.....", "X.....xX..x...o.", "X.x....x.xX....."), (BACKBEAT, "....X..g.g..X..g"),
          ("x.x.x.x.x.x.x.x.", "x.xxx.x.x.x.xxO.", "X.g.x.g.X.gOx.g."), ("syncopated", "sustained"),
          ("chop", "arpeggio"), ("comp", "stabs", "block"), ("electronic", "acoustic"), 0.6, 9),
    Style("funk", (92, 118), (4,), (0.5, 0.58), 0.5,
          ("X..x..x...x..x..", "X.x....x..xx....", "X......x.xX..o.."), ("....X..g.g..X..g", ".g..X..g.g.gX..g"),
          ("XgxgXgxgXgxgXgxg", "x.xxx.xOx.xxx.xO", "x.x.xOx.x.x.xOx."), ("syncopated", "octaves"),
          ("chop", "riff"), ("comp", "stabs"), ("acoustic",), 0.6, 7),
    Style("reggae", (68, 92), (4,), (0.54, 0.64), 1.0,
          ("........X.......", "X.......X.......", "X...X...X...X..."), ("........X.......", "........X.....g."),
          ("x.x.x.x.x.x.x.x.", "..x...x...x...x."), ("syncopated", "roots"),
          ("offbeat", "chop"), ("offbeat", "comp"), ("acoustic",), 0.2, 9),
    Style("trap", (128, 160), (4,), (0.5, 0.53), 0.5,
          ("X.....x....x....", "X..x......x...x.", "X.........X..x.."), ("........X.......", "........X......g"),
          ("x.x.x.x.x.x.x.x.", "x.xxx.x.xxx.x.xx", "xxx.xxx.x.x.xxxx"), ("sustained", "roots"),
          ("arpeggio", "riff"), ("arpeggio", "stabs"), ("electronic",), 0.3, 2),
    Style("synthwave", (84, 120), (4,), (0.5, 0.5), 0.5,
          ("X...X...X...X...", "X.......X.......", "X.....x.X......."), (BACKBEAT,),
          ("x.x.x.x.x.x.x.x.", "xxxxxxxxxxxxxxxx"), ("sixteenths", "octaves", "eighths"),
          ("arpeggio", "power"), ("arpeggio", "stabs", "block"), ("electronic",), 0.3, 2),
    Style("drum and bass", (160, 178), (4,), (0.5, 0.55), 0.5,
          ("X.........X.....", "X.x.......X....."), ("....X.......X...", "....X..g.g..X..g"),
          ("x.x.x.x.x.x.x.x.", "X.xgX.xgX.xgX.xg"), ("sustained", "syncopated"),
          ("arpeggio", "chop"), ("block", "stabs"), ("electronic", "acoustic"), 0.5, 3),
    Style("swing", (104, 176), (4, 4, 3, 5), (0.6, 0.67), 1.0,
          ("g...g...g...g...", "x.....o.g.....o."), ("......g.....o...", "....g.o.....g.o."),
          ("x...x.x.x...x.x.", "x...X.x.x...X.xo"), ("walking",),
          ("comp", "chop"), ("comp", "block"), ("acoustic",), 0.9, 12),
    Style("folk", (84, 132), (3, 4, 6, 6), (0.5, 0.58), 0.5,
          ("X.......x.......", "X...o...X...o..."), ("....x.......x...", "....g..g....x..g"),
          ("x...x...x...x...", "g.x.g.x.g.x.g.x."), ("roots", "walking"),
          ("strum", "arpeggio"), ("arpeggio", "comp"), ("acoustic",), 0.2, 12),
)  # fmt: skip

METRE_PATTERNS: dict[int, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    3: (("X.....o.....", "X.........x.", "X...o......."), ("....x...x...", "........X...", "....X......."),
        ("x...x...x...", "x.x.x.x.x.x.", "X.g.x.g.x.g.")),
    5: (("X.....x.....X.......", "X.......x...X....o.."), ("........X.......x...", "....X...........X..."),
        ("x.x.x.x.x.x.x.x.x.x.", "X...x...x...X...x...")),
    6: (("X.......o...X.....o.....", "X...........x.......x..."),
        ("............X...........", "......X...........X....."),
        ("x...x...x...x...x...x...", "X...g...g...X...g...g...")),
    7: (("X.....x.....x.......X.......", "X.......X.....x.....x......."), ("........X...............X...",),
        ("x.x.x.x.x.x.x.x.x.x.x.x.x.x.", "X...x...x...x...x...x...x...")),
}  # fmt: skip
"""Kick, snare and hi-hat patterns of the metres that are not 4/4, by beats to the bar."""


def draw_style(generator: np.random.Generator) -> Style:
    """One of the styles, all as likely."""
    return STYLES[int(generator.integers(len(STYLES)))]

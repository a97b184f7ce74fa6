"""The canonical instrument names, and how a track's name is read as one of them."""

from __future__ import annotations

import re

INSTRUMENTS = (
    "vocals",
    "drums",
    "bass",
    "guitar",
    "keys",
    "strings",
    "brass",
    "winds",
    "lead",
    "pad",
    "percussion",
    "fx",
    "other",
    "mixture",
)

# The first pattern that matches decides, so what a longer name means stands before what its parts mean:
# "steel drums" before "drums", "bass clarinet" before "bass", "lead guitar" before "lead".
_RULES: tuple[tuple[str, str], ...] = (
    ("pad", r"(?<!drum )pads?"),
    ("vocals", r"\w*vox|\w*vocals?|vocalists?|vocoder|voc|voices?|singers?|rappers?|speakers?|choirs?|choruses"),
    ("vocals", r"[ao]{1,3}hs|beat ?box(ing)?|b ?vs?|bgvs?|acapp?ella|narrator|soprano(?! sax)|mezzo|countertenor"),
    ("winds", r"\w*clarinets?|\w*bassoons?|oboes?|flutes?"),
    ("winds", r"\w*sax(es|o?phones?)?|english horn|piccolos?|recorders?|\w*whistles?|ocarinas?|pan ?(pipes?|flutes?)"),
    ("winds", r"shakuhachi|harmonicas?|mouth organ|bagpipes?|melodicas?|wood ?winds?|winds?|reeds?|bamboo flute|dizi"),
    (
        "brass",
        r"(bass )?(trumpets?|trombones?|tubas?)|french horns?|\w*horns?|cornets?|euphoniums?|brass\w*|sousaphone",
    ),
    ("percussion", r"steel ?(drums?|pans?)|timpani|taiko|tablas?|darbuka|congas?|bongos?|shakers?|tamb(ourines?)?"),
    ("percussion", r"cow ?bells?|claves?|triangles?|cajon|djembes?|maracas?|cabasa|guiro|wood ?blocks?|agogo|gongs?"),
    ("percussion", r"castanets?|surdo|timbales?|claps?|hand ?claps?|finger ?snaps?|snaps?|tambora|dhol|mridangam"),
    ("percussion", r"vibraphones?|vibes|marimbas?|xylophones?|glock(enspiel)?s?|tubular bells?|bells?|chimes?|kalimba"),
    ("percussion", r"music ?box|auxiliary percussion|doumbek|frame drum|bodhran|rattle|bell tree"),
    (
        "keys",
        r"\w*piano\w*|\w*organ|rhodes|wurl(i|itzer)?|clav(i|inet|ichord)?|hammond|harpsichords?|celest[ae]|mellotron",
    ),
    ("keys", r"accordions?|bandoneon|concertina|honky ?tonk|(acoustic|bright|electric) grand|e ?pno|pno|cembalo"),
    ("percussion", r"perc\w*"),
    ("drums", r"\w*drums?|drum ?(kit|set|machine)|\w*kicks?|bd|b ?drum|kik|\w*snares?|sn|snr|sd|rim ?(shots?)?"),
    ("drums", r"(hi ?)?hats?|hh|toms?|floor ?tom|rack ?tom|cymbals?|crash(es)?|rides?|splash|overheads?|oh|kit"),
    ("drums", r"break ?beats?|drum ?loop|beats?|hihats?|china|808s?|909s?|trap set"),
    ("bass", r"\w*bass(es)?|bass ?(line|synth|guitar)\w*|bs|sub ?bass|sub|contrabass|upright|moog bass"),
    ("guitar", r"\w*guitars?|gtrs?|guits?|banjos?|mandolins?|ukuleles?|uke|bouzouki|oud|lute|sitars?|pipa|shamisen"),
    ("guitar", r"(lap|pedal) steel|dobro|tele(caster)?|strat(ocaster)?|slide"),
    (
        "strings",
        r"\w*strings?|violins?|violas?|cell(o|os|i)|fiddles?|erhu|harps?|pizz(icato)?|quartet|vlns?|vlas?|vcs?",
    ),
    ("lead", r"leads?|arps?|arpeggio|plucks?"),
    ("keys", r"keys?|keyboards?|synth(esizer|esiser|s)?|ep|juno|moog|prophet|sampler"),
    ("fx", r"s?fx|effects?|risers?|noise|sweeps?|foley|ambi(ence|ance|ent)|impacts?|scratch(es)?|whoosh|swoosh|crowd"),
    ("mixture", r"mix(ture|down|es)?|2 ?mix|master|full mix"),
)
_COMPILED = tuple((name, re.compile(rf"\b(?:{pattern})\b")) for name, pattern in _RULES)


def guess_instrument(name: str) -> str:
    """Read a track's name ("03_ElecGtr2", "LeadVox", "Bass Drum") as one of `INSTRUMENTS`.

    Separators, numbers and changes of case part the words. What says nothing is `"other"`: a guess that
    would be wrong is worse for per-instrument statistics than no guess.

    Args:
        name: a track or file name without its suffix; a canonical name is returned as it is.
    """
    words = _words(name)
    if words in INSTRUMENTS:
        return words
    return next((instrument for instrument, pattern in _COMPILED if pattern.search(words)), "other")


def is_mixture_name(name: str) -> bool:
    """Whether a file of this name in a song's folder is the song's mix rather than one of its tracks."""
    return _words(name) in ("mix", "mixture", "mixdown", "master", "full mix", "stereo mix")


def _words(name: str) -> str:
    parted = re.sub(r"([a-z])([A-Z])|([A-Z])(?=[A-Z][a-z])", r"\1\3 \2", name)
    parted = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", " ", parted)
    return " ".join(re.sub(r"[\W_]+", " ", parted).lower().split())

"""Markdown tables, their footnotes, and the aims judged by them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .entries import CHAIN, OURS, Entry
from .measuring import Held, Times

HEADS = ("forward CPU", "forward wall", "f+b CPU", "f+b wall")
TITLE = (
    "| processor | library | forward CPU ms | ratio | forward wall ms | ratio | f+b CPU ms | ratio | f+b wall ms "
    "| ratio | floor | forward x floor | f+b x floor |\n" + "|---" * 13 + "|"
)


# Memory is handed out in pages, and to each thread in arenas.
ROUNDING_MB = 1.0


@dataclass
class Row:
    """The times of one processor of one library: forward, and forward + backward where there is a gradient."""

    name: str
    entry: Entry
    times: dict[bool, Times] = field(default_factory=dict)

    def value(self, head: str) -> float | None:
        times = self.times.get(head.startswith("f+b"))
        return None if times is None else getattr(times, head.split()[1].lower())


class Footnotes:
    """Numbers the notes of a table, each once."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def mark(self, note: str) -> str:
        if not note:
            return ""
        if note not in self.notes:
            self.notes.append(note)
        return f" [{self.notes.index(note) + 1}]"

    def text(self) -> str:
        return "\n".join(f"[{number}] {note}.  " for number, note in enumerate(self.notes, 1))


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2g}" if value < 10.0 else f"{value:.0f}"


def row_text(row: Row, ours: Row, floor: dict[bool, Times], label: str, mark: str) -> str:
    """Return one line; ratios are theirs over ours, floors are in CPU time."""
    cells = [row.name, row.entry.library + mark]
    for head in HEADS:
        value, own = row.value(head), ours.value(head)
        cells += [number(value), number(value / own) if value is not None and own else ""]
    cells.append(label)
    for gradient in (False, True):
        known = gradient in row.times and gradient in floor
        cells.append(number(row.times[gradient].cpu / floor[gradient].cpu) if known else "")
    return "| " + " | ".join(cells) + " |"


def ratios(rows: list[Row], head: str, gradient: bool) -> dict[str, tuple[float, str]]:
    """Return theirs over ours, and the library, by processor: the fastest with or without a gradient."""
    own = {(row.name, row.entry.library): row.value(head) for row in rows}
    found: dict[str, tuple[float, str]] = {}
    for row in rows:
        value, mine = row.value(head), own.get((row.name, row.entry.against))
        if row.entry.library.startswith(OURS) or row.entry.gradient != gradient or value is None or not mine:
            continue
        if row.name not in found or value / mine < found[row.name][0]:
            found[row.name] = (value / mine, row.entry.library)
    return found


def against_dasp(rows: list[Row], heads: list[str]) -> list[str]:
    lines = []
    for name, aim in (("parametric_eq", 10.0), ("compressor", 5.0), ("noise_shaped_reverb", 100.0)):
        theirs = [row for row in rows if row.name == name and row.entry.library == "dasp-pytorch"]
        ours = [row for row in rows if row.name == name and row.entry.library == OURS]
        for head in heads:
            values = [row[0].value(head) if row else None for row in (theirs, ours)]
            if values[0] is not None and values[1]:
                ratio = values[0] / values[1]
                verdict = "met" if ratio >= aim else "not met"
                lines.append(f"- {name}, {head}: {number(ratio)} times dasp-pytorch, aim {aim:g}: {verdict}")
    return lines


def aims(rows: list[Row], heads: list[str]) -> str:
    """Return the aims with what was measured."""
    lines = against_dasp(rows, heads)
    for head in heads:
        found = ratios(rows, head, True)
        if found:
            lines.append(judge(f"never slower than the fastest differentiable alternative, {head}", found, 1.0))
        found = ratios(rows, head, False) if head.startswith("forward") else {}
        # What they have without a panner is no chain of ours.
        found.pop(CHAIN, None)
        if found:
            lines.append(judge(f"within 2 times of the fastest compiled alternative, {head}", found, 0.5))
    return "\n".join(lines)


def judge(aim: str, found: dict[str, tuple[float, str]], least: float) -> str:
    missed = sorted((ratio, name, library) for name, (ratio, library) in found.items() if ratio < least)
    if not missed:
        ratio, library, name = min((ratio, library, name) for name, (ratio, library) in found.items())
        return f"- {aim}: met by all {len(found)}, closest {name} ({library} over ours {ratio:.2f})"
    listed = ", ".join(f"{name} ({library} over ours {ratio:.2f})" for ratio, name, library in missed)
    return f"- {aim}: not met by {len(missed)} of {len(found)}: {listed}"


Versions = list[tuple[Entry, dict[bool, Held]]]


def fastest_held(versions: Versions, gradient: bool, differentiable: bool) -> tuple[float, float, str] | None:
    """Return the MB of ours, those of the alternative whose call was the fastest, and its library; None without one."""
    ours = {entry.library: values for entry, values in versions}
    rivals = [
        (values[gradient].seconds, values[gradient].mb, entry)
        for entry, values in versions
        if gradient in values and entry.gradient == differentiable and not entry.library.startswith(OURS)
    ]
    if not rivals:
        return None
    _, theirs, entry = min(rivals, key=lambda rival: rival[0])
    mine = ours.get(entry.against, {}).get(gradient)
    return None if mine is None else (mine.mb, theirs, entry.library)


def memory_aims(held: dict[str, Versions]) -> str:
    """Return how the memory of ours stands beside that of the fastest alternative, by the processors given.

    What differs by less than ROUNDING_MB is the same.
    """
    lines = []
    for differentiable, gradient in ((True, False), (True, True), (False, False)):
        more, count = [], 0
        for name, versions in held.items():
            rival = fastest_held(versions, gradient, differentiable)
            if rival is None:
                continue
            ours, theirs, library = rival
            count += 1
            if ours > theirs + ROUNDING_MB:
                more.append(f"{name} ({number(ours)} against {number(theirs)} MB of {library})")
        kind, what = "differentiable" if differentiable else "compiled", "f+b" if gradient else "forward"
        verdict = f"not met by {len(more)} of {count}: {', '.join(more)}" if more else f"met by all {count}"
        if count:
            lines.append(f"- no more memory than the fastest {kind} alternative, {what}: {verdict}")
    return "\n".join(lines)

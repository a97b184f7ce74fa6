"""One line per processor: ours, and the fastest alternatives as ratios."""

from __future__ import annotations

from .entries import OURS
from .measuring import Held
from .tables import Row, Versions, fastest_held, number, ratios

COLUMNS = (("forward CPU", True), ("forward CPU", False), ("f+b CPU", True), ("forward wall", True))
COLUMNS += (("forward wall", False), ("f+b wall", True))
KINDS = {True: "differentiable", False: "compiled"}


def compact_times(rows: list[Row]) -> str:
    """Return a table of milliseconds of ours, each followed by theirs over ours and the library.

    Above 1 we are faster. Where a library is compared with another version of ours, the ratio is to that.
    """
    titles, found = ["processor"], []
    for head, gradient in COLUMNS:
        if f"{head} ms" not in titles:
            titles.append(f"{head} ms")
        titles.append(KINDS[gradient])
        found.append((f"{head} ms", head, ratios(rows, head, gradient)))
    lines = ["| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|"]
    for row in rows:
        if row.entry.library != OURS:
            continue
        cells, last = [row.name], ""
        for title, head, best in found:
            if title != last:
                cells.append(number(row.value(head)))
            last = title
            ratio, library = best.get(row.name, (None, ""))
            cells.append(f"{number(ratio)} {library}".strip())
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def compact_memory(held: dict[str, Versions]) -> str:
    """Return a table of MB of ours, each followed by those of the fastest alternative."""
    lines = [
        "| processor | forward MB | differentiable | compiled | f+b MB | differentiable |\n|---|---|---|---|---|---|"
    ]
    for name, versions in held.items():
        ours: dict[bool, Held] = versions[0][1]
        cells = [name]
        for gradient, kinds in ((False, (True, False)), (True, (True,))):
            cells.append(str(round(ours[gradient].mb)) if gradient in ours else "")
            for differentiable in kinds:
                rival = fastest_held(versions, gradient, differentiable)
                cells.append("" if rival is None else f"{round(rival[1])} {rival[2]}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)

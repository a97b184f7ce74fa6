"""Speed and memory of every effect beside other libraries, in one run: Markdown tables.

    python benchmarks/effects.py [--threads 2] [--repetitions 5] [--only parametric_eq chain …] [--device cuda]
    python benchmarks/effects.py --memory [--only …]
    python benchmarks/effects.py --compact [--memory] …     one line per processor: ours and the fastest others

All processors and the chain EQ, compressor, reverb, pan, gain; forward, and forward + backward with the gradient to
the audio and to all settings; 16 x 2 x 5 s and 1 x 2 x 30 s unless --batch and --seconds say otherwise. Times are
medians in milliseconds: of the processor, summed over threads, and of the clock on the wall. A ratio is theirs over
ours, so above 1 we are faster. Settings are alike; where algorithms differ, a footnote says so. Effects without
gradients run one item after the other on one thread. On a GPU the differentiable libraries alone are measured, and the
CPU time is that of launching. Run it on an otherwise idle machine: where threads outnumber free cores they wait for
each other in every operation, and waiting counts as CPU time. Torch's own threads wait for some milliseconds after
every operation in the same way, in every library that uses them.

The floors, measured in the same run: a copy (x * 1.0) for what has no memory, a running sum for recursions (it does
one addition per sample, several rows at a time can go below it), and a transform and back at the padded length for
convolutions; for the chain their sum.

--memory prints instead the most memory that one call holds beyond its input, each in a process of its own; the aim is
to hold no more than the alternative whose call was the fastest there.

What is printed is Markdown for docs/speed.md as it stands. Where another library's effect lacks a part of ours, it is
compared with a version of ours without that part, in a row of its own.

pedalboard and dasp-pytorch are in the extra `dev`. grafx and torchcomp are not, as torchlpc is built from source; their
rows are left out unless they are installed: `pip install --no-deps --no-build-isolation grafx torchcomp torchlpc
torch_geometric networkx einops`. Without FlashFFTConv, grafx runs on torch's transforms.
"""

from __future__ import annotations

import argparse
import functools
import gc

import numba
import torch
from effects_speed import compiled, differentiable, ours
from effects_speed.compact import compact_memory, compact_times
from effects_speed.entries import OURS, RATE, Entry, bursts
from effects_speed.measuring import (
    FLOORS,
    Held,
    Shape,
    Times,
    describe,
    floor_of,
    measure,
    measure_entry,
    memory_apart,
    memory_on_device,
)
from effects_speed.tables import TITLE, Footnotes, Row, aims, memory_aims, number, row_text

Floors = dict[str, dict[bool, Times]]
SHAPES = (Shape(16, 5.0), Shape(1, 30.0))
PASSES = {False: "forward", True: "forward + backward"}


def all_entries(device: torch.device, only: list[str] | None) -> dict[str, list[Entry]]:
    """Return the libraries by processor, ours first."""
    others = [differentiable.entries()]
    if device.type == "cpu":
        others.append(compiled.entries())
    found = ours.entries()
    for unknown in set(only or ()) - set(found):
        raise SystemExit(f"no processor is called {unknown!r}; choose from {', '.join(found)}")
    return {
        name: own + [entry for more in others for entry in more.get(name, [])]
        for name, own in found.items()
        if not only or name in only
    }


def measure_floors(audio: torch.Tensor, repetitions: int) -> Floors:
    return {
        name: {gradient: measure(call, audio, repetitions, gradient) for gradient in PASSES}
        for name, call in FLOORS.items()
    }


def measure_row(name: str, entry: Entry, audio: torch.Tensor, repetitions: int, footnotes: Footnotes) -> Row:
    """Measure what works; what fails becomes a footnote."""
    row = Row(name, entry)
    for gradient, label in PASSES.items():
        if gradient and not entry.gradient:
            continue
        try:
            row.times[gradient] = measure_entry(entry, audio, repetitions, gradient)
        except Exception as error:
            footnotes.mark(f"{entry.library}, {name}, {label} failed: {describe(error)}")
        gc.collect()
    return row


def print_times(shape: Shape, entries: dict[str, list[Entry]], arguments: argparse.Namespace) -> None:
    """Print one table with its footnotes and aims."""
    audio = bursts(shape.batch, shape.seconds).to(arguments.device)
    floors = measure_floors(audio, arguments.repetitions)
    print(f"\n### {shape} at {RATE} Hz, {arguments.device}, {arguments.threads} threads\n", flush=True)
    footnotes, rows = Footnotes(), []
    show = (lambda *lines: None) if arguments.compact else functools.partial(print, flush=True)
    show(TITLE)
    for floor, times in floors.items():
        cells = [f"{number(t.cpu)} | | {number(t.wall)} | " for t in times.values()]
        show(f"| floor: {floor} | torch | {' | '.join(cells)} | | | |")
    for name, versions in entries.items():
        own: dict[str, Row] = {}
        for entry in versions:
            row = measure_row(name, entry, audio, arguments.repetitions, footnotes)
            own[entry.library] = row
            rows.append(row)
            names = floor_of(name, entry.library) if entry.library.startswith(OURS) else ()
            total = {gradient: Times(sum(floors[n][gradient].cpu for n in names), 0.0) for gradient in PASSES if names}
            failed = "".join(
                footnotes.mark(note) for note in footnotes.notes if note.startswith(f"{entry.library}, {name},")
            )
            mark = footnotes.mark(entry.note) + failed
            show(row_text(row, own[entry.against], total, " + ".join(names), mark))
    if arguments.compact:
        print(compact_times(rows))
    else:
        print(f"\n{footnotes.text()}", flush=True)
    clocks = ("wall",) if audio.is_cuda else ("CPU", "wall")
    heads = [f"{what} {clock}" for clock in clocks for what in ("forward", "f+b")]
    print(f"\nAims at {shape}:\n\n{aims(rows, heads)}", flush=True)


def hold(
    name: str, entry: Entry, shape: Shape, arguments: argparse.Namespace, footnotes: Footnotes
) -> dict[bool, Held]:
    """Measure the memory of what works, and print one line unless the table is compact."""
    held: dict[bool, Held] = {}
    cells = []
    for gradient in PASSES:
        cells.append("")
        if gradient and not entry.gradient:
            continue
        result = (
            memory_apart(entry, shape, gradient, arguments.threads)
            if arguments.device == "cpu"
            else memory_on_device(entry, shape, gradient)
        )
        if isinstance(result, Held):
            held[gradient], cells[-1] = result, str(round(result.mb))
        else:
            cells[-1] = footnotes.mark(f"{entry.library}: {result}")
    if not arguments.compact:
        print(f"| {name} | {entry.library} | {' | '.join(cells)} |", flush=True)
    return held


def print_memory(shape: Shape, entries: dict[str, list[Entry]], arguments: argparse.Namespace) -> None:
    """Print the table of extra memory, and the aim."""
    size = shape.batch * 2 * int(shape.seconds * RATE) * 4 / 2**20
    print(f"\n### Most memory beyond the input of {size:.0f} MB, {shape}, {arguments.device}, MB\n")
    if not arguments.compact:
        print("| processor | library | forward | f+b |\n|---|---|---|---|", flush=True)
    footnotes, held = Footnotes(), {}
    for name, versions in entries.items():
        held[name] = []
        for entry in versions:
            if not entry.one_item:
                held[name].append((entry, hold(name, entry, shape, arguments, footnotes)))
    table = compact_memory(held) if arguments.compact else ""
    print(f"{table}\n{footnotes.text()}\n\nAims at {shape}:\n\n{memory_aims(held)}", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, help="items; with --seconds, instead of the two shapes")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", nargs="*", help="processors to measure, and 'chain'")
    parser.add_argument("--compact", action="store_true", help="one line per processor: ours and the fastest others")
    parser.add_argument("--memory", action="store_true", help="memory instead of time")
    parser.add_argument("--quick", action="store_true", help="2 x 2 x 1 s once: to see that all works")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    shapes = SHAPES
    if arguments.quick:
        shapes, arguments.repetitions = (Shape(2, 1.0),), 1
    if arguments.batch or arguments.seconds:
        shapes = (Shape(arguments.batch or 16, arguments.seconds or 5.0),)
    # A process forked from one with threads at work would wait for them for ever: until then there is one.
    torch.set_num_threads(1)
    entries = all_entries(torch.device(arguments.device), arguments.only)
    for shape in shapes:
        if arguments.memory:
            print_memory(shape, entries, arguments)
        else:
            # In this order: numba, as it starts its own threads, changes the number of torch's.
            numba.set_num_threads(min(arguments.threads, numba.config.NUMBA_NUM_THREADS))
            torch.set_num_threads(arguments.threads)
            print_times(shape, entries, arguments)


if __name__ == "__main__":
    main()

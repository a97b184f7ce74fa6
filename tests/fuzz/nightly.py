"""Read thousands of damaged files: `python -m tests.fuzz.nightly --files 20000 --findings FOLDER`.

It exits with 1 when one of them crashes, hangs, takes too much memory or raises anything but an `FxrepError`; the files
that do are in the folder, and `--file FILE` reads one of them again. `--first` goes on where an earlier call stopped.
Afterwards some hundreds of other files are posted to a server, which must refuse them in one line and live on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .hunting import Reader, hunt
from .posting import post_damaged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--cpu", type=float, default=float("inf"), help="stop after so many seconds of the processor")
    parser.add_argument("--posted", type=int, default=400, help="files that are posted to a server")
    parser.add_argument("--file", type=Path, help="read this file and nothing else")
    given = parser.parse_args()
    if given.file is not None:
        reader = Reader(given.seed)
        answer = reader.ask({"file": str(given.file.resolve())})
        reader.stop()
        lines = [answer] if isinstance(answer, str) else [found["detail"] for found in answer["findings"]]
        sys.stdout.write("\n".join(lines or ["no finding"]) + "\n")
        return int(bool(lines))
    findings = _read(given) + _post(given)
    for name, line in findings:
        sys.stdout.write(f"{name}  {line}\n")
    return int(bool(findings))


def _read(given: argparse.Namespace) -> list[tuple[str, str]]:
    if not given.files:
        return []
    numbers = range(given.first, given.first + given.files)
    report = hunt(numbers, given.seed, given.findings, cpu_budget_s=given.cpu)
    sys.stdout.write(
        f"{report.files} files from number {given.first} of seed {given.seed}: {len(report.findings)} findings, "
        f"{report.restarts} restarts, {report.cpu_s:.0f} s of the "
        f"processor; next: --first {given.first + report.files}\n"
    )
    return report.findings


def _post(given: argparse.Namespace) -> list[tuple[str, str]]:
    if not given.posted:
        return []
    # Behind those that are read: two ways see more files than one way twice.
    first = given.first + given.files
    report = post_damaged(range(first, first + given.posted), given.seed, given.findings)
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.outcomes.items()))
    sys.stdout.write(
        f"{report.files} files from number {first} posted: {outcomes or 'none'}; {len(report.findings)} findings, the "
        f"slowest after {report.slowest_s:.1f} s; the server grew by {report.grown >> 20} MB, with its decoders by "
        f"{report.all_grown >> 20} MB\n"
    )
    return report.findings


if __name__ == "__main__":
    sys.exit(main())

"""CPU seconds that a fresh interpreter spends on `import fxrep` and on `fxrep --help`.

python benchmarks/startup.py [--repeats 5]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys


def cpu_seconds(arguments: list[str]) -> float:
    """User and system time of one child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    print("| what | median CPU s |\n|---|---|")
    for name, arguments in (
        ("python alone", ["-c", "pass"]),
        ("import fxrep", ["-c", "import fxrep"]),
        ("fxrep --help", ["-m", "fxrep", "--help"]),
        ("fxrep embed --help", ["-m", "fxrep", "embed", "--help"]),
    ):
        cpu_seconds(arguments)
        print(f"| `{name}` | {statistics.median(cpu_seconds(arguments) for _ in range(repeats)):.2f} |")


if __name__ == "__main__":
    main()

"""What every verb prints: one line for people or one JSON document for machines, on standard output."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]


def emit(result: dict[str, Any], as_json: bool, text: str) -> None:
    """Print `result` as JSON, or `text` for people, on standard output."""
    shown = json.dumps(result, ensure_ascii=False) if as_json else text
    # A file's name need not be UTF-8; the escape that stands for such a byte is valid JSON too.
    print(shown.encode("utf-8", "backslashreplace").decode())


def report_failures(failures: list[tuple[str, str]]) -> None:
    """Name on standard error every input of a batch that was left out: (path, reason)."""
    for path, reason in failures:
        print(f"fxrep: left out {path}: {reason}", file=sys.stderr)

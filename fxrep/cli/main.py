"""The `fxrep` command: collects the verbs and turns every error a user can cause into one line."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import Annotated, Any

import typer

from fxrep import __version__
from fxrep.errors import ArgumentError, FxrepError

COMMANDS = ("demo", "train", "fit", "embed", "search", "map", "transfer", "mix", "render", "serve", "doctor")
GROUPS = ("data", "models", "index", "evaluate")
INTERRUPTED = 130

# Typer brings its own copy of click or uses the one installed, depending on its version; this is its class in both.
UsageError: Any = typer.BadParameter.__base__


def build_app() -> typer.Typer:
    """Register every verb; the modules themselves import their heavy dependencies only when they run."""
    app = typer.Typer(
        name="fxrep",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain text: quicker, greppable, and an example after \b stays as it was written
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name in COMMANDS:
        module = importlib.import_module(f"fxrep.cli.{name}")
        app.command(name, **getattr(module, "COMMAND_OPTIONS", {}))(module.run)
    for name in GROUPS:
        app.add_typer(importlib.import_module(f"fxrep.cli.{name}").app, name=name)
    return app


def main() -> None:
    """Run the command line; exit code 0, 1 (the work failed) or 2 (the call is wrong)."""
    try:
        _start_logging(os.environ.get("FXREP_LOG", "WARNING"))
        code = build_app()(prog_name="fxrep", standalone_mode=False) or 0
        if code == INTERRUPTED:
            _fail("interrupted: what was finished is kept", INTERRUPTED)
        sys.exit(code)
    except UsageError as error:
        sys.exit(_refuse(error))
    except FxrepError as error:
        sys.exit(_fail(str(error), error.exit_code))
    except KeyboardInterrupt:
        sys.exit(_fail("interrupted: what was finished is kept", INTERRUPTED))
    except OSError as error:
        sys.exit(_fail(f"{error.filename or 'system'}: {error.strerror or error}", 1))


def _start_logging(level: str) -> None:
    try:
        logging.basicConfig(level=level.upper(), format="fxrep: %(message)s")
    except ValueError:
        raise ArgumentError(f"FXREP_LOG is {level!r}: choose DEBUG, INFO, WARNING or ERROR") from None


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"fxrep {__version__}")
        raise typer.Exit()


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Learn, search, transfer and measure how audio was mixed."""


def _refuse(error: Any) -> int:
    """Say what is wrong with the call in one line; a group that was called without a verb shows its help."""
    path = error.ctx.command_path if error.ctx else "fxrep"
    message = error.format_message().strip()
    if type(error).__name__ == "NoArgsIsHelpError":
        print(message, file=sys.stderr)
        return 2
    message = message[:1].lower() + message[1:].rstrip(".")
    return _fail(f"{message}{' See' if message.endswith('?') else ': see'} {path} --help", 2)


def _fail(message: str, code: int) -> int:
    print(f"fxrep: {' '.join(message.split())}", file=sys.stderr)
    return code

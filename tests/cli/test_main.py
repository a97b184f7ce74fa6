"""The command as a user meets it: quick, one line per error, exit codes 0, 1 and 2."""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fxrep.cli import main as command
from fxrep.cli.output import emit
from fxrep.errors import DataError

ROOT = Path(__file__).parents[2]


def fxrep(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fxrep", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def cpu_of(*arguments: str) -> float:
    """Seconds of processor time, user and system, of one fresh process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def test_help_takes_under_half_a_second_of_processor_time() -> None:
    # The best of three: the first run compiles, and another process may disturb one.
    assert min(cpu_of("-m", "fxrep", "--help") for _ in range(3)) < 0.5


def test_help_lists_every_verb() -> None:
    shown = fxrep("--help").stdout
    for name in (*command.COMMANDS, *command.GROUPS):
        assert f"\n  {name} " in shown


@pytest.mark.parametrize("name", [*command.COMMANDS, *command.GROUPS])
def test_verbs_load_nothing_heavy(name: str) -> None:
    code = f"import sys, fxrep.cli.{name}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    heavy = {"torch", "numpy", "scipy", "soundfile", "pyarrow", "faiss", "lightning", "matplotlib"}
    assert not heavy & set(loaded.split())


def every_verb() -> list[tuple[str, ...]]:
    """The words of every verb: ("search",), ("data", "scan"), …"""
    verbs: list[tuple[str, ...]] = [(name,) for name in command.COMMANDS]
    for group in command.GROUPS:
        app = importlib.import_module(f"fxrep.cli.{group}").app
        for info in app.registered_commands:
            verbs.append((group, info.name or info.callback.__name__.replace("_", "-")))
    return verbs


@pytest.mark.parametrize("words", every_verb(), ids=" ".join)
def test_verb_has_help_with_an_example(words: tuple[str, ...]) -> None:
    answer = fxrep(*words, "--help")
    assert answer.returncode == 0, answer.stderr
    text = " ".join((answer.stdout + answer.stderr).split())
    assert f"fxrep {' '.join(words)}" in text
    assert "Example" in text or words == ("train",)
    assert "--json" in text or words == ("train",)


def test_version_is_the_package_s() -> None:
    import fxrep as package

    assert fxrep("--version").stdout.strip() == f"fxrep {package.__version__}"


@pytest.mark.parametrize("arguments", [["serch"], ["search"], ["search", "--no-such-option"], ["data", "nothing"]])
def test_wrong_call_exits_with_2_and_no_traceback(arguments: list[str]) -> None:
    answer = fxrep(*arguments)
    assert answer.returncode == 2
    (line,) = answer.stderr.splitlines()
    assert line.startswith("fxrep: ") and line.endswith(" --help")
    assert answer.stdout == ""


@pytest.mark.parametrize("arguments", [[], ["data"]])
def test_a_group_without_a_verb_shows_its_help(arguments: list[str]) -> None:
    answer = fxrep(*arguments)
    assert answer.returncode == 2
    assert "Usage" in answer.stderr + answer.stdout


def test_missing_file_exits_with_1_and_one_line(tmp_path: Path) -> None:
    answer = fxrep("search", str(tmp_path / "no.fxindex"), str(tmp_path / "no.wav"))
    assert answer.returncode in (1, 2)
    assert len(answer.stderr.strip().splitlines()) == 1
    assert answer.stderr.startswith("fxrep: ")
    assert "no.fxindex" in answer.stderr


def raising(error: BaseException) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def verb() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("songs.parquet holds\nno rows"), 1, "fxrep: songs.parquet holds no rows"),
        (OSError(28, "No space left on device", "out.npz"), 1, "fxrep: out.npz: No space left on device"),
        (KeyboardInterrupt(), 130, "fxrep: interrupted: what was finished is kept"),
    ],
)
def test_errors_become_one_line(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "build_app", lambda: raising(error))
    monkeypatch.setattr(sys, "argv", ["fxrep"])
    with pytest.raises(SystemExit) as stop:
        command.main()
    assert stop.value.code == code
    assert capsys.readouterr().err.strip() == line


def test_a_reader_that_leaves_early_causes_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "fxrep", "--help"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    message = process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()
    assert "Traceback" not in message and "Exception ignored" not in message


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
def test_ctrl_c_ends_with_130() -> None:
    code = (
        "import signal, time, typer, sys\n"
        # A shell starts background jobs with SIGINT ignored, and children inherit that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from fxrep.cli import main as command\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def verb():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "command.build_app = lambda: app\n"
        "command.main()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert message.strip() == "fxrep: interrupted: what was finished is kept"


def test_an_unknown_log_level_is_a_wrong_call(monkeypatch, capsys) -> None:
    monkeypatch.setenv("FXREP_LOG", "loud")
    monkeypatch.setattr("logging.root.handlers", [])
    with pytest.raises(SystemExit) as stop:
        command.main()
    assert stop.value.code == 2 and capsys.readouterr().err.startswith("fxrep: FXREP_LOG is 'loud': choose")


@pytest.mark.parametrize("as_json", [True, False])
def test_names_that_are_not_utf8_are_printed_escaped(as_json, capsys) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    emit({"path": name}, as_json, name)
    shown = capsys.readouterr().out
    assert json.loads(shown)["path"] == name if as_json else shown == "caf\\udce9.wav\n"

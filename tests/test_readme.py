"""What the README and the guide show works: Python blocks run, command lines parse, links and targets exist."""

from __future__ import annotations

import re
import runpy
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from fxrep.cli.main import build_app

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def command_lines() -> list[tuple[str, str]]:
    """Every line of a shell block: (page, line without comment)."""
    lines = [(page, line) for page in PAGES for block in blocks(page, "sh") for line in block.splitlines()]
    stripped = [(page, re.sub(r"\s+#.*", "", line).strip()) for page, line in lines]
    return [(page, line) for page, line in stripped if line]


@cache
def command() -> Any:
    return typer.main.get_command(build_app())


def parse(words: list[str]) -> None:
    """Parse a command line down to its verb without running it; an unknown verb, option or value raises."""
    context = command().make_context("fxrep", list(words))
    group, rest = command(), words
    while hasattr(group, "resolve_command"):
        name, group, rest = group.resolve_command(context, rest)
        context = group.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize(("page", "line"), [one for one in command_lines() if one[1].startswith("fxrep ")])
def test_command_line_parses(page: str, line: str) -> None:
    # What follows > or | is the shell's.
    parse(shlex.split(re.split(r"\s[>|]\s", line)[0])[1:])


def test_the_check_of_command_lines_can_fail() -> None:
    for wrong in (["search", "lib.fxindex", "a.wav", "--kk", "5"], ["serch"], ["search", "lib.fxindex"]):
        with pytest.raises(Exception, match=r"(?i)no such|missing"):
            parse(wrong)


def test_guide_names_every_verb() -> None:
    shown = {tuple(line.split()[1:3]) for _, line in command_lines() if line.startswith("fxrep ")}
    for name, verb in command().commands.items():
        for words in [(name, sub) for sub in getattr(verb, "commands", {})] or [(name,)]:
            text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
            assert words in shown or f"fxrep {' '.join(words)}" in text, words


def test_configurations_in_the_guide_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"configs/[\w./-]+\.yaml", (ROOT / page).read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{page}: {name}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for page, line in command_lines():
        words = shlex.split(line)
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, f"{page}: {line}"


def test_tables_of_the_processors_are_up_to_date() -> None:
    renew = runpy.run_path(str(ROOT / "docs" / "make_effect_tables.py"))["with_tables"]
    page = (ROOT / "docs" / "effects.md").read_text(encoding="utf-8")
    assert renew(page) == page, "run: python docs/make_effect_tables.py"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        if not target.startswith(("http", "#")):
            assert (ROOT / page).parent.joinpath(target.split("#")[0]).exists(), f"{page}: {target}"


def test_readme_opens_with_the_two_commands() -> None:
    first = blocks("README.md", "sh")[0]
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make demo", "make test"]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with what the guide's commands have made by the time a reader copies a Python block."""
    import torch

    from encoders import load_encoder
    from fxrep import FxNormalizer, ReferenceIndex
    from fxrep.audio import save_audio
    from fxrep.data import SplitFractions, scan
    from fxrep.data.synthesis.song import generate_song
    from fxrep.normalization import normalize_dataset

    monkeypatch.chdir(tmp_path)
    song = generate_song(1, duration_s=5.0, tracks=["vocals", "bass"])
    for name, audio in song.tracks.items():
        save_audio(f"songs/{song.name}/{name}.flac", audio, song.sample_rate)
    save_audio("song.wav", torch.stack(list(song.tracks.values())).sum(0), song.sample_rate)
    manifest = scan("songs", "songs.parquet", fractions=SplitFractions(0.0, 0.0), workers=1).manifest
    normalizer = FxNormalizer.fit(manifest)
    normalizer.save("normalized/statistics.json")
    normalize_dataset(manifest, "normalized", normalizer)
    with ReferenceIndex.create("library.fxindex", load_encoder()) as index:
        # What the guides filter by.
        index.add(
            "songs", metadata={str(path): {"tempo": 100, "tags": ["live"]} for path in Path("songs").rglob("*.flac")}
        )
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_python_blocks_run(page: str, workplace: Path, request: pytest.FixtureRequest) -> None:
    names: dict[str, Any] = {}
    if page == "README.md":
        # The README starts from nothing and makes its own index.
        (workplace / "library.fxindex").rename(workplace / "other.fxindex")
    for number, block in enumerate(blocks(page, "python"), start=1):
        exec(compile(block, f"{page}, block {number}", "exec"), names)

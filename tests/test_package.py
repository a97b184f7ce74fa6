"""What is shipped and what is promised about it: metadata, constraints, the wheel, and the rules of the house."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import fxrep

# Python 3.10 has no tomllib; pytest brings tomli there.
tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

ROOT = Path(__file__).parents[1]
PACKAGES = ["fxrep", "encoders", "style_transfer", "automix"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def constraints() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pins}


def requirements(*extras: str) -> list[Requirement]:
    """The direct dependencies of the project with these extras, its own extras resolved."""
    project = PROJECT["project"]
    lines = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.name != "fxrep"]


def test_version_stands_once() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert PROJECT["project"]["version"] == fxrep.__version__
    assert f"version: {fxrep.__version__}\n" in citation
    assert f"## {fxrep.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_constraints_are_plain_pins() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line)]
    assert wrong == []


def test_constraints_cover_and_fit_every_direct_dependency() -> None:
    pins = constraints()
    for requirement in requirements("viz", "media", "web", "dev"):
        name = canonicalize_name(requirement.name)
        assert name in pins, f"constraints.txt lacks {name}"
        assert requirement.specifier.contains(pins[name]), f"{name}=={pins[name]} is outside {requirement.specifier}"


def test_torch_and_torchaudio_are_one_pair() -> None:
    specifiers = {one.name: str(one.specifier) for one in requirements() if one.name in ("torch", "torchaudio")}
    assert specifiers == {"torch": "==2.11.*", "torchaudio": "==2.11.*"}
    assert constraints()["torch"].release[:2] == constraints()["torchaudio"].release[:2] == (2, 11)


def test_tools_are_pinned_once() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"repo: (\S+)", hooks)) == {"local"}
    assert "rev:" not in hooks


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    return zipfile.ZipFile(next(folder.glob("fxrep-*.whl")))


def test_wheel_holds_packages_configs_and_data(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for package in PACKAGES:
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        assert f"fxrep/configs/{path.relative_to(ROOT / 'configs').as_posix()}" in names
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in names


def test_wheel_holds_the_pages_and_all_that_they_load(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    texts = {
        name: wheel.read(name).decode()
        for name in names
        if re.match(r"fxrep/web/(pages|static)/.*\.(html|js|css)$", name)
    }
    assert {"fxrep/web/pages/page.html", "fxrep/web/pages/library.html", "fxrep/web/pages/mix.html"} <= set(texts)
    vendored = {"wavesurfer.esm.js", "regions.esm.js", "LICENSE.wavesurfer.txt"}
    assert {f"fxrep/web/static/vendor/{name}" for name in vendored} <= names
    for name, text in texts.items():
        if "/vendor/" in name:
            continue
        loaded = [f"fxrep/web{path}" for path in re.findall(r'"(/static/[\w./-]+)"', text)]
        modules = re.findall(r'(?:from|import)\s*\(?"\./([\w./-]+)"', text)
        missing = set(loaded + [f"fxrep/web/static/{module}" for module in modules]) - names
        assert not missing, f"{name} loads {missing}"
    info = f"fxrep-{fxrep.__version__}.dist-info"
    assert f"{info}/licenses/NOTICE" in names


def test_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {*PACKAGES, f"fxrep-{fxrep.__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name or ".partial" in name]


def test_wheel_metadata(wheel: zipfile.ZipFile) -> None:
    info = f"fxrep-{fxrep.__version__}.dist-info"
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: <3.14,>=3.10" in metadata
    for extra in ("viz", "web", "ray", "dev"):
        assert f"Provides-Extra: {extra}" in metadata
    assert b"fxrep = fxrep.cli.main:main" in wheel.read(f"{info}/entry_points.txt")
    assert f"{info}/licenses/LICENSE" in wheel.namelist()


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_text_knows_the_machine_it_was_written_on() -> None:
    texts = [*sources(*PACKAGES, "tests", "benchmarks", "examples"), *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    texts += sorted((ROOT / "configs").rglob("*.yaml"))
    pattern = re.compile(r"""(?<![\w.])/(?:home|root|mnt|import|work|opt|Users)/\w""")
    found = [str(path) for path in texts if path != Path(__file__) and pattern.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_no_unfinished_business() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    checked = [path for path in sources(*PACKAGES, "tests", "benchmarks", "examples") if path != Path(__file__)]
    assert [str(path) for path in checked if marks.search(path.read_text(encoding="utf-8"))] == []


def test_files_and_functions_stay_short() -> None:
    long = []
    for path in sources(*PACKAGES):
        text = path.read_text(encoding="utf-8")
        if path.name in ("utils.py", "common.py", "helpers.py", "misc.py"):
            long.append(f"{path}: a name that says nothing")
        if len(text.splitlines()) > 300:
            long.append(f"{path}: more than 300 lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and code_lines(node) > 60:
                long.append(f"{path}: {node.name} has more than 60 lines")
    assert long == []


def code_lines(function: ast.FunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0

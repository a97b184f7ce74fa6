"""Imports are cheap, complete and lazy."""

from __future__ import annotations

import importlib
import pkgutil
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import fxrep

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "torchaudio", "numpy", "scipy", "lightning", "faiss", "umap", "matplotlib", "pyarrow", "soundfile"}


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cpu_of(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    python(code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def test_import_takes_under_a_third_of_a_second() -> None:
    # The best of three, start of the interpreter included; processor time, so that a busy machine does not count.
    assert min(cpu_of("import fxrep") for _ in range(3)) < 0.3


def test_import_loads_nothing_heavy() -> None:
    loaded = set(python("import sys, fxrep, fxrep.errors, fxrep.files, fxrep.progress; print(*sys.modules)").split())
    assert not HEAVY & loaded


def test_everyday_modules_leave_the_heaviest_alone() -> None:
    everyday = "encoders, fxrep.audio, fxrep.data, fxrep.effects, fxrep.metrics, fxrep.normalization, fxrep.retrieval"
    loaded = set(python(f"import sys, {everyday}; print(*sys.modules)").split())
    assert not {"lightning", "umap", "matplotlib", "torchaudio", "tensorboard"} & loaded


def test_every_public_name_can_be_had() -> None:
    for name in fxrep.__all__:
        assert getattr(fxrep, name) is not None
    assert set(fxrep.__all__) == {"__version__", *fxrep._HOMES, *fxrep._SUBPACKAGES} == set(dir(fxrep))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = fxrep.no_such_name


@pytest.mark.parametrize("package", ["fxrep", "encoders", "style_transfer", "automix"])
def test_every_module_can_be_imported_and_keeps_its_promises(package: str) -> None:
    root = importlib.import_module(package)
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        assert module.__doc__, f"{found.name} does not say what it is for"
        for name in getattr(module, "__all__", []):
            assert hasattr(module, name), f"{found.name}.__all__ names {name}"

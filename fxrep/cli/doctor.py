"""`fxrep doctor`: what is installed and what works on this machine, as one paste for a bug report."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import typer

from fxrep.cli.output import JsonOption, emit

CORE = {
    "numpy": "numpy",
    "scipy": "scipy",
    "numba": "numba",
    "soxr": "soxr",
    "faiss": "faiss-cpu",
    "pyarrow": "pyarrow",
    "safetensors": "safetensors",
    "lightning.pytorch": "lightning",
    "jsonargparse": "jsonargparse",
    "pytorch_metric_learning": "pytorch-metric-learning",
}
"""Import names of what fxrep needs, and the distributions that bring them."""

EXTRAS = {
    "viz": ("umap-learn", "matplotlib"),
    "media": ("av",),
    "web": ("fastapi", "uvicorn"),
    "ray": ("ray",),
}


@dataclass(frozen=True)
class Finding:
    """One line of the report; `state` is "ok", "note" (works without it) or "broken" (fxrep needs it)."""

    group: str
    name: str
    state: str
    detail: str


def run(as_json: JsonOption = False) -> None:
    """Check versions, codecs, accelerator, threads, write access and the shipped encoders.

    The exit code is 1 when something is broken that fxrep needs, else 0.

    \b
    Example: fxrep doctor
    """
    groups = (_versions, _extras, _codecs, _accelerator, _threads, _write_access, _encoders)
    findings = [finding for group in groups for finding in group()]
    broken = sum(finding.state == "broken" for finding in findings)
    result = {"healthy": not broken, "findings": [asdict(finding) for finding in findings]}
    emit(result, as_json, _report(findings, broken))
    if broken:
        raise typer.Exit(1)


def _report(findings: list[Finding], broken: int) -> str:
    lines = []
    group = ""
    for finding in findings:
        if finding.group != group:
            group = finding.group
            lines.append(group)
        mark = {"ok": " ", "note": "-", "broken": "!"}[finding.state]
        lines.append(f"{mark} {finding.name:<24} {finding.detail}")
    lines.append(f"! {broken} broken" if broken else "everything that fxrep needs works")
    return "\n".join(lines)


def _checked(group: str, name: str, check: Callable[[], str], failed_state: str = "broken") -> Finding:
    """Run one check; whatever it raises is the finding. A report must not stop at its first bad line."""
    try:
        return Finding(group, name, "ok", check())
    except Exception as error:
        return Finding(group, name, failed_state, " ".join(f"{type(error).__name__}: {error}".split()))


def _versions() -> Iterator[Finding]:
    from fxrep import __version__

    group = "versions"
    supported = (3, 10) <= sys.version_info[:2] <= (3, 13)
    python = f"{platform.python_version()} on {platform.platform()}"
    if supported:
        yield Finding(group, "python", "ok", python)
    else:
        yield Finding(group, "python", "broken", f"{python}: fxrep needs Python 3.10 to 3.13")
    yield Finding(group, "fxrep", "ok", f"{__version__} in {Path(__file__).resolve().parents[1]}")
    yield _checked(group, "torch + torchaudio", _torch_pair)
    yield _checked(group, "soundfile", _soundfile)
    for module, distribution in CORE.items():
        yield _checked(group, distribution, partial(_importable, module, distribution))


def _torch_pair() -> str:
    import torch

    # Read before the import: a torchaudio of another build fails to load with a message about symbols.
    audio_version = importlib.metadata.version("torchaudio")
    if torch.__version__.split(".")[:2] != audio_version.split(".")[:2]:
        raise ImportError(f"torch {torch.__version__} beside torchaudio {audio_version}: install one minor version")
    import torchaudio

    return f"{torch.__version__} + {torchaudio.__version__}, matched"


def _soundfile() -> str:
    import soundfile

    return f"{soundfile.__version__} with libsndfile {soundfile.__libsndfile_version__}"


def _importable(module: str, distribution: str) -> str:
    importlib.import_module(module)
    return importlib.metadata.version(distribution)


def _extras() -> Iterator[Finding]:
    for extra, distributions in EXTRAS.items():
        found = {name: _installed_version(name) for name in distributions}
        if all(found.values()):
            versions = ", ".join(f"{name} {version}" for name, version in found.items())
            yield Finding("extras", extra, "ok", versions)
        else:
            yield Finding("extras", extra, "note", f'not installed: pip install "fxrep[{extra}]"')


def _installed_version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _codecs() -> Iterator[Finding]:
    from fxrep.cli.codec_checks import aac_round_trip, round_trip

    for suffix in (".wav", ".flac", ".ogg", ".opus", ".mp3"):
        # An old libsndfile of the system may lack the lossy ones; then such files are refused by name.
        failed_state = "broken" if suffix in (".wav", ".flac") else "note"
        yield _checked("codecs", suffix[1:], partial(round_trip, suffix), failed_state)
    if _installed_version("av"):
        yield _checked("codecs", "aac (m4a)", aac_round_trip, "note")
    else:
        yield Finding("codecs", "aac (m4a)", "note", 'not read without av: pip install "fxrep[media]"')


def _accelerator() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            yield _checked("accelerator", f"cuda:{number}", partial(_cuda_device, number))
    elif torch.backends.mps.is_available():
        yield Finding("accelerator", "mps", "ok", "Apple GPU")
    else:
        yield Finding("accelerator", "none", "note", "everything runs on the processor; training is slower there")


def _cuda_device(number: int) -> str:
    import torch

    torch.ones(64, 64, device=f"cuda:{number}").matmul(torch.ones(64, 64, device=f"cuda:{number}")).sum().item()
    properties = torch.cuda.get_device_properties(number)
    return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"


def _threads() -> Iterator[Finding]:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limits = [f"{name}={os.environ[name]}" for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS") if name in os.environ]
    detail = f"torch uses {torch.get_num_threads()} of {usable} usable cores"
    yield Finding("threads", "torch", "ok", f"{detail} ({', '.join(limits)})" if limits else detail)


def _write_access() -> Iterator[Finding]:
    # A read-only working folder is a choice of the user's; without a place for temporary files little works.
    yield _checked("write access", "working folder", lambda: _writable(Path.cwd()), "note")
    yield _checked("write access", "temporary files", lambda: _writable(Path(tempfile.gettempdir())))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    yield _checked("write access", "cache", partial(_writable, cache), "note")


def _writable(folder: Path) -> str:
    """Write in `folder`, or in its nearest parent that exists: a cache is made when it is first used."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    with tempfile.TemporaryFile(dir=existing) as file:
        file.write(b"fxrep")
    return f"{folder} ({shutil.disk_usage(existing).free / 2**30:.1f} GiB free)"


def _encoders() -> Iterator[Finding]:
    try:
        from encoders import list_encoders

        names = list_encoders()
    except Exception as error:
        yield Finding("encoders", "shipped", "broken", f"{type(error).__name__}: {error}")
        return
    if not names:
        yield Finding("encoders", "shipped", "broken", "none found: install fxrep again")
    for name in names:
        yield _checked("encoders", name, partial(_embeds, name))


def _embeds(name: str) -> str:
    from encoders import load_encoder
    from fxrep.cli.codec_checks import TONE_RATE, tone

    encoder = load_encoder(name)
    embedding = encoder.embed(tone(), TONE_RATE)
    return f"{embedding.shape[0]} dimensions, fingerprint {encoder.fingerprint[:12]}"

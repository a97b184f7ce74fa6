"""The folder of a release on disk: what it is known by, and what else lies in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from fxrep.errors import ArgumentError, CheckpointError

FORMAT_VERSION = 1
RELEASE_FILES = ["model.safetensors", "config.json", "metrics.json", "README.md", "LICENSE"]


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check ``config.json`` of a release.

    Raises:
        CheckpointError: it is missing, damaged, or of another format.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{folder} holds no config.json: it is not an encoder's release folder")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("encoder"), dict):
        raise CheckpointError(f"{path} lacks the entries of an encoder's release: copy the release again")
    if config.get("format") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {config.get('format')!r}, this version of fxrep reads {FORMAT_VERSION}: "
            f"it was written by fxrep {config.get('fxrep', 'unknown')}"
        )
    if missing := [key for key in ("name", "licence", "fingerprint") if not isinstance(config.get(key), str)]:
        raise CheckpointError(f"{path} lacks {missing[0]}: copy the release again")
    return config


def holds_release(folder: Path) -> bool:
    """Whether a release is in `folder`; False where there is nothing.

    Raises:
        ArgumentError: there is something else, which a release must not replace.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        read_config(folder)
    except CheckpointError as error:
        raise ArgumentError(f"{folder} exists and is not an encoder's release: choose a new folder") from error
    return True


def copy_others(release: Path, draft: Path) -> None:
    """Copy what people put beside the files of a release: it stays when these are replaced."""
    for path in release.iterdir() if release.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, draft / path.name, symlinks=True)
        elif path.name not in RELEASE_FILES:
            shutil.copy2(path, draft / path.name, follow_symlinks=False)

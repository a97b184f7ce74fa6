"""Finding configurations: in the working folder, or among those that come with the package."""

from __future__ import annotations

import os
from pathlib import Path

import fxrep
from fxrep.errors import ArgumentError


def configurations_folder() -> Path:
    """Where the package's configurations lie: inside an installed package, at the root of a checkout."""
    package = Path(fxrep.__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def list_configurations() -> list[str]:
    """Names that `find_configuration` takes, such as ``encoders/fx_encoder.yaml``."""
    root = configurations_folder()
    return sorted(path.relative_to(root).as_posix() for path in root.glob("**/*.yaml"))


def find_configuration(name: str | os.PathLike[str]) -> Path:
    """The file of a configuration: a path, or a name with or without ``configs/`` and ``.yaml``.

    A file in the working folder comes before one of the package.

    Raises:
        ArgumentError: there is none; the message names those of the package.
    """
    given = Path(name)
    if given.is_file():
        return given
    inside = Path(*given.parts[1:]) if given.parts[:1] == ("configs",) else given
    if not given.is_absolute():
        for candidate in (inside, inside.with_name(f"{inside.name}.yaml")):
            if (configurations_folder() / candidate).is_file():
                return configurations_folder() / candidate
    raise ArgumentError(f"no configuration {name}: the package has {', '.join(list_configurations()) or 'none'}")

"""Every configuration has a twin that runs in a minute and has the same parts."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from encoders.training.configurations import find_configuration, list_configurations

TWINS = [name for name in list_configurations() if "/debug/" in name]


def keys_and_classes(value: Any) -> Any:
    """The tree of a configuration: its keys, and the classes that are named; not what they are given."""
    if isinstance(value, dict):
        return {key: value[key] if key == "class_path" else keys_and_classes(value[key]) for key in sorted(value)}
    return None


def test_every_configuration_has_a_twin() -> None:
    full = [name for name in list_configurations() if "/debug/" not in name]
    assert sorted(full) == sorted(name.replace("debug/", "") for name in TWINS) and len(full) > 20


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_has_the_same_parts_and_keys(name: str) -> None:
    twin = yaml.safe_load(find_configuration(name).read_text())
    full = yaml.safe_load(find_configuration(name.replace("debug/", "")).read_text())
    assert twin["trainer"].pop("accelerator") == "cpu"
    assert keys_and_classes(twin) == keys_and_classes(full)

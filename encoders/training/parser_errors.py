"""The configuration parser's messages of many lines, as one that says what is wrong where."""

from __future__ import annotations

import re

_NOISE = (
    "Does not validate",
    "Subtypes:",
    "Errors:",
    "Given value",
    "- Expected a <class 'NoneType'>",
    "- Expected a path",
)


def one_line(message: str) -> str:
    """Keep the path to the wrong setting and what is wrong with it.

    Args:
        message: an error of jsonargparse; it nests "Parser key", "Problem with given class_path" and the fault.

    Returns:
        for example ``model: package.Class: learning_rate: expected float, got hot``.
    """
    parts = []
    for line in message.splitlines():
        text = line.strip()
        if text and not text.startswith(_NOISE):
            parts.append(_plain(text.removeprefix("- ")).rstrip(":"))
    joined = ": ".join(parts) if parts else " ".join(message.split())
    if "not accepted" in joined or "unrecognized" in joined:
        joined += " (--print_config shows every setting)"
    return joined


def _plain(text: str) -> str:
    text = re.sub(r"^Parser key \"(.+)\"", r"\1", text)
    text = re.sub(r"^Problem with given class_path '(.+)'", r"\1", text)
    text = re.sub(
        r"^Expected a dot import path string: (.+)", r"\1 is no class path such as package.module.Class", text
    )
    text = re.sub(r"<class '([\w.]+)'>", r"\1", text)
    return re.sub(r"Expected an? (\S+)\. Got value: ", r"expected \1, got ", text)

"""Objects that remember how they were built, so that a release can name the call that builds them again."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from fxrep.errors import ArgumentError


class Configurable:
    """Mixin that records the constructor's arguments; put it first among the bases.

    The arguments of a subclass are plain values (numbers, text, booleans, None, lists, dictionaries) or other
    `Configurable` objects, so that `config()` is JSON and the same tree that a training YAML holds:
    ``{"class_path": "encoders.fx_encoder.FxEncoder", "init_args": {...}}``.
    """

    _arguments: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Bind the arguments to the constructor's names before it runs; wrong ones are left to it to refuse."""
        instance = super().__new__(cls)
        # Plain assignment would go through torch's Module.__setattr__, whose tables do not exist yet.
        object.__setattr__(instance, "_arguments", _bound_arguments(cls, args, kwargs))
        return instance

    def config(self) -> dict[str, Any]:
        """The constructor tree: the class path and every argument, defaults included, as JSON values.

        Raises:
            ArgumentError: an argument is neither plain nor `Configurable`.
        """
        cls = type(self)
        arguments = {name: _plain(value, f"{cls.__name__}.{name}") for name, value in self._arguments.items()}
        return {"class_path": f"{cls.__module__}.{cls.__qualname__}", "init_args": arguments}


def _bound_arguments(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    signature = inspect.signature(cls)
    try:
        bound = signature.bind_partial(*args, **kwargs)
    except TypeError:
        return {}
    bound.apply_defaults()
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    arguments: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if kinds[name] is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        elif kinds[name] is not inspect.Parameter.VAR_POSITIONAL:
            arguments[name] = value
    return arguments


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, Configurable):
        return value.config()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, name) for key, item in value.items()}
    raise ArgumentError(
        f"{name} is a {type(value).__name__}: constructor arguments must be plain values or Configurable objects"
    )

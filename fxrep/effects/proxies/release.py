"""Release folders of proxies: weights as safetensors, everything else as JSON. No pickles.

FOLDER/model.safetensors   every tensor of the network
FOLDER/config.json         format, fxrep version, effect, ranges and settings, sizes, sample rate, content hash
FOLDER/metrics.json        how it was trained and what was measured
FOLDER/README.md           what it imitates and how well
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fxrep.effects.processor import Processor
from fxrep.effects.proxies.model import ProxyNetwork, ProxySize
from fxrep.effects.proxies.processor import Mode, NeuralProxy
from fxrep.effects.registry import PROCESSORS, create_processor
from fxrep.errors import ArgumentError, CheckpointError, OutputError
from fxrep.files import atomic_folder, share_like_others
from fxrep.version import __version__

FORMAT_VERSION = 1
KIND = "effect_proxy"
NETWORK_PREFIX = "proxy.network."

_CARD = """\
# A neural proxy of {effect}

A network that imitates the effect `{effect}` at {sample_rate} Hz, to carry gradients; {parameters:,} weights.
Made with fxrep {version}. Weights: {licence}.

```python
from fxrep.effects.proxies import load_proxy

proxy = load_proxy("{name}")  # in training: the effect's sound, the network's gradient; after .eval(): the effect
```

| setting | from | to | unit |
|---|---|---|---|
{settings}

Error on unheard audio, against what the effect changes (0 dB: as far off as doing nothing): {error}.
"""


def describe_proxy(proxy: NeuralProxy) -> dict[str, Any]:
    """Return what is needed to build the proxy again, as JSON values; the effect by its name."""
    return {
        "effect": proxy.name,
        "sample_rate": proxy.sample_rate,
        "network": asdict(proxy.network.size),
        "choices": {choice.name: choice.default for choice in proxy.choices},
        "settings": [
            {key: getattr(p, key) for key in ("name", "unit", "minimum", "maximum", "scale")}
            for p in proxy.parameter_table
        ],
    }


def save_proxy(
    proxy: NeuralProxy,
    folder: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
    licence: str = "Apache-2.0",
) -> Path:
    """Write a release folder, whole or not at all; an existing release of that name is replaced.

    Args:
        proxy: what to release.
        folder: where to.
        metadata: how it was trained and what was measured, JSON values; ``validation/error_db`` is shown.
        licence: SPDX name of the weights' licence.

    Raises:
        CheckpointError: the folder holds other files, or the weights are not finite.
        OutputError: the folder cannot be written.
    """
    target, details = Path(folder), dict(metadata or {})
    if target.is_dir() and any(target.iterdir()) and not (target / "config.json").is_file():
        raise CheckpointError(f"{target} exists and is not a proxy's release: choose a new folder")
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in proxy.network.state_dict().items()}
    broken = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if broken:
        raise CheckpointError(f"{broken[0]} holds NaN or infinite weights: the training diverged, nothing was written")
    description = describe_proxy(proxy)
    config = {
        "format": FORMAT_VERSION,
        "kind": KIND,
        "fxrep": __version__,
        "licence": licence,
        "proxy": description,
        "fingerprint": _fingerprint(description, tensors),
    }
    with atomic_folder(target) as draft:
        try:
            save_file(tensors, draft / "model.safetensors")
            share_like_others(draft / "model.safetensors")
        except SafetensorError as error:  # its word for every fault of the disk
            raise OutputError(f"cannot write {target}: {error}: choose a folder that has space") from error
        for name, content in (("config", config), ("metrics", details)):
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (draft / f"{name}.json").write_text(text, encoding="utf-8")
        (draft / "README.md").write_text(_card(target.name, config, details, proxy.network), encoding="utf-8")
    return target


def load_proxy(
    folder: str | os.PathLike[str],
    effect: Processor | None = None,
    *,
    mode: Mode = "hybrid",
    trainable: bool = False,
) -> NeuralProxy:
    """Open a released proxy, in training mode as every new module.

    Args:
        folder: a release folder.
        effect: the real effect. None: the one of the registry that has its name; black boxes must be given.
        mode: see `NeuralProxy`.
        trainable: see `NeuralProxy`.

    Raises:
        CheckpointError: the files are missing, truncated, changed, of another format or version, or do not fit the
            effect.
    """
    path = Path(folder)
    config = _read_config(path)
    tensors = _read_tensors(path / "model.safetensors")
    if config.get("fingerprint") != _fingerprint(config["proxy"], tensors):
        raise CheckpointError(f"{path}: weights and config.json do not belong together: copy the release again")
    return _build(config["proxy"], tensors, effect, mode, trainable, str(path))


def export_proxy(
    checkpoint: str | os.PathLike[str], folder: str | os.PathLike[str], effect: Processor | None = None
) -> Path:
    """Take the proxy out of a Lightning checkpoint that `ProxyTraining` wrote, and write a release folder.

    Args:
        checkpoint: a ``.ckpt``; it is read without unpickling anything but tensors and plain values.
        folder: where to write the release.
        effect: as for `load_proxy`.

    Raises:
        CheckpointError: the checkpoint is damaged or of another training.
        OutputError: the folder cannot be written.
    """
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        record, state = content["fxrep"]["proxy"], content["state_dict"]
    except Exception as error:
        # torch.load raises errors of zipfile, pickle and its own for one cause: this is no such file.
        raise CheckpointError(f"{checkpoint} is not a readable checkpoint of a proxy's training") from error
    tensors = {name.removeprefix(NETWORK_PREFIX): v for name, v in state.items() if name.startswith(NETWORK_PREFIX)}
    proxy = _build(record, tensors, effect, "hybrid", False, str(checkpoint))
    return save_proxy(proxy, folder, metadata=content["fxrep"].get("metrics", {}))


def _build(
    record: Mapping[str, Any],
    tensors: dict[str, Tensor],
    effect: Processor | None,
    mode: Mode,
    trainable: bool,
    source: str,
) -> NeuralProxy:
    try:
        name, settings = record["effect"], record["settings"]
        if effect is None and name not in PROCESSORS:
            raise CheckpointError(f"{source} imitates {name}, which is not of this library: give the effect itself")
        ranges = {p["name"]: (p["minimum"], p["maximum"]) for p in settings}
        ranges |= {choice: (option,) for choice, option in record["choices"].items()}
        network = ProxyNetwork(len(settings), ProxySize(**record["network"]))
        proxy = NeuralProxy(
            create_processor(name) if effect is None else effect,
            network,
            record["sample_rate"],
            ranges=ranges,
            settings=[p["name"] for p in settings],
            mode=mode,
            trainable=trainable,
        )
        network.load_state_dict(tensors)
    except (ArgumentError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{source} cannot be used as a proxy: {reason}") from error
    # Order and scale of the settings are part of what the network learned.
    if describe_proxy(proxy) != record:
        raise CheckpointError(f"{source} was trained on other settings than {proxy.name} has now: train it again")
    return proxy


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}: name a proxy's release folder") from error
    if not isinstance(config, dict) or config.get("kind") != KIND or not isinstance(config.get("proxy"), dict):
        raise CheckpointError(f"{path} is not that of a proxy's release")
    if config.get("format") != FORMAT_VERSION:
        raise CheckpointError(f"{path} has format {config.get('format')!r}, this version reads {FORMAT_VERSION}")
    return config


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is missing, truncated or damaged: {error}") from error
    return tensors


def _fingerprint(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _card(name: str, config: Mapping[str, Any], details: Mapping[str, Any], network: ProxyNetwork) -> str:
    described = config["proxy"]
    error = details.get("validation/error_db")
    measured = isinstance(error, (int, float)) and math.isfinite(error)
    return _CARD.format(
        effect=described["effect"],
        sample_rate=described["sample_rate"],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        version=config["fxrep"],
        licence=config["licence"],
        name=name,
        settings="\n".join(
            f"| {p['name']} | {p['minimum']:g} | {p['maximum']:g} | {p['unit']} |" for p in described["settings"]
        ),
        error=f"{error:.1f} dB" if measured else "not measured",
    )

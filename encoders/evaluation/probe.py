"""All probes of a space in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from encoders.evaluation.probe_geometry import probe_paths, probe_styles, probe_sums
from encoders.evaluation.probe_protocol import ProbeProtocol
from encoders.evaluation.probe_readout import probe_readouts
from encoders.evaluation.systems import System
from fxrep.data.manifest import Manifest


def probe_benchmark(
    systems: Mapping[str, System], manifest: Manifest, protocol: ProbeProtocol | None = None
) -> dict[str, dict[str, Any]]:
    """Probe every system on the same clips.

    Returns:
        Per system ``effects`` and ``settings`` (`probe_readouts`), ``leakage`` of instrument and song, ``smoothness``
        (`probe_paths` and `probe_styles`) and ``additivity`` (`probe_sums`).

    Raises:
        DataError: a split holds nothing to draw from.
    """
    protocol = protocol or ProbeProtocol()
    readouts = probe_readouts(systems, manifest, protocol)
    paths = probe_paths(systems, manifest, protocol)
    styles = probe_styles(systems, manifest, protocol)
    sums = probe_sums(systems, manifest, protocol)
    return {
        name: {**readouts[name], "smoothness": {**paths[name], **styles[name]}, "additivity": sums[name]}
        for name in systems
    }

"""Networks that imitate an effect, to carry gradients where the effect itself cannot."""

from __future__ import annotations

from fxrep.effects.proxies.model import ProxyNetwork, ProxySize
from fxrep.effects.proxies.processor import NeuralProxy
from fxrep.effects.proxies.release import export_proxy, load_proxy, save_proxy

__all__ = ["NeuralProxy", "ProxyNetwork", "ProxySize", "export_proxy", "load_proxy", "save_proxy"]

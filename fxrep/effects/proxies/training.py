"""The training of a proxy: settings are drawn, the real effect is rendered, the network imitates it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from fxrep.effects.processor import Processor
from fxrep.effects.proxies.loss import proxy_loss, relative_db
from fxrep.effects.proxies.model import ProxyNetwork, ProxySize
from fxrep.effects.proxies.processor import NeuralProxy, proxy_table
from fxrep.effects.proxies.release import describe_proxy, save_proxy
from fxrep.effects.registry import create_processor
from fxrep.errors import ArgumentError, FxrepError

_STREAMS = {"train": 0, "validation": 1, "test": 2}


class ProxyTraining(LightningModule):
    """Trains a network to imitate an effect over the whole range of its settings.

    Settings are drawn uniformly on the scale of each parameter, anew in every step, from (seed, step, rank); the real
    effect is rendered on the fly. At the end a release folder ``proxy`` is written beside the logs.

    Logged: ``loss``, and in validation and test ``error_db``, the energy of the error against that of what the effect
    changes: 0 dB is as far off as doing nothing.

    Args:
        effect: a processor, black boxes included, or the name of one.
        size: of the network.
        ranges: narrower ranges to draw from, by setting; a choice with the one name to use.
        settings: what the network is told; None: every setting that has a default or a range.
        sample_rate: Hz; must be the data's.
        learning_rate: peak learning rate of AdamW, reached after `warmup_steps`; then half a cosine down to 0.
        weight_decay: of AdamW.
        warmup_steps: optimiser steps.
        stft_weight: of the spectral part of `proxy_loss`.
        stft_windows: of the same, in samples.
        seed: of the weights and of all settings; the command line sets it to ``seed_everything``.
    """

    def __init__(
        self,
        effect: Processor | str,
        size: ProxySize | None = None,
        ranges: dict[str, list[Any]] | None = None,
        settings: list[str] | None = None,
        sample_rate: int = 44100,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.0,
        warmup_steps: int = 100,
        stft_weight: float = 0.1,
        stft_windows: Sequence[int] = (256, 1024, 4096),
        seed: int = 0,
    ) -> None:
        super().__init__()
        if learning_rate <= 0.0 or warmup_steps < 0 or stft_weight < 0.0:
            raise ArgumentError(
                f"learning_rate={learning_rate}, warmup_steps={warmup_steps}, stft_weight={stft_weight}: "
                "expected more than 0, and 0 or more"
            )
        real = create_processor(effect) if isinstance(effect, str) else effect
        table = proxy_table(real, ranges, settings)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = ProxyNetwork(len(table), size)
        self.proxy = NeuralProxy(
            real, network, sample_rate, ranges=ranges, settings=settings, mode="half_hybrid", trainable=True
        )
        self.learning_rate, self.weight_decay, self.warmup_steps = learning_rate, weight_decay, warmup_steps
        self.stft_weight, self.stft_windows, self.seed = stft_weight, tuple(stft_windows), seed
        self.measured: dict[str, float] = {}
        self._energies = torch.zeros(2, dtype=torch.float64)

    def setup(self, stage: str) -> None:
        """Refuse data at another rate: it would be misread, not resampled."""
        self.check_data(getattr(self.trainer, "datamodule", None))

    def check_data(self, data: Any) -> None:
        """Refuse a data module at another rate.

        Raises:
            ArgumentError: with both rates.
        """
        rate = getattr(data, "sample_rate", self.proxy.sample_rate)
        if rate != self.proxy.sample_rate:
            raise ArgumentError(
                f"the data is at {rate} Hz and the proxy at {self.proxy.sample_rate} Hz: set both sample_rate alike"
            )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Loss, a scalar, of one batch (B, C, T) under freshly drawn settings."""
        imitated, real, _ = self.imitate(batch["audio"], self._generator("train", self.global_step))
        loss = self.loss(imitated, real)
        if not torch.isfinite(loss):
            raise FxrepError(
                f"the loss is {loss.item()} at step {self.global_step}: training diverged, lower the learning rate"
            )
        self.log("train/loss", loss.detach(), batch_size=len(real))
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=len(real))
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """Sum up the energies of the error and of the change; the same settings every time."""
        self._held_out_step("validation", batch, batch_idx)

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        """What validation does, on the test excerpts, logged as ``test/…``."""
        self._held_out_step("test", batch, batch_idx)

    def _held_out_step(self, split: str, batch: dict[str, Any], batch_idx: int) -> None:
        imitated, real, dry = self.imitate(batch["audio"], self._generator(split, batch_idx))
        self.log(f"{split}/loss", self.loss(imitated, real), batch_size=len(real))
        sums = [(imitated - real).double().square().sum(), (real - dry).double().square().sum()]
        self._energies += torch.stack(sums).cpu()

    def on_validation_epoch_start(self) -> None:
        """Begin the sums."""
        self._energies = torch.zeros(2, dtype=torch.float64)

    def on_validation_epoch_end(self) -> None:
        """Log the error and keep the figures for the release."""
        self._log_error("validation")
        if not self.trainer.sanity_checking:
            logged = self.trainer.callback_metrics
            self.measured = {name: float(value) for name, value in logged.items() if name.startswith("validation/")}

    def on_test_epoch_start(self) -> None:
        """Begin the sums."""
        self.on_validation_epoch_start()

    def on_test_epoch_end(self) -> None:
        """Log the error."""
        self._log_error("test")

    def _log_error(self, split: str) -> None:
        gathered = self.all_gather(self._energies.float().to(self.device))
        assert isinstance(gathered, Tensor)
        total = gathered.reshape(-1, 2).sum(0)
        self.log(f"{split}/error_db", relative_db(float(total[0]), float(total[1])))

    def imitate(self, audio: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return the imitation, the real effect's output and the input, all (B, C, T), for settings drawn now."""
        table, names = self.proxy.parameter_table, {choice.name: choice.default for choice in self.proxy.choices}
        positions = torch.rand(len(audio), len(table), generator=generator, dtype=torch.float64).to(audio.device)
        columns = {p.name: p.denormalize(positions[:, index]) for index, p in enumerate(table)}
        # A logarithm there and back may leave the range by a rounding.
        columns = {p.name: columns[p.name].clamp(p.minimum, p.maximum) for p in table}
        with torch.no_grad(), torch.autocast(audio.device.type, enabled=False):
            real = self.proxy.effect(audio, self.proxy.sample_rate, **columns, **names)
        imitated = self.proxy.imitate(audio, self.proxy.sample_rate, columns)
        return imitated.float(), real, audio

    def loss(self, imitated: Tensor, real: Tensor) -> Tensor:
        """`proxy_loss` with this training's weights."""
        return proxy_loss(imitated, real, self.stft_windows, self.stft_weight)

    def configure_optimizers(self) -> Any:
        """AdamW; the learning rate rises, then falls like half a cosine to the end of the run, if that is known."""
        optimizer = torch.optim.AdamW(
            self.proxy.network.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay
        )
        total = self.trainer.estimated_stepping_batches

        def factor(step: int) -> float:
            if step < self.warmup_steps:
                return (step + 1) / self.warmup_steps
            done = (step - self.warmup_steps) / max(1.0, total - self.warmup_steps)
            return 0.5 * (1.0 + float(np.cos(np.pi * min(1.0, done))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what a release needs, as plain values."""
        checkpoint["fxrep"] = {"proxy": describe_proxy(self.proxy), "metrics": self._metadata()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the last figures."""
        known = checkpoint.get("fxrep", {}).get("metrics", {})
        self.measured = {name: value for name, value in known.items() if name.startswith("validation/")}

    def on_fit_end(self) -> None:
        """Write the release folder."""
        if self.trainer.is_global_zero:
            folder = Path(self.trainer.log_dir or self.trainer.default_root_dir) / "proxy"
            save_proxy(self.proxy, folder, metadata=self._metadata())

    def _metadata(self) -> dict[str, Any]:
        return {**self.measured, "steps": self.global_step, "seed": self.seed, "learning_rate": self.learning_rate}

    def _generator(self, stream: str, position: int) -> torch.Generator:
        rank = self.trainer.global_rank
        # SeedSequence mixes the numbers, so that neighbouring steps do not get neighbouring generators.
        mixed = np.random.SeedSequence([self.seed, _STREAMS[stream], position, rank])
        return torch.Generator().manual_seed(int(mixed.generate_state(1, np.uint64)[0]))

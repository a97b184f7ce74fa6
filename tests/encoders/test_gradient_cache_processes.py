"""Two processes that embed in chunks take the step of one process that embeds everything at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from encoders.objectives import nt_xent
from encoders.spectral_encoder import SpectralEncoder
from encoders.training.distributed import gather_with_gradient
from encoders.training.gradient_cache import FeatureExtraction


def pairs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    levels = torch.logspace(-2, 0, 6)[:, None, None]
    a, b = torch.randn(2, 6, 2, 22050, generator=generator) * 0.1 * levels
    return a, b


class Joined(nn.Module):
    """What a training step does: embed both sides in chunks, gather, loss."""

    def __init__(self, chunk: int | None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = SpectralEncoder(dim=8, channels=8, n_blocks=1, hidden=16)
        self.features = FeatureExtraction(self.encoder, chunk)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        joined = gather_with_gradient(torch.stack([self.features(a), self.features(b)]))
        all_a, all_b = joined.transpose(0, 1).flatten(1, 2)
        return nt_xent(all_a, all_b)


def run_process(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    model = DistributedDataParallel(Joined(2))
    part = slice(3 * rank, 3 * rank + 3)
    a, b = pairs()
    for _ in range(2):
        model.zero_grad()
        loss = model(a[part], b[part])
        loss.backward()
    gradients = {name: value.grad for name, value in model.module.named_parameters()}
    torch.save(
        {"loss": loss.detach(), "gradients": gradients, "buffers": dict(model.module.named_buffers())},
        Path(folder) / f"{rank}.pt",
    )
    dist.destroy_process_group()


def test_two_processes_in_chunks_equal_one_without(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    multiprocessing.spawn(run_process, args=(port, str(tmp_path)), nprocs=2)
    single = Joined(None)
    for _ in range(2):
        single.zero_grad()
        loss = single(*pairs())
        loss.backward()
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert abs(found["loss"].item() - loss.item()) < 1e-5
        for kind, expected in (
            ("gradients", {name: value.grad for name, value in single.named_parameters()}),
            ("buffers", dict(single.named_buffers())),
        ):
            for name, value in expected.items():
                error = (found[kind][name] - value).abs().max() / value.abs().max().clamp(min=1e-9)
                assert error < 1e-5, (name, float(error))

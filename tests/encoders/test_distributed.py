"""Two processes with half a batch each take the step of one process with the whole batch."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch.nn.parallel import DistributedDataParallel

from encoders.objectives import nt_xent
from encoders.spectral_encoder import SpectralEncoder
from encoders.training.distributed import gather_with_gradient
from encoders.training.loader import PositionSampler, ResumableLoader


class Joined(torch.nn.Module):
    """What a training step does: embed both sides, gather, loss."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = SpectralEncoder(dim=8, channels=8, n_blocks=1, hidden=16)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        joined = gather_with_gradient(torch.stack([self.encoder(a), self.encoder(b)]))
        all_a, all_b = joined.transpose(0, 1).flatten(1, 2)
        return nt_xent(all_a, all_b)


def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    levels = torch.logspace(-2, 0, 6)[:, None, None]
    a, b = torch.randn(2, 6, 2, 44100, generator=generator) * 0.1 * levels
    return a, b


def run_process(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    model = DistributedDataParallel(Joined())
    part = slice(3 * rank, 3 * rank + 3)
    a, b = pairs()
    loss = model(a[part], b[part])
    loss.backward()
    gradients = {name: value.grad for name, value in model.module.named_parameters()}
    torch.save({"loss": loss.detach(), "gradients": gradients}, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    multiprocessing.spawn(run_process, args=(port, str(tmp_path)), nprocs=2)
    single = Joined()
    loss = single(*pairs())
    loss.backward()
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert abs(found["loss"].item() - loss.item()) < 1e-6
        for name, value in single.named_parameters():
            assert torch.allclose(found["gradients"][name], value.grad, atol=1e-6, rtol=1e-5), name
    assert max(value.grad.abs().max().item() for value in single.parameters()) > 1e-3


class Numbers(torch.utils.data.Dataset):
    epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, int]:
        return {"value": 100 * self.epoch + index}


def stream(loader: ResumableLoader, epochs: int) -> list[tuple[int, list[int]]]:
    return [(batch["position"], batch["value"].tolist()) for _ in range(epochs) for batch in loader]


def test_processes_share_out_the_joined_batch():
    whole = stream(ResumableLoader(Numbers(), PositionSampler(13, 4)), 2)
    parts = [stream(ResumableLoader(Numbers(), PositionSampler(13, 2, rank, 2)), 2) for rank in range(2)]
    assert [(position, first + second) for (position, first), (_, second) in zip(*parts, strict=True)] == whole
    assert whole[:2] == [(0, [0, 1, 2, 3]), (1, [4, 5, 6, 7])] and whole[3] == (3, [100, 101, 102, 103])


def test_loader_goes_on_anywhere():
    whole = stream(ResumableLoader(Numbers(), PositionSampler(12, 4)), 3)
    for position in range(len(whole)):
        resumed = ResumableLoader(Numbers(), PositionSampler(12, 4), num_workers=position % 2)
        resumed.load_state_dict({"position": position})
        assert stream(resumed, 3 - position // 3) == whole[position:]

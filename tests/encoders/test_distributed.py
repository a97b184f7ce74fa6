"""Two processes with half a batch each take the step of one process with the whole batch; the command trains so."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch.nn.parallel import DistributedDataParallel

from encoders.objectives import nt_xent
from encoders.spectral_encoder import SpectralEncoder
from encoders.training.distributed import gather_with_gradient
from encoders.training.loader import PositionSampler, ResumableLoader
from fxrep.data import SplitFractions, scan
from fxrep.data.synthesis.dataset import generate_dataset


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


SPY = '''
import json
from pathlib import Path
from lightning.pytorch.callbacks import Callback


class Spy(Callback):
    """Notes what each process is given in every step."""

    def __init__(self, folder: str) -> None:
        self.folder, self.seen = Path(folder), []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.seen.append([batch["a"].double().square().sum((1, 2)).tolist(), batch["position"]])

    def on_train_end(self, trainer, pl_module):
        weights = float(sum(value.double().abs().sum() for value in pl_module.parameters()))
        found = {"seen": self.seen, "weights": weights, "processes": trainer.world_size}
        (self.folder / f"{trainer.global_rank}.json").write_text(json.dumps(found))
'''


@pytest.mark.slow
def test_the_command_trains_on_two_processes(tmp_path):
    (tmp_path / "spy.py").write_text(SPY)
    manifests = [str(tmp_path / f"{name}.parquet") for name in ("one", "two")]
    for seed, manifest in enumerate(manifests):
        # Both folders hold a song-000001 with the same instruments.
        generate_dataset(tmp_path / f"songs-{seed}", songs=1, duration_s=5.0, seed=seed)
        scan(tmp_path / f"songs-{seed}", manifest, fractions=SplitFractions(0.0, 0.0), workers=1)
    spy = {"class_path": "spy.Spy", "init_args": {"folder": str(tmp_path)}}
    settings = {
        "trainer.max_steps": 2,
        "trainer.accelerator": "cpu",
        "trainer.devices": 2,
        "trainer.strategy": "ddp",
        "trainer.sync_batchnorm": "false",
        "trainer.default_root_dir": tmp_path / "run",
        "trainer.callbacks": json.dumps([spy]),
        "data.manifest": json.dumps(manifests),
        "data.batch_size": 2,
        "data.segment_s": 1.0,
    }
    command = [sys.executable, "-m", "fxrep", "train", "-c", "encoders/debug/spectral", "--json"]
    command += [str(word) for name, value in settings.items() for word in (f"--{name}", value)]
    path = os.pathsep.join([str(tmp_path), *sys.path])
    answer = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert answer.returncode == 0, answer.stderr
    report = json.loads(answer.stdout)
    assert report["steps"] == 2
    assert [str(found) for found in (tmp_path / "run").rglob("*.ckpt")] == [report["checkpoint"]]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    assert first["processes"] == second["processes"] == 2
    # One stream of pairs shared out: every pair is seen once, and both processes hold the same weights after it.
    pairs = [level for process in (first, second) for levels, _ in process["seen"] for level in levels]
    assert len(pairs) == len(set(pairs)) == 2 * 2 * 2
    assert [position for _, position in first["seen"]] == [position for _, position in second["seen"]] == [0, 1]
    assert first["weights"] == second["weights"]

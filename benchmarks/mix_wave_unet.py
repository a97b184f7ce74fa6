"""CPU seconds and memory to mix 8 tracks of 10 s with a Mix-Wave-U-Net: as published, and as it is rendered here.

python benchmarks/mix_wave_unet.py [--repeats 3]
python benchmarks/mix_wave_unet.py --memory stream

All forms at random weights, one thread, 8 tracks at 44.1 kHz, side by side in one run; ``--memory`` measures the peak
of one form in a process of its own, above what it held before. "plain" is the published form as it is written:
convolutions with stride, repeated samples, concatenations, normalisation by itself, the whole excerpt at once. "one
shot" is `WaveUNet`, on pairs of samples; "stream" is what renders songs: `WaveUNetStream` in blocks of 2^17 samples,
whose error is that against the plain form.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from automix.mix_wave_unet import PUBLISHED, SMALL, WaveUNet, WaveUNetStream
from automix.mix_wave_unet.network import DownBlock, UpBlock
from automix.mix_wave_unet.rendering import BLOCK

RATE, SECONDS = 44100, 10
WAYS = ("plain", "one shot", "stream", "small one shot", "small stream")


def plain(network: WaveUNet, tracks: Tensor) -> Tensor:
    def shaped(block: DownBlock | UpBlock, features: Tensor) -> Tensor:
        padding = block.convolution.weight.shape[-1] // 2
        filtered = F.conv1d(features, block.convolution.weight, block.convolution.bias, padding=padding)
        return block.activation(filtered if block.norm is None else block.norm(filtered))

    inputs = features = F.pad(tracks, (0, -tracks.shape[-1] % network.step))
    skips = []
    for down in network.down_blocks():
        skips.append(shaped(down, features))
        padding = down.halving.weight.shape[-1] // 2
        features = F.conv1d(skips[-1], down.halving.weight, down.halving.bias, stride=2, padding=padding)
    features = network.bottleneck(features)
    for up in network.up_blocks():
        features = shaped(up, torch.cat([F.interpolate(features, scale_factor=2), skips.pop()], 1))
    mixed = F.conv1d(torch.cat([features, inputs], 1), network.head.weight, network.head.bias, padding=2)
    return mixed[..., : tracks.shape[-1]]


def stream(network: WaveUNet, tracks: Tensor) -> Tensor:
    running = WaveUNetStream(network)
    parts = [running.push(block) for block in tracks.split(BLOCK, -1)]
    rest = running.finish()
    assert rest is not None
    return torch.cat([*parts, rest], -1)


def prepare(way: str) -> tuple[WaveUNet, Callable[[WaveUNet, Tensor], Tensor]]:
    torch.manual_seed(0)
    network = WaveUNet(8, **(SMALL if way.startswith("small") else PUBLISHED)).eval()
    ways = {"plain": plain, "one shot": lambda one, tracks: one(tracks), "stream": stream}
    return network, ways[way.removeprefix("small ")]


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@torch.no_grad()
def peak_memory_mb(way: str) -> float:
    """Peak of this process above what it holds before the work."""
    network, work = prepare(way)
    tracks = 0.1 * torch.randn(1, 8, RATE * SECONDS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work(network, tracks)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


@torch.no_grad()
def measure(repeats: int) -> None:
    prepared = {way: prepare(way) for way in WAYS}
    tracks = 0.1 * torch.randn(1, 8, RATE * SECONDS)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way, (network, work) in prepared.items():
            seconds[way].append(cpu_seconds(lambda network=network, work=work: work(network, tracks)))
    for way, found in seconds.items():
        median = sorted(found)[len(found) // 2]
        print(f"| {way} | {median:.2f} | {SECONDS / median:.1f} |", flush=True)
    short = tracks[..., : 3 * RATE]
    wanted, found_short = plain(prepared["plain"][0], short), stream(prepared["plain"][0], short)
    error = 20.0 * torch.log10((found_short - wanted).abs().max() / wanted.abs().max())
    print(f"\nerror of the stream: {float(error):.0f} dB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", choices=WAYS, help="measure the memory of one way alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.memory:
        print(f"{arguments.memory}: {peak_memory_mb(arguments.memory):.0f} MB above the network")
        return
    print("| form | CPU seconds | times real time on one core |\n|---|---|---|")
    measure(arguments.repeats)


if __name__ == "__main__":
    main()

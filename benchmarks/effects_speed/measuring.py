"""Time, memory and the floors below which no time can fall."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import scipy.fft
import torch

from .entries import CHAIN, RATE, Call, Entry, bursts

# Nothing is repeated once it has taken so long altogether.
ENOUGH_S = 20.0
FAST_S = 0.1
PART_S = 5.0
# Calls in a row that make one time last long enough for the system's accounts.
ROW_S, MOST_IN_A_ROW = 0.04, 40
RESPONSE = 65536


@dataclass(frozen=True)
class Times:
    """Medians in milliseconds: of the processor, summed over threads, and of the clock on the wall."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Shape:
    """How much audio: items, seconds of stereo."""

    batch: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.batch} x 2 x {self.seconds:g} s"


def run_once(call: Call, audio: torch.Tensor, gradient: bool) -> None:
    """Apply, and with `gradient` go back to the audio and to every setting."""
    one = torch.ones(audio.shape[0], device=audio.device, requires_grad=gradient)
    source = audio.detach().requires_grad_(gradient)
    with torch.set_grad_enabled(gradient):
        result = call(source, one)
        if gradient:
            result.square().mean().backward()  # type: ignore[attr-defined]


def measure(call: Call, audio: torch.Tensor, repetitions: int, gradient: bool) -> Times:
    """Return the medians after a call to warm up, which alone counts if it took too long.

    What is fast is warmed up once more, as the allocator keeps large pieces only after the first were freed, repeated
    four times as often, and called several times in a row for one time: the system books the time of threads that keep
    running no more often than every few milliseconds, and would leave out half of what two threads did in less.
    """
    synchronize: Callable[[], object] = torch.cuda.synchronize if audio.is_cuda else lambda: None
    cpu: list[float] = []
    wall: list[float] = []
    warm, count, row = 1, 1 + repetitions, 1
    while len(wall) < count and sum(wall) < ENOUGH_S:
        synchronize()
        starts = time.process_time(), time.perf_counter()
        for _ in range(row):
            run_once(call, audio, gradient)
        synchronize()
        cpu.append((time.process_time() - starts[0]) / row)
        wall.append((time.perf_counter() - starts[1]) / row)
        if len(cpu) == 2 and cpu[1] < FAST_S:
            warm, count = 2, 2 + 4 * repetitions
            row = max(1, min(MOST_IN_A_ROW, round(ROW_S / wall[1])))
    return Times(*(1000.0 * statistics.median(times[warm:] or times) for times in (cpu, wall)))


def measure_entry(entry: Entry, audio: torch.Tensor, repetitions: int, gradient: bool) -> Times:
    """Measure one library's version; what is measured on a part is scaled to the whole."""
    call = entry.make(audio.device)
    if not entry.one_item:
        return measure(call, audio, repetitions, gradient)
    part = audio[:1, :, : int(PART_S * RATE)]
    # The first call is the only one: a second would tell nothing new about minutes.
    times = measure(call, part, 0, gradient)
    scale = audio.numel() / part.numel()
    return Times(scale * times.cpu, scale * times.wall)


def transform_pair(audio: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    """Transform and back at the length that a convolution with 65536 taps needs."""
    length = scipy.fft.next_fast_len(audio.shape[-1] + RESPONSE - 1, real=True)
    return torch.fft.irfft(torch.fft.rfft(audio, n=length), n=length)[..., : audio.shape[-1]]


FLOORS: dict[str, Call] = {
    "copy": lambda audio, one: audio * 1.0,
    "recursion": lambda audio, one: torch.cumsum(audio, -1),
    "transform": transform_pair,
}
TRANSFORMED = ("noise_shaped_reverb", "convolution_reverb", "fir_matching_eq")
COPIED = ("gain", "fader", "polarity", "balance", "panner", "stereo_width", "tremolo", "bit_crusher")
COPIED += ("saturation", "soft_clip", "hard_clip", "tanh_drive", "tube_drive")


def floor_of(name: str, library: str) -> tuple[str, ...]:
    """Return the floors that a processor cannot go below; a chain has to do all of them."""
    if name == CHAIN:
        return tuple(FLOORS)
    if name in TRANSFORMED or "fft" in library:
        return ("transform",)
    return ("copy",) if name in COPIED else ("recursion",)


def held_mb(field: str) -> float:
    """Return a field of the process's status in MB: VmRSS is what it holds, VmHWM the most it held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return float(line.split()[1]) / 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


@dataclass(frozen=True)
class Held:
    """The most memory in MB that one call holds beyond its input, and how many seconds the call took."""

    mb: float
    seconds: float


def extra_memory(entry: Entry, shape: Shape, gradient: bool, threads: int) -> Held:
    """Measure one call, after a short one that compiles and loads."""
    torch.set_num_threads(threads)
    audio = bursts(shape.batch, shape.seconds)
    call = entry.make(audio.device)
    run_once(call, audio[..., : RATE // 4].clone(), gradient)
    before = held_mb("VmRSS")
    # Linux forgets the highest mark so far.
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    run_once(call, audio, gradient)
    return Held(held_mb("VmHWM") - before, time.perf_counter() - start)


def _report_memory(sender: Connection, entry: Entry, shape: Shape, gradient: bool, threads: int) -> None:
    try:
        sender.send(extra_memory(entry, shape, gradient, threads))
    except Exception as error:
        sender.send(describe(error))


def memory_apart(entry: Entry, shape: Shape, gradient: bool, threads: int) -> Held | str:
    """Return the extra memory in a process of its own, or what went wrong.

    The process is forked from one that has computed nothing yet, so that libraries are imported once.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report_memory, args=(sender, entry, shape, gradient, threads))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return "the process was ended, most likely for want of memory"
    finally:
        process.join()


def memory_on_device(entry: Entry, shape: Shape, gradient: bool) -> Held | str:
    """Return the extra memory on the GPU, or what went wrong."""
    device = torch.device("cuda")
    try:
        audio = bursts(shape.batch, shape.seconds).to(device)
        call = entry.make(device)
        run_once(call, audio[..., : RATE // 4].clone(), gradient)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before, start = torch.cuda.memory_allocated(), time.perf_counter()
        run_once(call, audio, gradient)
        torch.cuda.synchronize()
        return Held((torch.cuda.max_memory_allocated() - before) / 2**20, time.perf_counter() - start)
    except Exception as error:
        return describe(error)


def describe(error: Exception) -> str:
    """Return an error in one line of a table."""
    text = " ".join(str(error).split()).replace("|", "/")
    return f"{type(error).__name__}: {text[:160]}"

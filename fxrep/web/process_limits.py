"""What a process may use, and setting it for the process that calls."""

from __future__ import annotations

import math
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

resource: Any
try:
    import resource
except ImportError:  # Windows: the time limit of whoever waits remains.
    resource = None


@dataclass(frozen=True)
class ProcessLimits:
    """What one piece of work may use.

    Attributes:
        memory_bytes: beyond what its process has when that begins; None for no limit.
        cpu_s: processor time.
        wall_s: real time.
        file_bytes: size of a file that it writes.
        open_files: at once; None for no limit.
    """

    memory_bytes: int | None = 768 << 20
    cpu_s: float = 60.0
    wall_s: float = 120.0
    file_bytes: int = 2 << 30
    open_files: int | None = 64

    @property
    def kind(self) -> tuple[int | None, int, int | None]:
        """What holds for a process as long as it lives; the times are for each piece of work."""
        return self.memory_bytes, self.file_bytes, self.open_files


def restrict_process(limits: ProcessLimits, lifetime_cpu_s: float) -> None:
    """Set the limits of the calling process, for good.

    Args:
        limits: of memory and files.
        lifetime_cpu_s: processor time from now on, all pieces of work together; beyond it the process is killed.
    """
    if resource is None:
        return
    os.nice(5)  # answering comes first
    allowed_s = math.ceil(lifetime_cpu_s + time.process_time())
    wanted = {"CPU": allowed_s, "FSIZE": limits.file_bytes, "CORE": 0}
    if limits.open_files is not None:
        wanted["NOFILE"] = limits.open_files
    if limits.memory_bytes is not None and sys.platform == "linux":
        wanted["AS"] = address_space() + limits.memory_bytes
    for name, most in wanted.items():
        _set(f"RLIMIT_{name}", most, most)


def allow_cpu(seconds: float) -> None:
    """Let the calling process use so much processor time from now on; beyond it, it is ended by SIGXCPU."""
    if resource is not None:
        _set("RLIMIT_CPU", max(1, math.ceil(seconds + time.process_time())), None)


def address_space() -> int:
    """Bytes of address space that this process has; 0 where that is not told."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _set(name: str, soft: int, hard: int | None) -> None:
    """Set a limit, as far as that is allowed; the hard one stays where None is given."""
    key = getattr(resource, name)
    _, allowed = resource.getrlimit(key)
    hard = allowed if hard is None else hard
    if allowed != resource.RLIM_INFINITY:
        hard = min(hard, allowed)
    resource.setrlimit(key, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))

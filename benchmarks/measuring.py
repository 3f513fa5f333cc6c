"""A command watched from outside: its seconds, its processor time, its memory, its children's."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

EVERY_S = 0.25
TICKS = os.sysconf("SC_CLK_TCK")
MB = 10**6


@dataclass
class Usage:
    """What a command took.

    Attributes:
        wall_s: from its start to its end.
        cpu_s: of all its processes, as far as they were seen (every quarter of a second).
        driver_mb: peak resident memory of the command's own process.
        all_mb: peak of the sum over all processes; what they share counts once.
        seen: (seconds since the start, what `look` said, driver's resident MB), sample by sample.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    driver_mb: float = 0.0
    all_mb: float = 0.0
    seen: list[tuple[float, float, float]] = field(default_factory=list)


def run_measured(
    command: Sequence[str],
    *,
    look: Callable[[], float] = lambda: 0.0,
    root: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Usage:
    """Runs a command and watches it.

    Args:
        command: its words.
        look: asked at every sample, for whatever grows.
        root: whose descendants count as "all"; None: the command's.
        environment: beside this process's own.

    Raises:
        RuntimeError: it failed; with the end of what it printed.
    """
    usage, begin = Usage(), time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, root, usage, look, begin, over))
    watch.start()
    printed, _ = process.communicate()
    usage.wall_s = time.monotonic() - begin
    over.set()
    watch.join()
    if process.returncode:
        raise RuntimeError(f"{command}: {printed.decode(errors='replace')[-3000:]}")
    return usage


def python(*words: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *words]


def descendants(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in tasks.read_text().split():
                found += descendants(int(child))
    return found


def _watch(
    pid: int,
    root: int | None,
    usage: Usage,
    look: Callable[[], float],
    begin: float,
    over: threading.Event,
) -> None:
    cpu: dict[int, float] = {}
    ours = {os.getpid()}
    number = 0
    while not over.wait(EVERY_S):
        tree = [p for p in descendants(root or pid) if p not in ours]
        for member in tree:
            with suppress(OSError):
                fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
                cpu[member] = (int(fields[11]) + int(fields[12])) / TICKS
        with suppress(OSError, StopIteration):
            resident = _kilobytes(f"/proc/{pid}/status", "VmRSS:") * 1024 / MB
            usage.driver_mb = max(
                usage.driver_mb, _kilobytes(f"/proc/{pid}/status", "VmHWM:") * 1024 / MB
            )
            usage.seen.append((time.monotonic() - begin, look(), resident))
        if number % 8 == 0:  # the kernel walks every page for it
            usage.all_mb = max(usage.all_mb, sum(map(_proportional_mb, tree)))
        usage.cpu_s = sum(cpu.values())
        number += 1


def _proportional_mb(pid: int) -> float:
    with suppress(OSError, StopIteration):
        return _kilobytes(f"/proc/{pid}/smaps_rollup", "Pss:") * 1024 / MB
    return 0.0


def _kilobytes(file: str, name: str) -> int:
    lines = Path(file).read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])

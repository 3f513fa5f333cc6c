"""Processes that a test starts, looks into and ends by their ids."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
LISTEN = "0A"
PATIENCE_S = 240
"""For what takes seconds on a machine that does nothing else."""
PATIENT = {"OMP_NUM_THREADS": "1", "RAY_DASHBOARD_STARTUP_TIMEOUT_S": str(PATIENCE_S)}


@contextmanager
def started(
    command: list[str], *, log: Path, cwd: Path | None = None, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its output in `log`; on leaving it and all that it started are ended."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **PATIENT, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            family = [process.pid, *descendants(process.pid)]
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            for pid in family:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(timeout=PATIENCE_S)


def descendants(pid: int) -> list[int]:
    """Ids of the processes that a process started, theirs too."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *descendants(child)]
    return found


def listening(pids: list[int]) -> set[tuple[str, int]]:
    """Hexadecimal addresses, as the kernel writes them, and ports that processes listen on."""
    inodes = set()
    for pid in pids:
        for fd in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                inodes.add(os.readlink(fd))
    places = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                places.add((address, int(port, 16)))
    return places


def wait_for(probe: Callable[[], T | None], what: str) -> T:
    """The first answer of `probe` that is true.

    Raises:
        AssertionError: there was none in time.
    """
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"waited {PATIENCE_S} s in vain for {what}")

"""Ray's own processes under a local study: where one of them ends, the study does, at once.

Ray itself takes a minute to notice, and then ends the driver without a word, or waits for ever.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import ray

RAY_DIED = 4
"""Exit status of a study whose Ray was ended by somebody else."""
EVERY_S = 0.5
NEEDED = {"gcs_server": "its control service (gcs_server)", "raylet": "its raylet"}
"""Processes of Ray that a study cannot do without, and what they are called."""


@contextmanager
def watched(say: Callable[[str], None]) -> Iterator[None]:
    """While in it, the end of one of Ray's processes ends this one.

    The thread that does it asks nobody: the driver's own may wait for Ray for ever. A record that
    is being written is torn at worst; the next driver drops it, and its trial runs again.

    Args:
        say: prints one line.
    """
    node = ray._private.worker._global_node
    assert node is not None, "a local Ray was started"
    over = threading.Event()

    def look() -> None:
        while not over.wait(EVERY_S):
            dead = [kind for kind, _ in node.dead_processes() if kind in NEEDED]
            if dead and not over.is_set():
                say(f"Ray has ended: somebody killed {NEEDED[dead[0]]}, or memory ran out")
                for pid in _descendants(os.getpid()):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                os._exit(RAY_DIED)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that they did: Ray's own, and its workers."""
    found = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                found += [child, *_descendants(child)]
    return found

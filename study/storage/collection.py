"""Python's collection of garbage, put off where it costs much or does harm."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_collected() -> Iterator[None]:
    """While records are made in their thousands, which are trees: every collection would look
    through all that are there. Or while something ends that no other thread's may free."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

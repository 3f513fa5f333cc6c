"""SIGINT and SIGTERM of a driver."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def raised() -> Iterator[None]:
    """Both raise KeyboardInterrupt, wherever the program is."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt):
        yield


@contextmanager
def noted(note: Callable[[], None]) -> Iterator[None]:
    """The first calls `note`, so that no record is torn; the second ends the process at once."""
    is_noted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal is_noted
        if is_noted:
            if os.isatty(2):
                os.write(2, b"\x1b[?25h")  # the cursor that the progress bar hid
            os._exit(INTERRUPTED)
        is_noted = True
        note()

    with _handled(interrupt):
        yield


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)

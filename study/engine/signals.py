"""SIGINT, SIGTERM and SIGHUP of a driver."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def raised() -> Iterator[None]:
    """Each raises KeyboardInterrupt, wherever the program is."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        _leave_terminal(number)
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
        _leave_terminal(number)
        note()

    with _handled(interrupt):
        yield


def _leave_terminal(number: int) -> None:
    """After SIGHUP the terminal is gone, and writing to it an error; a file or a pipe may stay."""
    if number != signal.SIGHUP:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        if os.isatty(stream):
            os.dup2(nowhere, stream)
    os.close(nowhere)


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """What nohup told to be ignored stays ignored."""
    heard = [
        number
        for number in _NUMBERS
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    ]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)

"""A command under attack: what it answered, in how many lines, and that it came back."""

import io
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from types import FrameType

from study.cli import LONGEST_LINE

PATIENCE_S = 30.0
"""Of one attack, on a machine that does other things as well; each takes a fraction of a second."""
FINE = ""
"""Expected of what is harmless: no complaint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Exit status and what was printed."""

    status: int
    out: str
    errors: str


@contextmanager
def back_in_time() -> Iterator[None]:
    """Fails what never ends, instead of waiting for it."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no answer within {PATIENCE_S:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def answer_of(command: Callable[[list[str]], int], *arguments: str) -> Answer:
    """Runs a command in this process; an exception that it lets out fails the test."""
    out, errors = io.StringIO(), io.StringIO()
    with back_in_time(), redirect_stdout(out), redirect_stderr(errors):
        try:
            status = command(list(arguments))
        except SystemExit as stopped:  # argparse's
            status = int(stopped.code or 0)
    return Answer(status=status, out=out.getvalue(), errors=errors.getvalue())


def check_answer(answer: Answer, expected: str) -> None:
    """What is harmless passes; what is refused is refused in one line that says `expected`."""
    if expected == FINE:
        assert answer.status == 0, answer.errors
        return
    assert answer.status == 2, answer
    (line,) = answer.errors.splitlines()
    assert expected in line
    check_line(line)


def check_line(line: str) -> None:
    """One line of at most 500 characters, all of which a terminal prints."""
    assert len(line) <= LONGEST_LINE
    assert line.isprintable()
    assert "Traceback" not in line

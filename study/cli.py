"""What the commands share: bad input is one line on stderr, whatever the terminal can show."""

import argparse
import io
import sys
from typing import NoReturn

OK, WRONG_REQUEST = 0, 2
LONGEST_LINE = 500
"""Characters of a complaint: what it quotes, from a study file or a table, may be of any length."""
LONGEST_WORD = 120


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the command."""
        command = self.prog.rpartition(" ")[2].removeprefix("study.")
        called = command if command == "classcomp" else f"study.{command}"
        self.exit(WRONG_REQUEST, f"{line(called, message)}\n")


def complain(command: str, message: str) -> int:
    """Prints a complaint on one line; returns the exit status."""
    warn(command, message)
    return WRONG_REQUEST


def warn(command: str, message: str) -> None:
    """Prints one line on stderr."""
    print(line(command, message), file=sys.stderr)


def line(command: str, message: str) -> str:
    """A message as every error and warning is told: one line, at most LONGEST_LINE characters.

    What is abridged are the longest words first, then its middle: it begins with where and what,
    and ends with what is allowed.
    """
    told = f"{command}: {printable(message)}"
    if len(told) > LONGEST_LINE:
        words = (w if len(w) <= LONGEST_WORD else f"{w[:40]}…{w[-20:]}" for w in told.split())
        told = " ".join(words)
    if len(told) <= LONGEST_LINE:
        return told
    begin = LONGEST_LINE * 3 // 5
    return f"{told[:begin]} … {told[begin + 3 - LONGEST_LINE :]}"


def reason(error: Exception) -> str:
    """What an error says; of the system's, which file and why."""
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def printable(text: str) -> str:
    """Without what could move a terminal's cursor."""
    return "".join(c if c.isprintable() else " " for c in text)


def print_whatever_can_be_shown() -> None:
    """From here on a character that the terminal lacks is a question mark, not an exception."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

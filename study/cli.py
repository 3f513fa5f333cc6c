"""What the commands share: bad input is one line on stderr, whatever the terminal can show."""

import argparse
import io
import sys
from typing import NoReturn

OK, WRONG_REQUEST = 0, 2


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the command."""
        self.exit(WRONG_REQUEST, f"{self.prog.rpartition(' ')[2]}: {message}\n")


def complain(command: str, message: str) -> int:
    """Prints a complaint on one line; returns the exit status."""
    print(f"{command}: {printable(message)}", file=sys.stderr)
    return WRONG_REQUEST


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

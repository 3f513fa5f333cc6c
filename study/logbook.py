"""`study.log`: what a driver printed, kept in the study's folder, run by run."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

LOG = "study.log"
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LogBook:
    """Copies what is printed into a log, line by line, each with one call of the system.

    A line that a power cut tears is in nobody's way: the next run begins on a line of its own. A
    log that cannot be written ends no study.
    """

    def __init__(self, is_quiet: bool = False) -> None:
        """Keeps what is printed until there is a file.

        Args:
            is_quiet: nothing but what is told on stderr line by line reaches the terminal.
        """
        self._is_quiet = is_quiet
        self._waiting: list[str] = []
        self._file: int | None = None

    @contextmanager
    def kept(self) -> Iterator["LogBook"]:
        """Stands between the program and its two streams."""
        out, err = sys.stdout, sys.stderr
        sys.stdout = cast(TextIO, _Copied(out, self, is_silent=self._is_quiet))
        sys.stderr = cast(TextIO, _Copied(err, self, is_silent=False))
        try:
            yield self
        finally:
            sys.stdout, sys.stderr = out, err
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def open(self, path: Path, command: str) -> None:
        """From here on there is a file; what was printed before stands in it too."""
        with suppress(OSError):
            is_torn = path.is_file() and path.stat().st_size > 0 and _last_byte(path) != b"\n"
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o666)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            earlier, self._waiting = self._waiting, []
            for line in (*[""] * is_torn, f"== {now} {command}", *earlier):
                self.add(line)

    def add(self, line: str) -> None:
        """Writes a line, or keeps it until there is a file."""
        if self._file is None:
            self._waiting.append(line)
            return
        with suppress(OSError):  # of a full disk the ledger speaks
            os.write(self._file, f"{line}\n".encode(errors="replace"))


class _Copied:
    """A stream of which finished lines are written into a log too."""

    def __init__(self, stream: TextIO, log: LogBook, *, is_silent: bool) -> None:
        self._stream, self._log, self._is_silent = stream, log, is_silent
        self._line = ""

    def write(self, text: str) -> int:
        *lines, rest = f"{self._line}{text}".split("\n")
        for line in lines:
            self._log.add(_shown(line))
        self._line = rest.rpartition("\r")[2]  # a progress bar is drawn over and over
        return len(text) if self._is_silent else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _shown(line: str) -> str:
    """What a terminal would have left of it."""
    return _CONTROL.sub("", line.rstrip("\r").rpartition("\r")[2])


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)

"""What a study's place promises: objects by name, whole or not there.

The ledger, checkpoints and exhibits are read and written object by object. Everything
else, the tables and the report, is written into a `workspace`, a folder of this machine: a study's
own folder, or a temporary one that is uploaded.
"""

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What the system says of a disk that takes no more."""
CARRIED = "carried"
"""Folder of a study's place with the code and the data that the user brought."""
KEPT_WITH_TRIALS = ("exhibits", "decisions")
"""Folders of a study's place with what workers keep of their trials, a file each."""


class StorageError(RuntimeError):
    """The place for results cannot be used; the message is one line."""


class Store(Protocol):
    """A study's place.

    Attributes:
        address: what `store_at` opens again, on any machine that sees the place.
        shown: the place as the user wrote it.
    """

    address: str
    shown: str

    def read(self, name: str) -> bytes | None:
        """The object's bytes, or None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Writes an object, whole or not at all."""

    def remove(self, name: str) -> None:
        """Removes an object if it is there."""

    def fetch(self, workspace: Path, folder: str) -> None:
        """Brings the objects right below a folder of the place into the workspace."""

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder of this machine with the study's tables and texts."""

    def written_at(self, name: str) -> float | None:
        """When an object was last written, in seconds since 1970; None where there is none."""

    def local_copy(self, name: str) -> Path:
        """A file of this machine that holds an object.

        Raises:
            FileNotFoundError: there is no such object.
        """

    def publish(self, workspace: Path, pattern: str = "[!.]*") -> None:
        """Makes what is in the workspace, under names of this pattern, the study's."""


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Writes beside the file, then renames: a reader or a power cut never sees half of it.

    Args:
        path: of the file; its folder is made.
        write: writes the file to the path that it is given.

    Raises:
        OSError: the disk is full or may not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of a name that nobody can foresee: where it is a link, what it names would be overwritten.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def first_line(error: BaseException) -> str:
    """What an error says, on one line."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__

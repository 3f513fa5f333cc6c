"""A study's place that is a folder: local disk, or NFS that every node mounts at the same path."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from study.storage.outside import OutsideError, read_bytes
from study.storage.store import write_whole


class FolderStore:
    """A study's folder; on NFS it is the same for every node that mounts it there."""

    def __init__(self, path: Path) -> None:
        """Touches nothing yet; `path` need not exist."""
        self.path = path
        self.address, self.shown = str(path.absolute()), str(path)

    def read(self, name: str) -> bytes | None:
        """The file's bytes, or None where there is none."""
        try:
            return read_bytes(self.path / name)
        except FileNotFoundError:
            return None
        except OutsideError as error:
            raise OSError(errno.EINVAL, str(error), str(self.path / name)) from None

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, whole or not at all; never into a place that was deleted meanwhile."""
        if not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "the study's folder is gone", self.address)
        write_whole(self.path / name, lambda path: path.write_bytes(data))

    def remove(self, name: str) -> None:
        """Removes a file if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def written_at(self, name: str) -> float | None:
        """The file's time, or None where there is none."""
        try:
            return (self.path / name).stat().st_mtime
        except FileNotFoundError:
            return None

    def local_copy(self, name: str) -> Path:
        """The file itself."""
        return self.path / name

    def fetch(self, workspace: Path, folder: str) -> None:
        """Nothing: they are there."""

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """The folder itself."""
        yield self.path

    def publish(self, workspace: Path, pattern: str = "[!.]*") -> None:
        """Nothing: it is there."""

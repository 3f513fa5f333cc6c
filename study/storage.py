"""Where a study's files live: a folder (local disk, NFS) or a prefix of an S3 bucket.

The ledger and the checkpoints are read and written object by object. Everything else, the tables
and the report, is written into a `workspace`, a folder of this machine: a study's own folder, or
a temporary one that is uploaded.
"""

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, urlsplit, urlunsplit

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What the system says of a disk that takes no more."""


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

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A folder of this machine with the study's tables and texts."""

    def publish(self, workspace: Path, pattern: str = "[!.]*") -> None:
        """Makes what is in the workspace, under names of this pattern, the study's."""


def open_store(results: str, name: str) -> Store:
    """The place of the study `name` under `--results`.

    Raises:
        StorageError: no such bucket, or it cannot be reached.
    """
    if not is_address(results):
        return FolderStore(Path(results) / name)
    parts = _split(results)
    return store_at(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}")))


def store_at(address: str) -> Store:
    """The place with this address.

    Raises:
        StorageError: no such bucket, or it cannot be reached.
    """
    return BucketStore(address) if is_address(address) else FolderStore(Path(address))


def is_address(place: str) -> bool:
    """Whether a place is named by an address, and not by a path."""
    return "://" in place


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Writes beside the file, then renames: a reader or a power cut never sees half of it.

    Args:
        path: of the file; its folder is made.
        write: writes the file to the path that it is given.

    Raises:
        OSError: the disk is full or may not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class FolderStore:
    """A study's folder; on NFS it is the same for every node that mounts it there."""

    def __init__(self, path: Path) -> None:
        """Touches nothing yet; `path` need not exist."""
        self.path = path
        self.address, self.shown = str(path.absolute()), str(path)

    def read(self, name: str) -> bytes | None:
        """The file's bytes, or None where there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, whole or not at all."""
        write_whole(self.path / name, lambda path: path.write_bytes(data))

    def remove(self, name: str) -> None:
        """Removes a file if it is there."""
        (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """The folder itself."""
        yield self.path

    def publish(self, workspace: Path, pattern: str = "[!.]*") -> None:
        """Nothing: it is there."""


class BucketStore:
    """A prefix of a bucket that speaks S3, through pyarrow.

    Credentials and region come from where AWS's tools look for them; other services are named in
    the address: `s3://bucket/prefix?endpoint_override=host:9000&scheme=http`.
    """

    def __init__(self, address: str) -> None:
        """Connects.

        Raises:
            StorageError: no such bucket, or it cannot be reached.
        """
        from pyarrow import fs

        self.address = self.shown = address
        if "@" in _split(address).netloc:
            raise StorageError(
                "--results: an S3 address carries no keys (they would be printed); allowed are "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS's own files"
            )
        try:
            self._files, self._prefix = fs.FileSystem.from_uri(address)
            bucket = self._files.get_file_info(self._prefix.split("/")[0])
        except (OSError, ValueError) as error:
            raise StorageError(f"{address}: {first_line(error)}") from None
        if bucket.type == fs.FileType.NotFound:
            raise StorageError(f"{address}: there is no such bucket")

    def read(self, name: str) -> bytes | None:
        """The object's bytes, or None where there is none."""
        try:
            with self._files.open_input_stream(self._path(name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Puts an object; it is there once the upload is over."""
        with self._files.open_output_stream(self._path(name)) as stream:
            stream.write(data)

    def remove(self, name: str) -> None:
        """Removes an object if it is there."""
        with suppress(FileNotFoundError):
            self._files.delete_file(self._path(name))

    def files(self, folder: str) -> dict[str, float]:
        """Names of the objects right below a folder, and when the store last wrote each."""
        from pyarrow import fs

        selector = fs.FileSelector(self._path(folder), allow_not_found=True)
        found = self._files.get_file_info(selector)
        return {i.base_name: i.mtime.timestamp() for i in found if i.type == fs.FileType.File}

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A temporary folder with the objects right below the prefix."""
        with tempfile.TemporaryDirectory(prefix="classcomp-") as folder:
            for name in self.files(""):
                (Path(folder) / name).write_bytes(self.read(name) or b"")
            yield Path(folder)

    def publish(self, workspace: Path, pattern: str = "[!.]*") -> None:
        """Uploads the workspace, its hidden files left out."""
        for path in sorted(workspace.rglob(pattern)):
            if path.is_file():
                self.write(path.relative_to(workspace).as_posix(), path.read_bytes())

    def _path(self, name: str) -> str:
        return f"{self._prefix.rstrip('/')}/{name}".rstrip("/")


def _split(address: str) -> SplitResult:
    with suppress(ValueError):  # brackets that do not close
        parts = urlsplit(address)
        if parts.scheme == "s3" and parts.netloc:
            return parts
    raise StorageError(f"{address}: allowed are a folder and s3://bucket/prefix")


def first_line(error: BaseException) -> str:
    """What an error says, on one line."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__

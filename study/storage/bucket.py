"""A study's place that is a prefix of an S3 bucket."""

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from study.storage.outside import MOST_FILE
from study.storage.store import CARRIED, KEPT_WITH_TRIALS, StorageError, first_line, write_whole

CHUNK = 2**20
"""Bytes: pyarrow makes room for as many as are asked for."""


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
        self._copies: tempfile.TemporaryDirectory[str] | None = None
        if "@" in split_address(address).netloc:
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
        data = bytearray()
        try:
            with self._files.open_input_stream(self._path(name)) as stream:
                while chunk := stream.read(CHUNK):
                    data += chunk
                    if len(data) > MOST_FILE:
                        raise OSError(errno.EFBIG, "the object is larger than allowed", name)
        except FileNotFoundError:
            return None
        return bytes(data)

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

    def written_at(self, name: str) -> float | None:
        """The store's own time, or None where there is no such object."""
        folder, _, base = name.rpartition("/")
        return self.files(folder).get(base)

    def local_copy(self, name: str) -> Path:
        """A copy in this process's own temporary folder, made once.

        Raises:
            FileNotFoundError: there is no such object.
        """
        if self._copies is None:
            self._copies = tempfile.TemporaryDirectory(prefix="classcomp-")
        path = Path(self._copies.name) / name
        if not path.exists():
            data = self.read(name)
            if data is None:
                raise FileNotFoundError(f"{self.address}/{name}")
            write_whole(path, lambda temporary: temporary.write_bytes(data))
        return path

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """A temporary folder with the objects right below the prefix, and what the user brought."""
        with tempfile.TemporaryDirectory(prefix="classcomp-") as folder:
            for place in ("", CARRIED):
                self.fetch(Path(folder), place)
            yield Path(folder)

    def fetch(self, workspace: Path, folder: str) -> None:
        """Downloads the objects right below a folder, those that are not there yet."""
        for name in self.files(folder):
            target = workspace / folder / name
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                target.write_bytes(self.read(f"{folder}/{name}".lstrip("/")) or b"")

    def publish(self, workspace: Path, pattern: str = "[!.]*") -> None:
        """Uploads the workspace, its hidden files left out, and what workers have put there."""
        for path in sorted(workspace.rglob(pattern)):
            name = path.relative_to(workspace)
            if path.is_file() and name.parts[0] not in KEPT_WITH_TRIALS:
                self.write(name.as_posix(), path.read_bytes())

    def _path(self, name: str) -> str:
        return f"{self._prefix.rstrip('/')}/{name}".rstrip("/")


def split_address(address: str) -> SplitResult:
    """The parts of an S3 address.

    Raises:
        StorageError: it is none.
    """
    with suppress(ValueError):  # brackets that do not close
        parts = urlsplit(address)
        if parts.scheme == "s3" and parts.netloc:
            return parts
    raise StorageError(f"{address}: allowed are a folder and s3://bucket/prefix")

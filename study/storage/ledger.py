"""Finished trials on disk, one JSON line each, written so that they survive a power cut."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import NoneType
from typing import Any

from study.storage.collection import nothing_collected
from study.storage.outside import OutsideError, parse_json, read_bytes
from study.trials.roles import ROLES
from study.trials.schema import (
    CURVE_COLUMNS,
    IDENTITY_COLUMNS,
    METRIC_COLUMNS,
    NOTE_COLUMNS,
    REQUIRED_NAMES,
    STATUSES,
    TRIAL_COLUMNS,
)
from study.trials.trial import IDENTITY_VERSION

Record = dict[str, Any]
LARGEST_SEGMENT = 2**28
"""Bytes after which a driver begins another file, since each is read whole: some 40,000 trials."""

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "Int64": (int,),
    "Float64": (int, float),
    "boolean": (bool,),
}
_SHAPE: Mapping[str, tuple[type, ...]] = {
    **{c.name: _KINDS[c.dtype] for c in TRIAL_COLUMNS if c.name in REQUIRED_NAMES},
    **{"hyperparameters": (dict,), "metrics": (dict,), "curves": (list,)},
}
_NAMED, _METRICS, _POINT = (
    {c.name: (*_KINDS[c.dtype], *_KINDS["Float64"] * (c.dtype == "Int64")) for c in columns}
    for columns in (IDENTITY_COLUMNS + NOTE_COLUMNS, METRIC_COLUMNS, CURVE_COLUMNS)
)
"""What a record, its metrics and a point of its curves may hold; null is allowed beside it, and
of a whole number how it is written (`study.analysis.table` sees whether it is one)."""
_ALL_KINDS = {id(kinds): kinds for kinds in (_NAMED, _METRICS, _POINT)}


class LedgerError(RuntimeError):
    """The ledger cannot be used; the message is one line."""


class Ledger:
    """A folder of segments `NNNNNN.jsonl`, each of one driver that wrote; append only."""

    def __init__(self, folder: Path) -> None:
        """Opens nothing yet; `folder` need not exist."""
        self.folder = folder
        self._lock: int | None = None
        self._path: Path | None = None
        self._segment: int | None = None
        self._full: dict[Path, int] = {}

    def read(self) -> tuple[list[Record], list[str]]:
        """All records, oldest segment first, and a line for each torn one that was dropped.

        Raises:
            LedgerError: a line other than a torn last one is not a record.
        """
        records: dict[str, Record] = {}
        warnings = []
        with nothing_collected():
            for segment in self._segments():
                lines = _bytes_of(segment).split(b"\n")
                for number, line in enumerate(lines, start=1):
                    if not line:
                        continue
                    try:
                        record = parse_record(line)
                    except LedgerError as error:
                        if number < len(lines):  # only a line without its end can be torn
                            raise LedgerError(f"{segment}: line {number} {error}") from None
                        warnings.append(f"{segment}: the last record is torn and was dropped")
                    else:
                        records.setdefault(record["trial_id"], record)
        return list(records.values()), warnings

    @contextmanager
    def locked(self) -> Iterator["Ledger"]:
        """Holds the ledger for one driver.

        Raises:
            LedgerError: another driver holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with _opened(self.folder / "lock", os.O_RDWR | os.O_CREAT) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LedgerError(f"{self.folder}: another driver is at work on it") from None
            self._lock = lock
            try:
                yield self
            finally:
                self._lock = None
                self._close()
                while self._full:
                    os.close(self._full.popitem()[1])

    def is_held(self) -> bool:
        """Whether a driver is at work on it."""
        with suppress(FileNotFoundError), _opened(self.folder / "lock", os.O_RDONLY) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def append(self, record: Mapping[str, Any]) -> None:
        """Writes one record through to the disk. Unknown is null; NaN is refused.

        Raises:
            OSError: the disk is full or broken; the record is not in the ledger, and no part of
                it stands in the way of the next one.
        """
        line = record_line(record)
        self.check_there()
        segment = self._open_segment()
        end = os.lseek(segment, 0, os.SEEK_END)
        if end >= LARGEST_SEGMENT and self._path is not None:
            self._full[self._path], self._segment = segment, None  # open, to be looked after
            segment, end = self._open_segment(), 0
        try:
            while line:
                line = line[os.write(segment, line) :]
            os.fsync(segment)
        except OSError:
            with suppress(OSError):
                os.ftruncate(segment, end)
            self._close()  # what could not be cut off stays a torn last line
            raise

    def check_there(self) -> None:
        """Refuses to go on without the files that this driver holds: what is written is lost.

        Raises:
            LedgerError: the ledger's folder or a segment of this driver's was deleted, moved or
                replaced.
        """
        last = (self._path, self._segment)
        for path, file in ((self.folder / "lock", self._lock), *self._full.items(), last):
            if path is not None and file is not None and not _is_at(path, file):
                raise LedgerError(
                    f"{path}: was deleted or moved while the study ran, which ends without tables; "
                    "trials that are in no ledger run again"
                )

    def _segments(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("*.jsonl") if p.stem.isdecimal())

    def _open_segment(self) -> int:
        if self._segment is None:
            last = max((int(path.stem) for path in self._segments()), default=0)
            self._path = self.folder / f"{last + 1:06d}.jsonl"
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
            self._segment = os.open(self._path, flags, 0o644)
            folder = os.open(self.folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return self._segment

    def _close(self) -> None:
        if self._segment is not None:
            segment, self._segment = self._segment, None
            os.close(segment)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    """A file's descriptor; of a pipe in its place nobody waits for the other end."""
    file = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    try:
        yield file
    finally:
        os.close(file)


def _is_at(path: Path, file: int) -> bool:
    """Whether an open file is the one at a path."""
    with suppress(OSError):
        return os.path.samestat(os.stat(path), os.fstat(file))
    return False


def record_line(record: Mapping[str, Any]) -> bytes:
    """A record as a line.

    Raises:
        ValueError: a number is not finite; unknown is null.
    """
    return (json.dumps(record, sort_keys=True, allow_nan=False) + "\n").encode()


def parse_record(line: bytes) -> Record:
    """What `record_line` wrote.

    Raises:
        LedgerError: what is wrong with it, to follow the line's number.
    """
    try:
        record = parse_json(line)
    except OutsideError as error:
        told = str(error)
        said = f"it {told}" if told.startswith("is ") else told
        raise LedgerError(f"is not a trial's record: {said}") from None
    wrong = _why_no_record(record)
    if wrong:
        raise LedgerError(f"is not a trial's record: {wrong}")
    found: Record = record
    return found


def _bytes_of(segment: Path) -> bytes:
    try:
        return read_bytes(segment)
    except OutsideError as error:
        raise LedgerError(f"{segment}: {error}") from None


def _why_no_record(record: Any) -> str | None:
    if not isinstance(record, dict):
        return "it is no JSON object"
    for name, kinds in _SHAPE.items():
        if not isinstance(record.get(name), kinds):
            return f"{name} is missing or of another type"
    if not all(isinstance(point, dict) for point in record["curves"]):
        return "curves is not a list of points"
    wrong = _of_another_type(record, _NAMED) or _of_another_type(record["metrics"], _METRICS)
    for point in record["curves"]:
        wrong = wrong or _of_another_type(point, _POINT)
    if wrong:
        return f"{wrong} is of another type"
    if record.get("schema") == IDENTITY_VERSION:  # another protocol's may have had others
        for name, allowed in (("role", ROLES), ("status", STATUSES)):
            if record[name] not in allowed:
                return f"{name} is {record[name]!r}, not one of {', '.join(allowed)}"
    when = record.get("finished_at")
    return None if when is None or _is_date(when) else "finished_at is no date and time"


def _of_another_type(held: Mapping[str, Any], kinds: Mapping[str, tuple[type, ...]]) -> str | None:
    """The first name that has a value of a kind that its column does not take."""
    return _misfit(tuple(held), tuple(map(type, held.values())), id(kinds))


@lru_cache(maxsize=2**12)  # records are of few forms
def _misfit(names: tuple[str, ...], types: tuple[type, ...], kinds: int) -> str | None:
    allowed = _ALL_KINDS[kinds]
    for name, found in zip(names, types, strict=True):
        if found is not NoneType and not issubclass(found, allowed.get(name, (object,))):
            return name
    return None


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return False
    return True

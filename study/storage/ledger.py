"""Finished trials on disk, one JSON line each, written so that they survive a power cut."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from study.trials.schema import REQUIRED_NAMES, TRIAL_COLUMNS

Record = dict[str, Any]

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "Int64": (int,),
    "Float64": (int, float),
}
_SHAPE: Mapping[str, tuple[type, ...]] = {
    **{c.name: _KINDS[c.dtype] for c in TRIAL_COLUMNS if c.name in REQUIRED_NAMES},
    **{"hyperparameters": (dict,), "metrics": (dict,), "curves": (list,)},
}


class LedgerError(RuntimeError):
    """The ledger cannot be used; the message is one line."""


class Ledger:
    """A folder of segments `NNNNNN.jsonl`, one for each driver that wrote; append only."""

    def __init__(self, folder: Path) -> None:
        """Opens nothing yet; `folder` need not exist."""
        self.folder = folder
        self._segment: int | None = None

    def read(self) -> tuple[list[Record], list[str]]:
        """All records, oldest segment first, and a line for each torn one that was dropped.

        Raises:
            LedgerError: a line other than a torn last one is not a record.
        """
        records: dict[str, Record] = {}
        warnings = []
        for segment in self._segments():
            lines = segment.read_bytes().split(b"\n")
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
        with (self.folder / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LedgerError(f"{self.folder}: another driver is at work on it") from None
            try:
                yield self
            finally:
                self._close()

    def is_held(self) -> bool:
        """Whether a driver is at work on it."""
        try:
            lock = (self.folder / "lock").open()
        except FileNotFoundError:
            return False
        with lock:
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
        segment = self._open_segment()
        end = os.lseek(segment, 0, os.SEEK_END)
        try:
            while line:
                line = line[os.write(segment, line) :]
            os.fsync(segment)
        except OSError:
            with suppress(OSError):
                os.ftruncate(segment, end)
            self._close()  # what could not be cut off stays a torn last line
            raise

    def _segments(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("*.jsonl") if p.stem.isdecimal())

    def _open_segment(self) -> int:
        if self._segment is None:
            last = max((int(path.stem) for path in self._segments()), default=0)
            path = self.folder / f"{last + 1:06d}.jsonl"
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
            self._segment = os.open(path, flags, 0o644)
            folder = os.open(self.folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return self._segment

    def _close(self) -> None:
        if self._segment is not None:
            segment, self._segment = self._segment, None
            os.close(segment)


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
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise LedgerError("is not a trial's record: it is not JSON") from None
    if not isinstance(record, dict):
        raise LedgerError("is not a trial's record: it is no JSON object")
    for name, kinds in _SHAPE.items():
        if not isinstance(record.get(name), kinds):
            raise LedgerError(f"is not a trial's record: {name} is missing or of another type")
    if not all(isinstance(point, dict) for point in record["curves"]):
        raise LedgerError("is not a trial's record: curves is not a list of points")
    return record

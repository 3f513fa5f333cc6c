"""Finished trials, one JSON line each, written so that they survive a power cut."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

Record = dict[str, Any]


class LedgerError(RuntimeError):
    """The ledger cannot be used; the message is one line."""


class Ledger:
    """A folder of segments `NNNNNN.jsonl`, one for each driver that wrote; append only."""

    def __init__(self, folder: Path) -> None:
        """Opens nothing yet; `folder` need not exist."""
        self.folder = folder
        self._segment: TextIO | None = None

    def read(self) -> tuple[list[Record], list[str]]:
        """All records, oldest segment first, and a line for each torn one that was dropped.

        Raises:
            LedgerError: a line other than a segment's last is not a record.
        """
        records: dict[str, Record] = {}
        warnings = []
        for segment in self._segments():
            lines = segment.read_bytes().split(b"\n")
            for number, line in enumerate(lines, start=1):
                if not line:
                    continue
                record = _parse(line)
                if record is not None:
                    records.setdefault(record["trial_id"], record)
                elif number == len(lines):
                    warnings.append(f"{segment}: the last record is torn and was dropped")
                else:
                    raise LedgerError(f"{segment}: line {number} is not a trial's record")
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
                if self._segment is not None:
                    self._segment.close()
                    self._segment = None

    def append(self, record: Mapping[str, Any]) -> None:
        """Writes one record through to the disk. Unknown is null; NaN is refused."""
        line = json.dumps(record, sort_keys=True, allow_nan=False)
        segment = self._open_segment()
        segment.write(line + "\n")
        segment.flush()
        os.fsync(segment.fileno())

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.jsonl"))

    def _open_segment(self) -> TextIO:
        if self._segment is None:
            path = self.folder / f"{len(self._segments()) + 1:06d}.jsonl"
            self._segment = path.open("x", encoding="utf-8")
            folder = os.open(self.folder, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return self._segment


def _parse(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "trial_id" in record else None

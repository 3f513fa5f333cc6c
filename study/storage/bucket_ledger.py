"""Finished trials in a bucket: an object each, since S3 cannot append.

The lock is an object too. S3 has no exclusive creation that pyarrow could ask for, so a driver
writes its own lock first and lists the locks afterwards: of two drivers that start at once at
least one sees the other (listings are strongly consistent), and whoever sees another one alive
refuses. A lock is alive while its owner writes it again every few seconds; ages are differences
of the store's own times, so that no clock has to agree with another.
"""

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from study.storage.bucket import BucketStore
from study.storage.ledger import LedgerError, Record, parse_record, record_line
from study.storage.outside import parse_json

HEARTBEAT_S = 10.0
STALE_S = 60.0
"""Age at which a lock's owner counts as dead, and without a heartbeat as long stops itself."""
READERS = 16


class BucketLedger:
    """Objects `ledger/<trial_id>.json`, and `locks/<owner>.json`."""

    def __init__(
        self, store: BucketStore, *, heartbeat_s: float = HEARTBEAT_S, stale_s: float = STALE_S
    ) -> None:
        """Reads nothing yet."""
        self._store = store
        self._heartbeat_s, self._stale_s = heartbeat_s, stale_s
        self._beaten = 0.0

    def read(self) -> tuple[list[Record], list[str]]:
        """All records; an object is whole or not there, so there is nothing to warn of.

        Raises:
            LedgerError: an object is not a record.
        """
        names = sorted(n for n in self._store.files("ledger") if n.endswith(".json"))
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(self._read_one, names)), []

    @contextmanager
    def locked(self) -> Iterator["BucketLedger"]:
        """Holds the ledger for one driver.

        Raises:
            LedgerError: another driver holds it.
        """
        name = f"{uuid.uuid4().hex}.json"
        self._beat(name)
        over = threading.Event()
        pulse = threading.Thread(target=self._keep_alive, args=(name, over), daemon=True)
        try:
            self._refuse_others(name)
            pulse.start()
            yield self
        finally:
            over.set()
            if pulse.ident is not None:
                pulse.join()
            self._store.remove(f"locks/{name}")

    def is_held(self) -> bool:
        """Whether a driver is at work on it; this machine's clock and the store's should agree."""
        now = time.time()
        return any(now - written < self._stale_s for written in self._store.files("locks").values())

    def check_there(self) -> None:
        """Nothing: an object that is gone takes no other with it, and a put makes a new one."""

    def append(self, record: Mapping[str, Any]) -> None:
        """Puts one record.

        Raises:
            LedgerError: the lock has not been kept alive: another driver may have taken over.
            OSError: the bucket does not answer.
        """
        if time.monotonic() - self._beaten > self._stale_s:
            raise LedgerError(
                f"{self._store.address}: no answer for {self._stale_s:g} s; another driver may "
                "have taken over"
            )
        self._store.write(f"ledger/{record['trial_id']}.json", record_line(record))

    def _read_one(self, name: str) -> Record:
        try:
            return parse_record(self._store.read(f"ledger/{name}") or b"")
        except LedgerError as error:
            raise LedgerError(f"{self._store.address}: ledger/{name} {error}") from None

    def _refuse_others(self, name: str) -> None:
        locks = self._store.files("locks")
        for other, written in locks.items():
            age = locks[name] - written
            if other != name and age < self._stale_s:
                owner = self._store.read(f"locks/{other}") or b"{}"
                raise LedgerError(
                    f"{self._store.address}: another driver is at work on it "
                    f"({_owner(owner)}, last seen {max(0.0, age):.0f} s ago); "
                    f"the lock of one that died ends after {self._stale_s:g} s"
                )
            if other != name:
                self._store.remove(f"locks/{other}")

    def _keep_alive(self, name: str, over: threading.Event) -> None:
        while not over.wait(self._heartbeat_s):
            with suppress(OSError):  # `append` stops the driver if this lasts
                self._beat(name)

    def _beat(self, name: str) -> None:
        begin = time.monotonic()
        owner = {"host": platform.node(), "pid": os.getpid()}
        self._store.write(f"locks/{name}", json.dumps(owner).encode())
        self._beaten = begin


def _owner(text: bytes) -> str:
    with suppress(ValueError, TypeError, KeyError):
        owner = parse_json(text)
        return f"{owner['host']}, process {owner['pid']}"
    return "of unknown name"

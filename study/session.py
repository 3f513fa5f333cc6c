"""A driver's view of one study while it runs: what is finished, and why it ends."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from study.bucket_ledger import BucketLedger
from study.ledger import Ledger, LedgerError, Record
from study.plan import cell_of
from study.search import Journal
from study.spec import Cell, StudySpec, TrialSpec
from study.storage import Store
from study.trainable import CHECKPOINT_EVERY_S, checkpoint_name

FEWEST_FINISHED = 10
"""Finished trials before the share of failed ones can end a study."""


class Interrupted(Exception):
    """A signal came."""


class TooManyFailed(Exception):
    """More trials failed than the study file allows; the message is one line."""


@dataclass(kw_only=True)
class Session:
    """A driver's view of one study while it runs.

    Attributes:
        spec: what is asked.
        store: the study's place.
        ledger: locked by this driver.
        records: what is finished, by trial id.
        journal: Optuna's export.
        on_change: called after every finished trial and every few seconds.
        ending: why the sweep ends before everything is done: a signal, too many failures, or a
            place for results that takes no more.
    """

    spec: StudySpec
    store: Store
    ledger: Ledger | BucketLedger
    records: dict[str, Record]
    journal: Journal
    on_change: Callable[["Session"], None]
    ending: Exception | None = None
    searched: dict[Cell, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Indexes and exports the search trials that are already there."""
        for record in self.records.values():
            self._index(record)
        self.ending = too_many_failed(self.spec, self.records)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles what it is given, and a session lives in its driver alone."""
        return {}

    def finish(self, trial: TrialSpec, payload: Mapping[str, Any]) -> None:
        """Writes a trial's record; from here on it is never run again."""
        record: Record = {
            **trial.identity,
            "trial_id": trial.trial_id,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **payload,
        }
        try:
            self.ledger.append(record)
            self.records[trial.trial_id] = record
            self._index(record)
        except (OSError, LedgerError) as error:
            self.ending = self.ending or error
            return
        self._drop_checkpoint(record)
        self.ending = self.ending or too_many_failed(self.spec, self.records)
        self.on_change(self)

    def _drop_checkpoint(self, record: Record) -> None:
        wall_s = record["metrics"].get("wall_s")
        if wall_s is None or wall_s > CHECKPOINT_EVERY_S:
            with suppress(OSError):  # it would be ignored anyway
                self.store.remove(checkpoint_name(record["trial_id"]))

    def _index(self, record: Record) -> None:
        if record["role"] == "search":
            self.searched[cell_of(record)].append(record)
            self.journal.add(record)


def too_many_failed(spec: StudySpec, records: Mapping[str, Record]) -> TooManyFailed | None:
    """Whether more of the finished trials failed than `max_failed_share` allows."""
    errors = [str(r.get("error")) for r in records.values() if r["status"] == "failed"]
    if len(records) < FEWEST_FINISHED or len(errors) <= spec.max_failed_share * len(records):
        return None
    ((most_often, _),) = Counter(errors).most_common(1)
    return TooManyFailed(
        f"max_failed_share = {spec.max_failed_share:g}: {len(errors)} of {len(records)} finished "
        f"trials failed, most often with: {most_often[:200]}"
    )

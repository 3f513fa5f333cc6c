"""A driver's view of one study while it runs: what is finished, and why it ends."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from errno import EIO
from typing import Any

from study.engine import checkpoints
from study.engine.ending import too_many_failed
from study.engine.proposals import Journal
from study.engine.thinning import RecentlyWhole
from study.request.spec import StudySpec
from study.storage.bucket_ledger import BucketLedger
from study.storage.ledger import Ledger, LedgerError, Record
from study.storage.store import Store
from study.trials.roles import ROLES
from study.trials.selection import Search, search_of
from study.trials.trial import TrialSpec, cell_of, trial_title


@dataclass(kw_only=True)
class Session:
    """A driver's view of one study while it runs.

    Attributes:
        spec: what is asked.
        store: the study's place.
        ledger: locked by this driver.
        records: what is finished, by trial id; whole for a minute, then what the driver needs of
            it (see `study.engine.thinning`). The ledger has the rest.
        journal: Optuna's export.
        code: fingerprint of the code that the trials run.
        on_record: called with every record that is kept.
        on_change: called after every finished trial and every few seconds.
        ending: why the sweep ends before everything is done: a signal, too many failures, or a
            place for results that takes no more.
        searched: finished proposals, by cell and independent search.
    """

    spec: StudySpec
    store: Store
    ledger: Ledger | BucketLedger
    records: dict[str, Record]
    journal: Journal
    code: str
    on_change: Callable[["Session"], None]
    on_record: Callable[[Record], None] = lambda record: None
    ending: Exception | None = None
    searched: dict[Search, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        """Indexes and exports the search trials that are already there."""
        self._errors: Counter[str] = Counter()
        self._whole = RecentlyWhole(self.records)
        for record in self.records.values():
            self._index(record)
        self.ending = self._too_many_failed()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles what it is given, and a session lives in its driver alone."""
        return {}

    def finish(self, trial: TrialSpec, payload: Mapping[str, Any]) -> bool:
        """Writes a trial's record: from here on it is never run again. False: it is not kept."""
        record: Record = {
            **trial.identity,
            "trial_id": trial.trial_id,
            "task": self.spec.space_of(trial.cell.family).task,
            "code": self.code,
            "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
            **payload,
        }
        try:
            self.ledger.append(record)
            self.records[trial.trial_id] = record
            self._index(record)
        except (OSError, RuntimeError) as error:  # the second is Optuna's of a lock that is gone
            self.look_after_ledger()  # where the whole folder is, that is what is to be said
            self.ending = self.ending or error
            return False
        self._drop_checkpoint(record)
        self.on_record(record)
        self.ending = self.ending or self._too_many_failed()
        self.on_change(self)
        return True

    def look_after_ledger(self) -> None:
        """Ends the sweep where the ledger is no longer where it was: at once, not at the end."""
        try:
            self.ledger.check_there()
        except LedgerError as error:
            self.ending = self.ending or error

    def give_up(self, trial: TrialSpec, why: str, errno: int | None) -> None:
        """Ends the sweep for a trial whose decisions could not be kept.

        Without them its record would be one that intervals cannot be computed from: it is not
        written, and the trial runs again, from its checkpoint, once there is room.
        """
        lost = f"what {trial_title(trial.identity)} decides could not be kept: {why}"
        self.ending = self.ending or OSError(EIO if errno is None else errno, lost)

    def _drop_checkpoint(self, record: Record) -> None:
        wall_s, num_seeds = record["metrics"].get("wall_s"), self.spec.resources.seeds_per_trial
        if wall_s is None or wall_s * num_seeds > checkpoints.EVERY_S:  # it may have left one
            checkpoints.drop_checkpoint(self.store, record["trial_id"])

    def _too_many_failed(self) -> Exception | None:
        return too_many_failed(self.spec.max_failed_share, self._errors, len(self.records))

    def _index(self, record: Record) -> None:
        self._whole.add(record)
        if record["status"] == "failed":
            self._errors[str(record.get("error"))] += 1
        if ROLES[record["role"]].is_searched:
            self.searched[search_of(cell_of(record), record["seed"])].append(record)
            self.journal.add(record)

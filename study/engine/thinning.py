"""What a driver keeps in memory of a finished trial: 1 kB of it, whatever the trial was.

Curves, metrics and hyperparameters stay in the ledger, where the tables are made from at the end.
"""

import time
from collections import deque
from sys import intern

from study.storage.ledger import Record
from study.trials.roles import ROLES
from study.trials.trial import CELL_NAMES

LATELY_S = 60.0
"""Seconds for which a record is kept whole, for whoever looks at what is new every few seconds."""
NAMES = (*("trial_id", "role", "status", "task", *CELL_NAMES, "seed", "finished_at"),)
METRICS = ("wall_s", "validation_risk", "excess_risk", "excess_risk_se", "risk", "risk_se")
"""Of a trial: what plan, progress and metrics are made of. A forecast has taken in what a trial
cost, its curve's clocks too, while the record was whole."""


class RecentlyWhole:
    """Takes from records what the driver does not need, a minute after they came."""

    def __init__(self, records: dict[str, Record]) -> None:
        """Takes nothing yet.

        Args:
            records: by trial id; those that were added are replaced by what is kept of them.
        """
        self._records = records
        self._recent: deque[tuple[float, str]] = deque()

    def add(self, record: Record) -> None:
        """Keeps one more; those that have been there for long are thinned."""
        now = time.monotonic()
        while self._recent and now - self._recent[0][0] > LATELY_S:
            _, trial_id = self._recent.popleft()
            self._records[trial_id] = thinned(self._records[trial_id])
        self._recent.append((now, record["trial_id"]))


def thinned(record: Record) -> Record:
    """What a driver keeps of a record; of a proposal, which its search learns from, all of it."""
    if ROLES[record["role"]].is_searched:
        return record
    metrics = record["metrics"]
    named = {name: record[name] for name in NAMES if name in record}
    return {
        **{k: intern(v) if isinstance(v, str) else v for k, v in named.items()},  # held once
        "metrics": {name: metrics[name] for name in METRICS if name in metrics},
        "curves": [],
    }

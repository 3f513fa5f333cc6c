"""The latest stretch of work: how long it lasted, and how many trials ran side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from study.storage.ledger import Record

PAUSE_S = 60.0
"""Idle seconds after which work counts as interrupted."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a trial finished, in seconds since 1970, and how many seconds it had taken."""

    finished: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Work without a pause.

    Attributes:
        num_trials: that finished in it.
        seconds: from the start of its first trial to the end of its last, or to now.
        parallel: trials side by side, on average.
    """

    num_trials: int
    seconds: float
    parallel: float

    @property
    def num_slots(self) -> int:
        """Trials that fit side by side, as far as that can be told from what ran: one at least."""
        return max(1, round(self.parallel + 0.25))  # slots are never quite full

    def overhead_s(self, num_slots: int) -> float:
        """Seconds of a slot between two trials: what its trials' own times leave of the stretch."""
        return max(0.0, (num_slots - self.parallel) * self.seconds / self.num_trials)


def span_of(record: Record) -> Span | None:
    """When a trial ran; None where that is not known."""
    if not record.get("finished_at"):
        return None
    finished = datetime.fromisoformat(record["finished_at"]).timestamp()
    return Span(finished, float(record["metrics"].get("wall_s") or 0.0))


def spans_of(records: Iterable[Record]) -> list[Span]:
    """When trials ran, the last to finish at the end."""
    spans = (span_of(record) for record in records)
    return sorted((s for s in spans if s is not None), key=lambda s: (s.finished, s.seconds))


def last_stretch(spans: Sequence[Span], until: float | None = None) -> Stretch | None:
    """The latest stretch of work in which no pause was longer than a minute.

    Args:
        spans: of the finished trials, as `spans_of` sorts them.
        until: now, while a driver is at work; None: the stretch ends with its last trial.
    """
    if not spans:
        return None
    begin, count, work = spans[-1].finished, 0, 0.0
    for span in reversed(spans):
        if span.finished < begin - PAUSE_S:
            break
        begin = min(begin, span.finished - span.seconds)
        count += 1
        work += span.seconds
    end = max(spans[-1].finished, until or 0.0)
    lasted = max(end - begin, 1.0)
    return Stretch(num_trials=count, seconds=lasted, parallel=max(work / lasted, 0.01))

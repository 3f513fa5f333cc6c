"""Whose fault a cell's error is, as far as its intervals can tell: rules, without words for them.

Nothing is claimed that a row of the landscape does not support. Two errors are told apart where
their 95% intervals do not meet: then they differ at the 5% level however they are correlated, since
a difference's standard deviation is at most the sum of both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.analysis.frames import Row
from study.trials.schema import NEUTRAL_SEVERITY
from study.trials.trial import UNDISTORTED

FAULTS = ("approximation", "objective", "estimation", "optimization")
"""The parts of the total, in the order in which they are told."""

Place = tuple[object, ...]
"""What tells a cell from others (`place_of`)."""

CLEAR, TIED, NONE, OPEN, ABSENT = "clear", "tied", "none", "open", "absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Between what an error lies, for all that is known; in the table's units."""

    lo: float
    hi: float

    def is_below(self, other: "Range") -> bool:
        """Whether the two do not meet, and this one is the lower."""
        return self.hi < other.lo


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """Which part of a cell's error is the largest.

    Attributes:
        kind: CLEAR: `errors` is one, above zero and above every other that is known. TIED: `errors`
            are two or more, any of which may be the largest. NONE: none is above zero for certain.
            OPEN: an interval is unknown, or an error that a row could know, so nothing can be said.
            ABSENT: no error is known.
        errors: of FAULTS, in their order.
        known: the errors among which was looked, in their order.
        missing: those that the row could know and does not: all others where it has a total, else
            of estimation and optimization.
        estimate: of the known errors the one with the largest value, whatever its interval. None:
            there is none; others are missing and this one is not above zero for certain, so that
            it is the largest of nothing; or it is an approximation known from above only, and what
            it may still fall by would make objective the larger.
    """

    kind: str
    errors: tuple[str, ...]
    known: tuple[str, ...]
    missing: tuple[str, ...]
    estimate: str | None


def is_bound(row: Row) -> bool:
    """Whether a row's approximation is known from above only."""
    return row["approximation"] is not None and row["approximation_is_bound"] is not False


def believed_range(row: Row, error: str) -> Range | None:
    """Between what a row's error lies, for all that is known; None: its interval is unknown.

    That is its 95% interval, but for the border between approximation and objective. U_H bounds
    the architecture's best risk from above, and what the search for it left moves from one to the
    other: the row's slack where it is known; where it is not, and U_H has not settled, all of the
    approximation (no risk is below R*).
    """
    lo, hi = row[f"{error}_lo"], row[f"{error}_hi"]
    if lo is None or hi is None:
        return None
    if error in ("approximation", "objective"):
        left = _left_by_the_search(row)
        if left is None:
            return None
        if error == "approximation":
            return Range(lo=lo - left, hi=hi)
        return Range(lo=lo, hi=hi + left)
    return Range(lo=lo, hi=hi)


def _left_by_the_search(row: Row) -> float | None:
    """How much of the approximation may be the search's for U_H; None: nobody knows."""
    if row["slack"] is not None:
        return max(0.0, float(row["slack"]))
    if not is_bound(row):
        return 0.0
    highest = row["approximation_hi"]
    return None if highest is None else max(0.0, float(highest))


def verdict(row: Row) -> Verdict:
    """Say which of a row's known errors is the largest.

    Ranges are of `believed_range`. The highest lower end of all is what the largest error reaches
    at least; so is half of what approximation and objective lose together, whichever of the two
    it is. An error whose range ends below that is not the largest. CLEAR: one is left. TIED: more
    are. NONE: the largest reaches no more than zero for certain. One unknown interval, or error
    that could be known: OPEN.
    """
    known = tuple(name for name in FAULTS if row[name] is not None)
    possible = FAULTS if row["total"] is not None else ("estimation", "optimization")
    missing = tuple(name for name in possible if name not in known)
    kind: str = ABSENT
    errors: tuple[str, ...] = ()
    if known:
        ranges = {name: believed_range(row, name) for name in known}
        held = {name: found for name, found in ranges.items() if found is not None}
        is_whole = not missing and len(held) == len(known)
        kind, errors = _largest(row, held) if is_whole else (OPEN, ())
    estimate = max(known, key=lambda name: float(row[name]), default=None)
    if estimate is not None and missing and not _may_be_named(row, estimate):
        estimate = None
    if estimate == "approximation" and is_bound(row) and "objective" in errors:
        estimate = None
    return Verdict(kind=kind, errors=errors, known=known, missing=missing, estimate=estimate)


def _may_be_named(row: Row, error: str) -> bool:
    """Whether an error is above zero, with all of its interval where that is known."""
    lowest = row[error] if row[f"{error}_lo"] is None else row[f"{error}_lo"]
    return bool(lowest > 0.0)


def _largest(row: Row, ranges: Mapping[str, Range]) -> tuple[str, tuple[str, ...]]:
    reached = max(found.lo for found in ranges.values())
    if "approximation" in ranges and "objective" in ranges:
        reached = max(reached, (row["approximation_lo"] + row["objective_lo"]) / 2)
    if reached <= 0.0:
        return NONE, ()
    errors = tuple(name for name in FAULTS if name in ranges and ranges[name].hi >= reached)
    return (CLEAR if len(errors) == 1 else TIED), errors


def is_undamaged(row: Row) -> bool:
    """Whether a row's data are as they were: undistorted, or distorted by nothing."""
    name = row["distortion"]
    return bool(name == UNDISTORTED or NEUTRAL_SEVERITY.get(name) == row["severity"])


def distinct_cells(rows: Sequence[Row]) -> list[Row]:
    """Keep one of the rows of each cell: an undamaged one is shown under several distortions."""
    found: dict[Place, Row] = {}
    for row in rows:
        found.setdefault(place_of(row), row)
    return list(found.values())


def place_of(row: Row) -> Place:
    """Return what cell a row is of: of undamaged ones the same, whatever distortion shows them."""
    damage = None if is_undamaged(row) else (row["distortion"], row["severity"])
    return (*shape_of(row), row["population"], row["num_train"], damage)


def shape_of(row: Row) -> tuple[str, int, int, float]:
    """Return what network a row is of, in order: its family and its size."""
    return row["family"], *size_of(row)


def size_of(row: Row) -> tuple[int, int, float]:
    """Return depth, latent dimension k and capacity c, which are 0 where they are no axis."""
    return row["depth"], row["latent_dim"] or 0, row["capacity"] or 0.0


def populations_of(rows: Sequence[Row]) -> list[str]:
    """Return the populations of rows, those with a known total first."""
    known = {row["population"] for row in rows if row["total"] is not None}
    return sorted({row["population"] for row in rows}, key=lambda name: (name not in known, name))


def plainest(rows: Sequence[Row]) -> list[Row]:
    """Keep the undamaged rows (else those of the first level) at the largest sample.

    Of the distortions that show them the first: a cell is kept once.
    """

    def damage(row: Row) -> tuple[bool, str, int]:
        return not is_undamaged(row), row["distortion"], row["level"] or 0

    least = min(map(damage, rows))
    kept = [row for row in rows if damage(row) == least]
    largest = max(row["num_train"] for row in kept)
    return [row for row in kept if row["num_train"] == largest]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """An error of one shape (a family, or one network of it) from a first to a last cell.

    Attributes:
        direction: 1: it rises, -1: it falls, 0: the ranges meet, None: one of them is unknown.
    """

    error: str
    first: Row
    last: Row
    direction: int | None

    @property
    def size(self) -> float:
        """How far the values are from each other."""
        return abs(float(self.last[self.error]) - float(self.first[self.error]))


def change(error: str, first: Row, last: Row) -> Change | None:
    """Say whether an error rises or falls between two cells; None where a value is unknown.

    It rises where the range of the first is below that of the last, it falls the other way round.
    """
    if first[error] is None or last[error] is None:
        return None
    before, after = believed_range(first, error), believed_range(last, error)
    if before is None or after is None:
        direction = None
    elif before.is_below(after):
        direction = 1
    else:
        direction = -1 if after.is_below(before) else 0
    return Change(error=error, first=first, last=last, direction=direction)

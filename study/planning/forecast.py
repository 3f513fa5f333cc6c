"""What is left of a study and how long it takes, learned from the trials that are finished.

A trial that has not run yet is priced by what it computes (`study.planning.work`) and by what an
example and a scoring have cost the networks of its kind, whatever their role and sample size. What
that gets wrong is learned from coarse to fine: of the role, of the role and the family, ... down to
the very cell, each level corrected by what was seen of it and shrunk towards the one above.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from study.planning.plan import State, first_seeds, lots, seeds_by_cell, total_by_role
from study.planning.schedule import Batch, makespan
from study.planning.stretch import Span, last_stretch, span_of
from study.planning.work import LOOKING, Work, work_of
from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES, Role
from study.trials.trial import UNDISTORTED, Cell, cell_of

SHRINKAGE = 1.0
"""Trials that a level's own are weighed against: what the level above says of it."""
SHARE = 20
"""A look ahead takes one part in so many of the time, at most."""
RECENT = 200
"""Trials from which the time between two is taken, or four a slot."""
MOST_OVERHEAD_S = 0.25
"""Of a slot between two trials: the driver's part. What is more is waiting for a search."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the cost of an example depends on: the network, the population, the way of training."""

    architecture: Cell
    seeks_best_rule: bool

    @classmethod
    def of(cls, role: Role, cell: Cell) -> "Kind":
        bare = replace(cell, distortion=UNDISTORTED, severity=0.0, num_train=0)
        return cls(bare, role.seeks_best_rule)


@dataclass(kw_only=True, slots=True)
class Group:
    """A role's trials in one place, which are alike as far as anybody knows before they run.

    Attributes:
        total: planned, those that a precision will ask for as far as it can be told.
        done: finished.
        timed: of these, with a time.
        seconds: theirs, together.
    """

    role: Role
    cell: Cell
    served_by: Cell
    kind: Kind
    work: Work
    total: float
    done: int = 0
    timed: int = 0
    seconds: float = 0.0

    @property
    def left(self) -> int:
        """Trials that have not finished."""
        return max(0, round(self.total - self.done))


@dataclass(frozen=True, slots=True)
class Paid:
    """Seconds, and for how many they were paid: starts, examples or scorings."""

    seconds: float = 0.0
    amount: float = 0.0

    def __add__(self, other: "Paid") -> "Paid":
        return Paid(self.seconds + other.seconds, self.amount + other.amount)


PARTS = ("start", "learning", "scoring")


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a forecast says.

    Attributes:
        totals: trials of the whole study by role, as far as what is finished tells.
        seconds_left: until the last trial ends; None until every family that is left was seen.
    """

    totals: Counter[str]
    seconds_left: float | None


class Forecast:
    """A study's trials by role and place, with what is known of their times."""

    def __init__(self, spec: StudySpec) -> None:
        """Lists what is certain."""
        self._spec = spec
        self._groups = {(group.role.name, group.cell): group for group in _groups(spec)}
        self._paid: dict[str, dict[Kind, Paid]] = {part: {} for part in PARTS}
        self._spans: list[Span] = []
        self._num_seen = 0
        self._outlook = Outlook(total_by_role(spec), None)
        self._looked, self._took_s = float("-inf"), 0.0

    def look(self, records: Sequence[Record], num_slots: int | None, now: float | None) -> Outlook:
        """Totals and time left; looked for anew a twentieth of the time.

        Args:
            records: what is finished, in the order of the ledger: those of the last call first.
            num_slots: trials side by side; None: as many as there were.
            now: in seconds since 1970; None: nobody is at work.
        """
        begin = time.monotonic()
        for record in islice(records, self._num_seen, None):
            self._take_in(record)
        self._num_seen = len(records)
        if begin - self._looked > SHARE * self._took_s:
            totals = self._outlook.totals
            if self._spec.precision is not None and records:
                totals = self._with_seeds_asked(totals, records)
            self._outlook = Outlook(totals, self._seconds_left(num_slots, now))
            self._looked, self._took_s = begin, time.monotonic() - begin
            return self._outlook
        left_s = self._outlook.seconds_left
        passed = begin - self._looked
        return replace(
            self._outlook, seconds_left=None if left_s is None else max(0.0, left_s - passed)
        )

    def seconds_of(self) -> dict[tuple[str, Cell], float]:
        """Expected seconds of a trial, by role and cell."""
        groups, expected = self._groups, self._priced()
        for level in LEVELS:
            seen: dict[Hashable, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
            for key, group in groups.items():
                if group.timed:
                    sums = seen[level(group)]
                    sums[0] += group.timed
                    sums[1] += group.seconds
                    sums[2] += group.timed * expected[key]
            factors = {
                name: (num * took / foreseen + SHRINKAGE) / (num + SHRINKAGE)
                for name, (num, took, foreseen) in seen.items()
                if foreseen > 0
            }
            for key, group in groups.items():
                expected[key] *= factors.get(level(group), 1.0)
        return expected

    def _take_in(self, record: Record) -> None:
        role, span = ROLES.get(record["role"]), span_of(record)
        if span is not None:
            self._spans.append(span)
        group = self._groups.get((record["role"], cell_of(record)))
        if role is None or group is None:
            return
        group.done += 1
        wall_s = record["metrics"].get("wall_s")
        if wall_s is not None:
            group.timed += 1
            group.seconds += wall_s
            if not (role.is_measured or role.is_crossed):
                for part, paid in _paid(record, group.work):
                    held = self._paid[part].get(group.kind, Paid())
                    if part != "start":
                        paid += held
                    elif held.amount and held.seconds < paid.seconds:
                        paid = held  # a worker's first trial warms it up: the quickest counts
                    self._paid[part][group.kind] = paid

    def _with_seeds_asked(self, totals: Counter[str], records: Sequence[Record]) -> Counter[str]:
        """Where first seeds are not yet in, as many more are expected as elsewhere on average.

        Elsewhere is the same family on the same population, or else that population, or else
        anywhere; where nothing is known, half of what a cell may have at most.
        """
        spec, asked = self._spec, seeds_by_cell(self._spec, records)
        more: dict[Hashable, list[int]] = defaultdict(list)
        measured = [group for group in self._groups.values() if group.role.is_measured]
        for group in measured:
            if group.done >= spec.seeds:
                for place in _places_alike(group.cell):
                    more[place].append(asked[group.cell] - spec.seeds)
        for group in measured:
            group.total = asked[group.cell]
            if group.done < spec.seeds:
                alike = (more[place] for place in _places_alike(group.cell) if place in more)
                known = next(alike, [(spec.max_seeds or spec.seeds) - spec.seeds, 0])
                group.total = spec.seeds + sum(known) / len(known)
        return Counter({**totals, "measure": sum(asked.values())})

    def _seconds_left(self, num_slots: int | None, now: float | None) -> float | None:
        left = {key: group for key, group in self._groups.items() if group.left}
        seen = {group.cell.family for group in self._groups.values() if group.timed}
        if any(group.cell.family not in seen for group in left.values()):
            return None
        self._spans.sort(key=lambda span: span.finished)
        slots = num_slots or 1
        self._spans = recent = self._spans[-max(RECENT, 4 * slots) :]
        stretch = last_stretch(recent)
        overhead_s = 0.0
        if stretch is not None:
            slots = num_slots or stretch.num_slots
            overhead_s = min(stretch.overhead_s(slots), MOST_OVERHEAD_S)
        begun = [] if now is None else [now - span.finished for span in recent[-slots:]]
        expected, search = self.seconds_of(), self._spec.search
        batches = [
            Batch(
                count=group.left,
                seconds=expected[key] + overhead_s,
                searches=group.cell if group.role.is_searched else None,
                waits_for=None if group.role.is_searched else group.served_by,
                at_once=search.parallel * search.repeats if group.role.is_searched else math.inf,
            )
            for key, group in left.items()
        ]
        return makespan(batches, slots, begun)

    def _priced(self) -> dict[tuple[str, Cell], float]:
        """Seconds of a trial by what it computes, at what its kind has cost."""
        kinds = {group.kind for group in self._groups.values()}
        costs = {kind: [self._cost(kind, part) for part in PARTS] for kind in kinds}
        priced = {}
        for key, group in self._groups.items():
            start_s, example_s, scoring_s = costs[group.kind]
            work = group.work
            priced[key] = start_s + work.likely * example_s + work.scorings * scoring_s
        return priced

    def _cost(self, kind: Kind, part: str) -> float:
        """Of one of a part, by the kind's own trials, or else its family's, or else any."""
        paid = self._paid[part]
        own = [paid[kind]] if kind in paid else []
        family = kind.architecture.family
        family_s = [(k, p) for k, p in paid.items() if k.architecture.family == family]
        alike = [p for k, p in family_s if k.seeks_best_rule == kind.seeks_best_rule]
        for held in (own, alike, [p for _, p in family_s], list(paid.values())):
            amount = sum(p.amount for p in held)
            if amount:
                return sum(p.seconds for p in held) / amount
        return 0.0


LEVELS: tuple[Callable[[Group], Hashable], ...] = (
    lambda group: group.role.name,
    lambda group: (group.role.name, group.cell.family),
    lambda group: (group.role.name, group.kind),
    lambda group: (group.role.name, group.cell.family, group.cell.num_train),
    lambda group: (group.role.name, group.cell.family, group.cell.distortion, group.cell.severity),
    lambda group: (group.role.name, group.cell),
)
"""What trials have in common, from coarse to fine."""


def _places_alike(cell: Cell) -> tuple[Hashable, ...]:
    return ((cell.family, cell.population), cell.population, ())


def _groups(spec: StudySpec) -> Iterator[Group]:
    """In the order in which the plan starts them."""
    for role, place in lots(State.of(spec, ())):
        if total := len(first_seeds(role, place, spec)):
            batch = spec.space_at(place.cell).defaults.get("batch_size")
            yield Group(
                role=role,
                cell=place.cell,
                served_by=place.served_by,
                kind=Kind.of(role, place.cell),
                work=work_of(spec, role, place.cell, batch),
                total=total,
            )


def _paid(record: Record, work: Work) -> Iterator[tuple[str, Paid]]:
    """What a trial of one branch took, by part: up to its curve's first pass it also started, and
    what comes after the last is scoring."""
    metrics, curves = record["metrics"], record.get("curves") or ()
    wall_s, seen = float(metrics["wall_s"]), float(metrics.get("examples_seen") or work.likely)
    clocks = [float(point["wall_s"]) for point in curves if point.get("wall_s") is not None]
    examples = seen + len(curves) * work.tracked * LOOKING
    if len(clocks) < 2:
        yield "learning", Paid(wall_s, examples)
    else:
        learning_s, num = clocks[-1] - clocks[0], len(clocks) - 1
        yield "learning", Paid(learning_s, examples * num / len(clocks))
        yield "start", Paid(max(0.0, clocks[0] - learning_s / num), 1)
        if work.scorings:
            yield "scoring", Paid(max(0.0, wall_s - clocks[-1]), work.scorings)

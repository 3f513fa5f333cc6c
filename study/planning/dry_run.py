"""What a study would do and cost, told without doing it."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from rich.console import Console
from rich.table import Table

from study.planning.forecast import Kind
from study.planning.plan import State, lots, planned_trials, with_most_seeds
from study.planning.progress import duration
from study.planning.schedule import Batch, makespan
from study.planning.work import LIKELY_SETTLED, work_of
from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES
from study.trials.trial import Cell, TrialSpec

STUDY_S = 10.0
"""Of a study beside its trials: Ray's start, its workers' imports, tables and report."""


class Costs(Protocol):
    """Seconds: to start a trial, to learn from an example, to score a rule."""

    @property
    def start_s(self) -> float:
        """Until it can learn."""

    @property
    def example_s(self) -> float:
        """To learn from an example."""

    @property
    def scoring_s(self) -> float:
        """To score a rule."""


def describe(
    spec: StudySpec,
    records: Sequence[Record],
    costs_of: Callable[[TrialSpec], Costs],
    console: Console,
    num_slots: int | None,
) -> None:
    """Prints trials by role, the examples they train on and the CPU time that is estimated to take.

    When a trial settles nobody knows before it does, so there are three times: if all settle as
    soon as it can be told, if they do when most do, and if none does. Where a precision is asked
    for, the first is of the seeds that are certain, the second of half of what may be added to
    them, the third of all that a cell may have.

    Args:
        spec: what is asked.
        records: what is finished.
        costs_of: of a trial; asked for once for each kind of network.
        console: printed on.
        num_slots: trials side by side; None: nobody knows before a cluster is asked.
    """
    groups = _groups(spec, records, costs_of)
    rows: dict[str, _Row] = defaultdict(_Row)
    for (role, _), group in groups.items():
        rows[role] += group.row
    whole = sum(rows.values(), _Row())
    count = _between(whole.fewest, whole.most)
    table = Table(title=f"{spec.name}: {count} trials to run, {len(records)} finished")
    for heading in ("role", "trials", "examples to T", "CPU, least", "likely", "at most"):
        table.add_column(heading, justify="left" if heading == "role" else "right")
    for role in ROLES:
        if role in rows:
            table.add_row(role, *rows[role].shown)
    table.add_section()
    table.add_row("all", *whole.shown)
    console.print(table)
    console.print(
        "CPU time of learning, scoring and starting trials, timed on this machine just now.\n"
        "When a trial settles nobody knows before: least is as soon as it can be told, likely "
        f"after {LIKELY_SETTLED} steps,\nat most if none does until the maximum, which is hardly "
        "ever reached."
    )
    if num_slots is not None:
        least_s, likely_s = (_wall_s(spec, groups, name, num_slots) for name in ("least", "likely"))
        console.print(
            f"About {duration(likely_s)} with {num_slots} trials side by side, Ray's start and the "
            f"report included, at least {duration(least_s)}, where nothing else is at work."
        )
    if spec.precision is not None:
        console.print(
            f"precision = {spec.precision:g}: {spec.seeds} seeds of each cell tell how many it "
            f"needs, {spec.max_seeds} at most."
        )


@dataclass(kw_only=True, slots=True)
class _Row:
    """A row of the table, as it fills."""

    fewest: int = 0
    most: int = 0
    examples: int = 0
    least_s: float = 0.0
    likely_s: float = 0.0
    most_s: float = 0.0

    def __add__(self, other: "_Row") -> "_Row":
        mine, others = asdict(self), asdict(other)
        return _Row(**{name: value + others[name] for name, value in mine.items()})

    @property
    def shown(self) -> tuple[str, ...]:
        seconds = map(duration, (self.least_s, self.likely_s, self.most_s))
        return (_between(self.fewest, self.most), f"{self.examples:,}", *seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """A role's trials of one cell, which are alike.

    Attributes:
        fewest, most: how many.
        examples: that each sees up to its budget.
        least_s, likely_s, most_s: seconds of one.
    """

    fewest: int
    most: int
    examples: int
    least_s: float
    likely_s: float
    most_s: float

    @property
    def likely(self) -> float:
        """How many: half of what a precision may ask for."""
        return (self.fewest + self.most) / 2

    @property
    def row(self) -> _Row:
        return _Row(
            fewest=self.fewest,
            most=self.most,
            examples=self.fewest * self.examples,
            least_s=self.fewest * self.least_s,
            likely_s=self.likely * self.likely_s,
            most_s=self.most * self.most_s,
        )


def _groups(
    spec: StudySpec, records: Sequence[Record], costs_of: Callable[[TrialSpec], Costs]
) -> dict[tuple[str, Cell], _Group]:
    """By role and cell, in the order of the plan."""
    fewest = _by_group(planned_trials(spec, records))
    most = _by_group(planned_trials(with_most_seeds(spec), records))
    costs: dict[Kind, Costs] = {}
    # A search's trials score nothing: where there are others, these are timed.
    for (role, cell), trials in sorted(most.items(), key=lambda g: ROLES[g[0][0]].is_searched):
        kind = Kind.of(ROLES[role], cell)
        if kind not in costs:
            costs[kind] = costs_of(trials[0])
    groups = {}
    for (role, cell), trials in most.items():
        cost = costs[Kind.of(ROLES[role], cell)]
        work = work_of(spec, ROLES[role], cell, _batch_size(trials[0]))
        besides_s = cost.start_s + work.scorings * cost.scoring_s
        groups[role, cell] = _Group(
            fewest=len(fewest.get((role, cell), ())),
            most=len(trials),
            examples=_num_examples(spec, trials[0]),
            least_s=besides_s + work.least * cost.example_s,
            likely_s=besides_s + work.likely * cost.example_s,
            most_s=besides_s + work.most * cost.example_s,
        )
    return groups


def _by_group(trials: Sequence[TrialSpec]) -> Mapping[tuple[str, Cell], list[TrialSpec]]:
    groups = defaultdict(list)
    for trial in trials:
        groups[trial.role, trial.cell].append(trial)
    return groups


def _wall_s(
    spec: StudySpec, groups: Mapping[tuple[str, Cell], _Group], name: str, num_slots: int
) -> float:
    """Until the study's end: trials in the order of the plan, each search one after the other."""
    batches = []
    every = lots(State.of(spec, ()))
    served = {(role.name, place.cell): place.served_by for role, place in every}
    for (role, cell), group in groups.items():
        is_searched = ROLES[role].is_searched
        batches.append(
            Batch(
                count=group.fewest if name == "least" else round(group.likely),
                seconds=group.least_s if name == "least" else group.likely_s,
                searches=cell if is_searched else None,
                waits_for=None if is_searched else served[role, cell],
                at_once=spec.search.parallel * spec.search.repeats if is_searched else math.inf,
            )
        )
    return STUDY_S + makespan(batches, num_slots)


def _batch_size(trial: TrialSpec) -> int | None:
    held = (trial.hyperparameters or {}).get("batch_size")
    return None if held is None else int(held)


def _num_examples(spec: StudySpec, trial: TrialSpec) -> int:
    """Examples that a trial sees up to its budget; what is fitted sees them once."""
    length = trial.budget.to_budget
    if spec.is_fitted(trial.cell.family):
        return trial.cell.num_train
    if trial.budget.unit == "epochs":
        return trial.cell.num_train * length
    assert trial.hyperparameters is not None, "the dry run stands in for the winner"
    return int(trial.hyperparameters["batch_size"]) * length


def _between(least: int, most: int) -> str:
    return str(least) if least == most else f"{least}–{most}"

"""What a study would do and cost, told without doing it."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from study.planning.plan import planned_trials, with_most_seeds
from study.planning.progress import duration
from study.request.spec import StudySpec
from study.storage.ledger import Record
from study.trials.roles import ROLES
from study.trials.trial import TrialSpec


def describe(
    spec: StudySpec,
    records: Sequence[Record],
    seconds_per_example: Callable[[TrialSpec], float],
    console: Console,
) -> None:
    """Prints trials by role, the examples they train on and the CPU time that is estimated to take.

    The unit cost is asked for once for each family, depth, latent dimension, capacity, population
    and way of training. Scoring and data are not in it, and a trial may settle before convergence
    is given up, so the two columns are the time to the budget and the time if none does. Where a
    precision is asked for, the first is of the seeds that are certain, the second of all that a
    cell may have.
    """
    least, most = planned_trials(spec, records), planned_trials(with_most_seeds(spec), records)
    unit: dict[_Priced, float] = {}
    rows: dict[str, _Row] = defaultdict(_Row)
    for trial in most:
        key = _Priced.of(trial)
        if key not in unit:
            unit[key] = seconds_per_example(trial)
        row = rows[trial.role]
        row.most += 1
        row.at_most_s += unit[key] * _num_examples(spec, trial, trial.budget.at_most)
    for trial in least:
        row = rows[trial.role]
        examples = _num_examples(spec, trial, trial.budget.to_budget)
        row.least += 1
        row.examples += examples
        row.to_budget_s += unit[_Priced.of(trial)] * examples
    count = _between(len(least), len(most))
    table = Table(title=f"{spec.name}: {count} trials to run, {len(records)} finished")
    for heading in ("role", "trials", "examples", "CPU to budget", "CPU at most"):
        table.add_column(heading, justify="left" if heading == "role" else "right")
    for role in ROLES:
        if role in rows:
            table.add_row(role, *rows[role].shown)
    table.add_section()
    table.add_row("all", *sum(rows.values(), _Row()).shown)
    console.print(table)
    console.print("CPU time of training alone, from steps timed on this machine just now.")
    if spec.precision is not None:
        console.print(
            f"precision = {spec.precision:g}: {spec.seeds} seeds of each cell tell how many it "
            f"needs, {spec.max_seeds} at most."
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Priced:
    """What an example's cost depends on."""

    family: str
    depth: int
    latent_dim: int | None
    capacity: float | None
    population: str
    seeks_best_rule: bool

    @classmethod
    def of(cls, trial: TrialSpec) -> "_Priced":
        cell = trial.cell
        return cls(
            family=cell.family,
            depth=cell.depth,
            latent_dim=cell.latent_dim,
            capacity=cell.capacity,
            population=cell.population,
            seeks_best_rule=ROLES[trial.role].seeks_best_rule,
        )


@dataclass(kw_only=True, slots=True)
class _Row:
    """A row of the table, as it fills."""

    least: int = 0
    most: int = 0
    examples: int = 0
    to_budget_s: float = 0.0
    at_most_s: float = 0.0

    def __add__(self, other: "_Row") -> "_Row":
        mine, others = asdict(self), asdict(other)
        return _Row(**{name: value + others[name] for name, value in mine.items()})

    @property
    def shown(self) -> tuple[str, ...]:
        seconds = (duration(self.to_budget_s), duration(self.at_most_s))
        return (_between(self.least, self.most), f"{self.examples:,}", *seconds)


def _num_examples(spec: StudySpec, trial: TrialSpec, length: int) -> int:
    """Examples that a trial sees in so many epochs or steps; what is fitted sees them once."""
    if spec.is_fitted(trial.cell.family):
        return trial.cell.num_train
    if trial.budget.unit == "epochs":
        return trial.cell.num_train * length
    assert trial.hyperparameters is not None, "the dry run stands in for the winner"
    return int(trial.hyperparameters["batch_size"]) * length


def _between(least: int, most: int) -> str:
    return str(least) if least == most else f"{least}–{most}"

"""What a study would do and cost, told without doing it."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from study.planning.plan import planned_trials
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
    """Prints trials by role, their epochs and the CPU time they are estimated to take.

    The unit cost is asked for once for each family, depth and population. Scoring and data are
    not in it, and a trial may settle before `max_epochs`, so the two columns are the time to the
    budget and the time to the last epoch a trial may take.
    """
    trials = planned_trials(spec, records)
    unit: dict[tuple[str, int, str], float] = {}
    rows: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0, 0.0])
    for trial in trials:
        cell = trial.cell
        key = (cell.family, cell.depth, cell.population)
        if key not in unit:
            unit[key] = seconds_per_example(trial)
        row = rows[trial.role]
        row[0] += 1
        # What is fitted, and not trained, sees its sample once.
        is_fitted = cell.family in spec.own and spec.own[cell.family].kind == "sklearn"
        budget, most = (1, 1) if is_fitted else (trial.budget_epochs, trial.max_epochs)
        row[1] += budget
        row[2] += cell.num_train * budget * unit[key]
        row[3] += cell.num_train * most * unit[key]
    table = Table(title=f"{spec.name}: {len(trials)} trials to run, {len(records)} finished")
    for heading in ("role", "trials", "epochs", "CPU to budget", "CPU at most"):
        table.add_column(heading, justify="left" if heading == "role" else "right")
    for role in ROLES:
        if role in rows:
            count, epochs, low, high = rows[role]
            table.add_row(role, str(count), str(epochs), duration(low), duration(high))
    low, high = (sum(row[i] for row in rows.values()) for i in (2, 3))
    table.add_section()
    total_epochs = sum(int(row[1]) for row in rows.values())
    table.add_row("all", str(len(trials)), str(total_epochs), duration(low), duration(high))
    console.print(table)
    console.print("CPU time of training alone, from steps timed on this machine just now.")

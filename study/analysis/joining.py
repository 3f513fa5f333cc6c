"""Two studies as one: the trials of both, each once, their levels merged by severity."""

from collections.abc import Iterable, Sequence

import pandas as pd

from study.analysis.decisions import Decisions
from study.analysis.frames import Row, TableError, to_rows
from study.analysis.joined import CONFIGURATION
from study.analysis.reading import Study
from study.analysis.table import Levels, level_of
from study.analysis.validation import check_parts
from study.trials.roles import RETIRED, ROLES
from study.trials.tasks import task_of
from study.trials.trial import Cell, cell_of

_MEASURED = [role.name for role in ROLES.values() if role.is_measured]


def join_studies(first: Study, second: Study) -> Study:
    """Both studies' trials in one.

    A trial that both have, which its identity says, is there once, as the first has it. What the
    first names first, families and severities, stays first.

    Raises:
        TableError: one line, where they are of different protocols, a family has another task in
            either, seeds were found by different rules, or a cell was measured in two ways.
    """
    _check_protocol(first, second)
    _check_tasks(first, second)
    if first.stopping != second.stopping:
        told = " and ".join(_stopping_text(study) for study in (first, second))
        raise TableError(
            f"{_both(first, second)}: their seeds were found by different rules: {told}"
        )
    _check_configurations(first, second)
    levels = _merged(first.levels, second.levels)
    trials = _concatenated(first.trials, second.trials, set())
    trials = trials.assign(level=_levels(trials, levels))
    check_parts(trials)
    folders = [
        folder
        for study in (first, second)
        if study.decisions is not None
        for folder in study.decisions.folders
    ]
    return Study(
        name=f"{first.name} + {second.name}",
        folder=None,
        trials=trials,
        levels=levels,
        curves=_curves(first, second),
        provenance={},
        decisions=Decisions(*dict.fromkeys(folders)) if folders else None,
        stopping=first.stopping,
        families=tuple(dict.fromkeys((*_families(first), *_families(second)))),
    )


def _both(first: Study, second: Study) -> str:
    return f"{first.name} and {second.name} cannot be joined"


def _check_protocol(first: Study, second: Study) -> None:
    """The first protocol had roles that the second has not."""
    are_old = [study.trials["role"].isin(RETIRED).any() for study in (first, second)]
    if are_old[0] != are_old[1]:
        old = first if are_old[0] else second
        raise TableError(f"{_both(first, second)}: {old.name} is of the first protocol")


def _check_tasks(first: Study, second: Study) -> None:
    ours, theirs = _tasks(first), _tasks(second)
    for family in sorted(ours.keys() & theirs.keys()):
        if ours[family] != theirs[family]:
            raise TableError(
                f"{_both(first, second)}: {family} is for {ours[family]} in the one and for "
                f"{theirs[family]} in the other"
            )


def _tasks(study: Study) -> dict[str, str]:
    pairs = study.trials[["family", "task"]].drop_duplicates()
    return {row["family"]: task_of(row["task"]).name for row in to_rows(pairs)}


def _stopping_text(study: Study) -> str:
    rule = study.stopping
    if rule is None:
        return "a fixed number"
    return f"{rule.first_seeds} to {rule.max_seeds} for precision {rule.precision:g}"


def _check_configurations(first: Study, second: Study) -> None:
    """A mean is of trials of one configuration, and of one trial for each seed."""
    ours, theirs = (_measured(study.trials) for study in (first, second))
    for cell in [cell for cell in ours if cell in theirs]:  # the first that differs is told
        for name in CONFIGURATION:
            found = [{row[name] for row in held[cell]} for held in (ours, theirs)]
            if found[0] != found[1]:
                told = " and ".join(", ".join(map(str, sorted(f, key=str))) for f in found)
                raise TableError(f"{_both(first, second)}: {cell.title}: {name} is {told}")
        by_seed = {(row["role"], row["seed"]): row["trial_id"] for row in ours[cell]}
        for row in theirs[cell]:
            known = by_seed.get((row["role"], row["seed"]), row["trial_id"])
            if known != row["trial_id"]:
                raise TableError(
                    f"{_both(first, second)}: {cell.title}: seed {row['seed']} was measured with "
                    f"other hyperparameters in either ({known}, {row['trial_id']})"
                )


def _measured(trials: pd.DataFrame) -> dict[Cell, list[Row]]:
    found: dict[Cell, list[Row]] = {}
    for row in to_rows(trials[trials["role"].isin(_MEASURED)]):
        found.setdefault(cell_of(row), []).append(row)
    return found


def _merged(first: Levels, second: Levels) -> dict[str, list[float]]:
    """The severities of both, by value: those of the first, then what the second adds."""
    return {
        name: list(dict.fromkeys((*first.get(name, ()), *second.get(name, ()))))
        for name in dict.fromkeys((*first, *second))
    }


def _levels(trials: pd.DataFrame, levels: Levels) -> pd.Series:
    pairs = zip(trials["distortion"], trials["severity"], strict=True)
    found = [level_of(name, severity, levels) for name, severity in pairs]
    return pd.Series(found, index=trials.index, dtype="Int64")


def _concatenated(first: pd.DataFrame, second: pd.DataFrame, known: Iterable[str]) -> pd.DataFrame:
    """The rows of both, those of trials that the first has taken out of the second."""
    held = {*known, *first["trial_id"]}
    more = second[~second["trial_id"].isin(held)]
    whole = pd.concat([first, more], ignore_index=True)
    # A column that one of them lacks is null there, in its own dtype.
    dtypes = {**second.dtypes.to_dict(), **first.dtypes.to_dict()}
    return whole.astype({name: dtypes[name] for name in whole.columns})


def _curves(first: Study, second: Study) -> pd.DataFrame | None:
    if first.curves is None or second.curves is None:
        return first.curves if second.curves is None else second.curves
    return _concatenated(first.curves, second.curves, first.trials["trial_id"])


def _families(study: Study) -> Sequence[str]:
    return study.families or list(dict.fromkeys(study.trials["family"]))

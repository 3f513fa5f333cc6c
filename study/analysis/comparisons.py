"""Families against each other: over all cells of a population, and cell by cell.

Families see the same samples and are scored on the same examples, so that differences are taken
seed by seed and example by example. What no table holds is in a study's decisions; without them
there are differences and no intervals.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
import scipy.optimize

from study.analysis.columns import COMPARISON_COLUMNS
from study.analysis.crossed import Crossed, combine, symmetric, t_quantile
from study.analysis.frames import Row, TableError, typed_frame
from study.analysis.intervals import clopper_pearson, holm, mean_known
from study.analysis.joined import Joined
from study.analysis.moderated import Array, fit_prior
from study.analysis.moments import Part, crossed_parts
from study.trials.trial import Cell

LEVEL = 0.05
SMALLEST_P = 1e-15  # smaller ones are given as this
MOST_PAIRS = 2**24
"""Of trials that are compared: they grow with the square of the families."""
CELL, POPULATION = "cell", "population"
"""What a row is about: the two families in one cell, or on average over a population's cells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Meeting:
    """Two families of a task in one cell.

    Attributes:
        cell: with an empty family.
        rows: their trials, by seed; the same seeds for both.
    """

    task: str | None
    first: str
    second: str
    cell: Cell
    rows: dict[int, tuple[Row, Row]]

    @property
    def names(self) -> Row:
        return {"task": self.task, "first": self.first, "second": self.second}

    def differences(self, seeds: Sequence[int], measure: str = "risk") -> Array:
        """Risk of the first minus the second, or another column, by seed."""
        return np.array([self.rows[s][0][measure] - self.rows[s][1][measure] for s in seeds])


def build_comparisons(joined: Joined) -> pd.DataFrame:
    """The table of every two families of a task; columns as COMPARISON_COLUMNS.

    Rows of scope "population" are means over the cells in which both families are, within each
    seed that all of these cells have, and then over seeds. Rows of scope "cell" have moderated
    intervals and p-values (`moderated_tests`). An undistorted cell is one row, however many
    distortions show it. Holm's (1979) correction runs over all rows of a task and a scope.
    """
    meetings = meetings_of(joined)
    rows = _population_rows(joined, meetings)
    for task in sorted({meeting.task for meeting in meetings}, key=str):
        rows += _cell_rows(joined, [m for m in meetings if m.task == task])
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["scope"], row["task"]].append(row)
    for group in groups.values():
        _correct(group)
    return typed_frame(rows, COMPARISON_COLUMNS)


def moderated_tests(
    samples: Sequence[Array],
    noises: Sequence[Part],
    sizes: Array,
    worth: Sequence[float] | None = None,
) -> list[Row]:
    """Means over few seeds, tested with variances that are shrunk over all of them.

    Smyth's (2004) moderated t over the seeds, its prior linear in log n, and beside it the
    evaluation examples' part of the variance, which is known too well to be shrunk.

    Args:
        samples: (k,) a test's values by seed, two or more.
        noises: the examples' parts of study.analysis.moments.crossed_parts.
        sizes: (G,) n of the tests.
        worth: of the tests, as how many independent values their seeds count; None: as k.
    """
    counts = np.array([len(values) for values in samples], dtype=np.float64)
    variances = np.array([values.var(ddof=1) for values in samples])
    prior = fit_prior(variances, counts - 1, np.log(sizes)[:, None])
    shrunk = prior.moderate(variances, counts - 1)
    return [
        _test_columns(
            float(values.mean()),
            float(moderated) / num,
            prior.degrees_of_freedom + len(values) - 1,
            examples,
        )
        for values, examples, moderated, num in zip(
            samples, noises, shrunk, counts if worth is None else worth, strict=True
        )
    ]


def meetings_of(joined: Joined) -> list[Meeting]:
    """Every two families of a task in every cell that both are measured in.

    Raises:
        TableError: their trials are more pairs than MOST_PAIRS.
    """
    measured: dict[Cell, dict[str, dict[int, Row]]] = defaultdict(dict)
    for cell in joined.current["measure"]:
        by_seed = {row["seed"]: row for row in joined.measured(cell)}
        measured[replace(cell, family="")][cell.family] = by_seed
    num = sum(math.comb(len(held), 2) * max(map(len, held.values())) for held in measured.values())
    if num > MOST_PAIRS:
        raise TableError(f"{num:,} pairs of trials to compare: at most {MOST_PAIRS:,} are allowed")
    found = []
    for cell, families in sorted(measured.items()):
        for first, second in combinations(sorted(families), 2):
            of_first, of_second, task = families[first], families[second], joined.tasks[first]
            rows = {s: (of_first[s], of_second[s]) for s in sorted(of_first) if s in of_second}
            if rows and task == joined.tasks[second]:
                found.append(Meeting(task=task, first=first, second=second, cell=cell, rows=rows))
    return found


def _population_rows(joined: Joined, meetings: Sequence[Meeting]) -> list[Row]:
    groups: dict[tuple[str, ...], list[Meeting]] = defaultdict(list)
    for meeting in meetings:
        key = (str(meeting.task), meeting.cell.population, meeting.first, meeting.second)
        groups[key].append(meeting)
    rows = []
    for _, held in sorted(groups.items()):
        seeds = sorted(set.intersection(*(set(meeting.rows) for meeting in held)))
        if not seeds:
            continue
        differences = np.mean([meeting.differences(seeds) for meeting in held], axis=0)
        row = held[0].names | {
            "scope": POPULATION,
            "population": held[0].cell.population,
            "num_cells": len(held),
            **_seed_columns(differences),
        }
        terms = _mean_terms(joined, held, seeds)
        parts = None if terms is None else crossed_parts([terms[None]])
        if parts is not None:
            row |= _test_columns(row["difference"], _variance(parts[0]), len(seeds) - 1, parts[1])
        rows.append(row)
    return rows


def _mean_terms(joined: Joined, meetings: Sequence[Meeting], seeds: Sequence[int]) -> Array | None:
    """The mean over cells of the differences (k, N); None where one of them lacks decisions.

    Laws of a population are drawn from one stream, so that example i of one goes with example i
    of another; the mean over cells is one more function of example i.
    """
    total: Array | None = None
    for meeting in meetings:
        terms = difference_terms(joined, meeting, seeds)
        if terms is None or (total is not None and total.shape != terms.shape):
            return None
        total = terms if total is None else total + terms
    return None if total is None else total / len(meetings)


def difference_terms(
    joined: Joined, meeting: Meeting, seeds: Sequence[int], kind: str | None = None
) -> Array | None:
    """Differences (k, N) of the losses, under a corruption or none; None without every rule's."""
    if joined.decisions is None:
        return None
    rows = []
    for held in (meeting.rows[seed] for seed in seeds):
        losses = [
            joined.decisions.losses(row)
            if kind is None
            else joined.decisions.losses_under(row, kind)
            for row in held
        ]
        if losses[0] is None or losses[1] is None:
            return None
        rows.append(losses[0] - losses[1])
    return np.array(rows)


def _agreement(joined: Joined, meeting: Meeting) -> float | None:
    """On how many of the examples both decide the same; mean over seeds."""
    if joined.decisions is None:
        return None
    shares = []
    for first, second in meeting.rows.values():
        said = joined.decisions.classes(first), joined.decisions.classes(second)
        if said[0] is not None and said[1] is not None:
            shares.append(float((said[0] == said[1]).mean()))
    return mean_known(shares)


def _cell_rows(joined: Joined, meetings: Sequence[Meeting]) -> list[Row]:
    """The rows of one task's cells."""
    rows, tested, samples, noises = [], [], [], []
    for meeting in meetings:
        seeds = sorted(meeting.rows)
        differences = meeting.differences(seeds)
        row = asdict(meeting.cell) | meeting.names | {"scope": CELL, "num_cells": 1}
        row |= _seed_columns(differences) | {"agreement": _agreement(joined, meeting)}
        rows.append(row)
        terms = difference_terms(joined, meeting, seeds)
        parts = None if terms is None else crossed_parts([terms[None]])
        if parts is not None:
            tested.append(row)
            samples.append(differences)
            noises.append(parts[1])
    if tested:
        sizes = np.array([row["num_train"] for row in tested], dtype=np.float64)
        for row, columns in zip(tested, moderated_tests(samples, noises, sizes), strict=True):
            row |= columns
    return rows


def _seed_columns(differences: Array) -> Row:
    """What the table of trials says by itself."""
    num = len(differences)
    wins = float((differences < 0).sum() + (differences == 0).sum() / 2)
    share = clopper_pearson(wins, num)  # a tie half: no less is covered, ties make it less variable
    return {
        "num_pairs": num,
        "difference": float(differences.mean()),
        "probability_first_better": wins / num,
        "probability_first_better_lo": share.lo,
        "probability_first_better_hi": share.hi,
    }


def _variance(part: Part) -> float:
    return max(0.0, float(part.covariance[0, 0]))


def _test_columns(value: float, seeds: float, freedom: float, examples: Part) -> Row:
    """Of a mean whose variance is a seeds' part, known to `freedom`, and an examples' part."""
    parts = [(seeds, freedom), (_variance(examples), examples.degrees_of_freedom)]
    found = combine(value, [symmetric(*part) for part in parts])
    return {
        "difference_lo": found.lo,
        "difference_hi": found.hi,
        "standard_error": found.standard_error,
        "degrees_of_freedom": found.degrees_of_freedom,
        "p_value": _p_value(value, found, parts),
    }


def _p_value(value: float, found: Crossed, parts: Sequence[tuple[float, float]]) -> float | None:
    """One minus the confidence at which the interval ends at 0 (study.analysis.crossed.combine).

    SMALLEST_P where it is no larger; None where nothing varies and the mean is not 0.
    """
    if not found.standard_error or found.degrees_of_freedom is None:
        return 1.0 if value == 0.0 else None
    variance, pooled = found.standard_error**2, found.degrees_of_freedom

    def excess(log_level: float) -> float:
        level = math.exp(log_level)
        apart = sum(v * t_quantile(freedom, level) ** 2 for v, freedom in parts)
        return (variance * t_quantile(pooled, level) ** 2 + apart) / 2 - value**2

    smallest = math.log(SMALLEST_P)
    if excess(smallest) <= 0.0:
        return SMALLEST_P
    return math.exp(float(scipy.optimize.brentq(excess, smallest, 0.0, rtol=1e-10)))


def _correct(rows: Sequence[Row]) -> None:
    """Adds to rows what their number leaves of their p-values."""
    for row, adjusted in zip(rows, holm([row.get("p_value") for row in rows]), strict=True):
        row["p_holm"] = adjusted
        row["significant"] = None if adjusted is None else adjusted < LEVEL

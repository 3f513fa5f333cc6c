"""Families against each other by every term of the decomposition: whose fault a difference is.

R* is the same for both, so that with a prime for the second family's

    approximation  U_H - U_H'                                   one rule each
    objective      (U_A - U_A') - (U_H - U_H')                  restarts
    estimation     (R_n(inf) - R_n(inf)') - (U_A - U_A')        seeds, and restarts
    optimization   (R_n(T) - R_n(T)') - (R_n(inf) - R_n(inf)')  seeds

add up to the difference of R_n(T), over the seeds and restarts that both families have. Seed s has
one sample for all families and restart j one stream, and all rules are scored on the same examples:
every difference is paired by each of them. Tests are those of study.analysis.contrasts.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from study.analysis.candidates import any_size
from study.analysis.columns import ERRORS, TERM_COMPARISON_COLUMNS
from study.analysis.comparisons import CELL, POPULATION
from study.analysis.completeness import trained_damage
from study.analysis.contrasts import (
    NO_EXAMPLES,
    Meeting,
    correct,
    mean_columns,
    meetings_of,
    room_columns,
    shrunk_variances,
    tested,
    worth_of,
)
from study.analysis.crossed import examples_variance, interaction_variance
from study.analysis.decisions import BUDGET, CONVERGED
from study.analysis.frames import Row, to_rows, typed_frame
from study.analysis.joined import Joined
from study.analysis.moments import Part
from study.analysis.pairs import Pairs, paired, paired_rules
from study.analysis.rows import Array
from study.trials.tasks import task_of
from study.trials.trial import CELL_NAMES, Cell, cell_of, law_of

TERMS = APPROXIMATION, OBJECTIVE, ESTIMATION, OPTIMIZATION = ERRORS[1:]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gap:
    """By how much two families differ in a term: in a cell, or on average over a population's.

    Attributes:
        meeting: where; of a term that is the same at every n (and label noise) one of those, its
            cell of no n (and no noise).
        groups: their means add up to the difference, those of one over other seeds or restarts than
            the other's; without terms.
        examples: the examples' part of the variance; None: it is unknown, or a group's is.
        laws: at any n, of the cells that the term is of, one of each.
        restarts: the part of the second group, where there is one and it is known.
    """

    error: str
    scope: str
    meeting: Meeting
    groups: tuple[Pairs, ...]
    examples: Part | None
    laws: tuple[Cell, ...]
    restarts: Part | None = None

    @property
    def place(self) -> tuple[Cell, str, str]:
        """What its restarts are of."""
        return any_size(self.meeting.cell), self.meeting.first, self.meeting.second

    @property
    def differences(self) -> Array:
        """Of the first group; what the others' mean is, is added to each."""
        first, *others = self.groups
        return first.differences + sum(group.mean for group in others)

    def noise(self, _: Joined) -> Sequence[Part] | None:
        """The parts of the variance that are not the first group's; None: one is unknown."""
        if self.examples is None or (len(self.groups) > 1 and self.restarts is None):
            return None
        return [part for part in (self.restarts, self.examples) if part is not None]


def build_term_comparisons(joined: Joined, landscape: pd.DataFrame) -> pd.DataFrame:
    """The table of every two families of a task by every term; columns as TERM_COMPARISON_COLUMNS.

    Scopes are those of study.analysis.comparisons. What is the same in many cells is one row and
    one test: approximation at every n and label noise of a law, objective at every n. Holm's (1979)
    correction runs over all rows of an error, a task and a scope: each term is a question of its
    own. Each U_H is of one rule, whose training's luck is in no variance, whether it has settled or
    not. So a p-value of approximations is of the rules that were found, and no significance of the
    families is claimed where the larger could fall to the smaller; nor is it of objectives, unless
    the smaller would stay the smaller (beyond the interval) if its U_H fell to R*.

    Args:
        joined: the trials.
        landscape: of study.analysis.landscape.build_landscape; it says how far a U_H may fall.
    """
    pairs: dict[tuple[str, ...], list[Meeting]] = defaultdict(list)
    for meeting in meetings_of(joined):
        key = (str(meeting.task), meeting.cell.population, meeting.first, meeting.second)
        pairs[key].append(meeting)
    families: dict[tuple[int, str, str], list[_Gap]] = defaultdict(list)
    for _, held in sorted(pairs.items()):
        for gap in _gaps(joined, held):
            families[TERMS.index(gap.error), str(gap.meeting.task), gap.scope].append(gap)
    falls, rows = _falls(landscape), []
    for (_, _, scope), gaps in sorted(families.items(), key=_order):
        tests = _cell_tests(joined, gaps) if scope == CELL else map(_mean_test, gaps)
        found = [_named(gap) | test for gap, test in zip(gaps, tests, strict=True)]
        correct(found)
        for gap, row in zip(gaps, found, strict=True):
            row["is_bound"] = _is_bound(gap, row, falls)
            row["significant"] = None if row["is_bound"] else row["significant"]
        rows += found
    return typed_frame(rows, TERM_COMPARISON_COLUMNS)


def _order(family: tuple[tuple[int, str, str], list[_Gap]]) -> tuple[int, str, bool]:
    (error, task, scope), _ = family
    return error, task, scope == CELL


def _gaps(joined: Joined, meetings: Sequence[Meeting]) -> Iterator[_Gap]:
    """Of two families everywhere on a population: every term of every cell, and its mean."""
    best: dict[Cell, Pairs | None] = {}
    limits: dict[Cell, Pairs | None] = {}
    sums: dict[str, tuple[Pairs, ...]] = {}
    found: dict[tuple[str, Cell], tuple[Meeting, tuple[Pairs, ...], Part | None]] = {}
    laws: dict[tuple[str, Cell], list[Cell]] = defaultdict(list)
    largest = task_of(meetings[0].task).largest
    for meeting in meetings:
        level = any_size(meeting.cell)
        law = law_of(level)
        if law not in best:
            best[law] = paired_rules(joined, [joined.rule_of(c) for c in _sides(meeting, law)])
        if level not in limits:
            sides = [joined.limit_of(cell) for cell in _sides(meeting, level)]
            limits[level] = paired(joined, sides, BUDGET)
        shared = {APPROXIMATION: law, OBJECTIVE: level}
        for error, groups in _terms(joined, meeting, best[law], limits[level]).items():
            key = error, shared.get(error, meeting.cell)
            laws[key].append(law)
            if key not in found:
                at = replace(meeting, cell=key[1]) if error in shared else meeting
                bare = tuple(group.without_terms for group in groups)
                found[key] = at, bare, _examples(meeting, groups, largest)
            sums[error] = groups if error not in sums else _added(sums[error], groups)
    for (error, _), (meeting, groups, examples) in found.items():
        yield _Gap(
            error=error,
            scope=CELL,
            meeting=meeting,
            groups=groups,
            examples=examples,
            laws=tuple(laws[error, meeting.cell]),
        )
    for error, total in sums.items():
        held = [law for (name, _), mine in laws.items() if name == error for law in mine]
        groups = tuple(group.times(1 / len(held)) for group in total)
        if all(map(len, groups)):
            yield _Gap(
                error=error,
                scope=POPULATION,
                meeting=meetings[0],
                groups=tuple(group.without_terms for group in groups),
                examples=_examples(meetings[0], groups, largest),
                laws=tuple(held),
            )


def _sides(meeting: Meeting, cell: Cell) -> tuple[Cell, Cell]:
    return replace(cell, family=meeting.first), replace(cell, family=meeting.second)


def _terms(
    joined: Joined, meeting: Meeting, best: Pairs | None, limit: Pairs | None
) -> dict[str, tuple[Pairs, ...]]:
    """The groups of every term that both families know in a cell."""
    found: dict[str, tuple[Pairs, ...]] = {}
    if best is not None:
        found[APPROXIMATION] = (best,)
    if best is not None and limit is not None:
        found[OBJECTIVE] = (limit.plus(best, -1.0),)
    settled = paired(joined, meeting.rows, CONVERGED)
    if settled is None:
        return found
    if limit is not None:  # where seeds divide a set anew, within each one's own division
        is_anew = meeting.anew is not None
        found[ESTIMATION] = (
            (settled.plus(limit, -1.0),) if is_anew else (settled, limit.times(-1.0))
        )
    budgeted = paired(joined, meeting.rows, BUDGET)
    if budgeted is not None:
        found[OPTIMIZATION] = (budgeted.plus(settled, -1.0),)
    return {error: groups for error, groups in found.items() if all(map(len, groups))}


def _added(first: Sequence[Pairs], second: Sequence[Pairs]) -> tuple[Pairs, ...]:
    return tuple(mine.plus(theirs) for mine, theirs in zip(first, second, strict=True))


def _examples(meeting: Meeting, groups: Sequence[Pairs], largest: float) -> Part | None:
    """The examples' part of the variance of the sum of the groups' means; None: it is unknown."""
    if meeting.anew is not None:
        return NO_EXAMPLES if all(len(group) > 1 for group in groups) else None
    terms = [group.terms for group in groups if group.terms is not None]
    is_fixed = groups[0].keys is None
    sizes = {held.shape[1] for held in terms}
    are_few = min(sizes, default=0) < 2 or (not is_fixed and min(map(len, groups)) < 2)
    if len(terms) < len(groups) or len(sizes) > 1 or are_few:
        return None
    columns = [held.mean(axis=0) for held in terms]
    parts = [] if is_fixed else map(interaction_variance, terms, columns)
    difference: Array = np.sum(columns, axis=0)
    variance = examples_variance(difference, sum(parts), largest)
    return _part(variance, difference.size - 1)


def _cell_tests(joined: Joined, gaps: Sequence[_Gap]) -> list[Row]:
    """The tests of one term's cells; seeds' and restarts' variances are shrunk over all of them."""
    if gaps[0].error == APPROXIMATION:
        return [_mean_test(gap) for gap in gaps]
    return tested(joined, _with_restarts(gaps))


def _with_restarts(gaps: Sequence[_Gap]) -> list[_Gap]:
    """The same with the parts of their restarts, which are the same at every n."""
    held = {
        gap.place: gap.groups[1].differences
        for gap in gaps
        if len(gap.groups) > 1 and len(gap.groups[1]) > 1
    }
    shrunk = shrunk_variances(list(held.values()), np.ones(len(held))) if held else []
    parts = {
        place: _part(variance / len(values), freedom)
        for (place, values), (variance, freedom) in zip(held.items(), shrunk, strict=True)
    }
    return [
        replace(gap, restarts=parts.get(gap.place)) if len(gap.groups) > 1 else gap for gap in gaps
    ]


def _mean_test(gap: _Gap) -> Row:
    """Of a mean by its own variance alone, as over a population; empty where that is unknown."""
    value, is_fixed = float(gap.differences.mean()), gap.groups[0].keys is None
    found: Row = {"difference": value, "num_pairs": None if is_fixed else len(gap.groups[0])}
    if gap.examples is None:
        return found
    parts = [(0.0, math.inf)] if is_fixed else [_own_part(gap, group) for group in gap.groups]
    (variance, freedom), *others = parts
    columns = mean_columns(value, variance, freedom, *(_part(*o) for o in others), gap.examples)
    return found | columns | room_columns(gap.meeting, columns)


def _own_part(gap: _Gap, group: Pairs) -> tuple[float, float]:
    """The variance of a group's mean, and the degrees of freedom it is known to."""
    worth = worth_of(len(group), gap.meeting.anew)
    return float(group.differences.var(ddof=1)) / worth, len(group) - 1


def _part(variance: float, freedom: float) -> Part:
    return Part(covariance=np.array([[variance]]), degrees_of_freedom=freedom)


def _named(gap: _Gap) -> Row:
    cell = gap.meeting.cell
    where: Row = {"population": cell.population}
    if gap.scope == CELL:
        where = {name: getattr(cell, name) for name in CELL_NAMES}
        where["num_train"] = cell.num_train or None
    kind = {"error": gap.error, "scope": gap.scope, "num_cells": len(gap.laws)}
    return where | gap.meeting.names | kind


def _falls(landscape: pd.DataFrame) -> dict[tuple[str, Cell], float]:
    """By how much another rule's U_H may be lower: to R* at most. By family, and law at any n."""
    names = ["approximation", "approximation_hi"]
    told = landscape[[*CELL_NAMES, *names]].drop_duplicates()
    found = {}
    for row in to_rows(told.dropna(subset="approximation")):
        cell = cell_of(row | asdict(trained_damage(row["distortion"], row["severity"])))
        fall = max(row[name] for name in names if row[name] is not None)
        found[cell.family, law_of(replace(cell, family="", num_train=0))] = fall
    return found


def _is_bound(gap: _Gap, row: Row, falls: Mapping[tuple[str, Cell], float]) -> bool:
    """Whether a lower U_H could bring the two families together."""
    if gap.error not in (APPROXIMATION, OBJECTIVE):
        return False
    value, meeting = row["difference"], gap.meeting
    end = row.get("difference_lo" if value >= 0 else "difference_hi")
    near = abs(value) if end is None else math.copysign(1.0, value) * end
    is_first = (value >= 0) == (gap.error == APPROXIMATION)
    family = meeting.first if is_first else meeting.second
    fall = sum(falls.get((family, law), math.inf) for law in gap.laws) / len(gap.laws)
    return fall > 0.0 and fall >= near

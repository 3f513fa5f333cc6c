"""The protocol's arithmetic: errors per seed, their means, and 95% intervals.

Rigorous split (docs/protocol.md):

    approximation = U_H - R*            objective = U_A - U_H
    estimation = R_n(inf) - U_A         optimization = R_n(T) - R_n(inf)

U_H is one rule, U_A a mean over restarts, R_n(inf) and R_n(T) means over seeds. The four sum to the
total R_n(T) - R*. Each keeps its sign; none is clipped at zero.

Values are the table's; intervals are of what the rules did on the evaluation sample (decisions, or
terms of another risk than 0-1), with seeds, restarts and examples as crossed random factors
(study.analysis.crossed).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from study.analysis.candidates import Rule
from study.analysis.columns import ERRORS, NOMINAL_ERRORS
from study.analysis.crossed import Crossed, combine, crossed_mean, known, rows_component
from study.analysis.decisions import BUDGET, CONVERGED
from study.analysis.frames import Trial
from study.analysis.intervals import UNKNOWN, Estimate, Z, mean
from study.analysis.resampling import resampled_interval, room_around
from study.analysis.rows import Array, Rows, values_of
from study.trials.tasks import Task


class HasTerms(Protocol):
    """`Decisions`, or a part of them."""

    def terms(self, row: Trial, branch: str = BUDGET) -> Array | None:
        """What differences between rules are made of; see `Decisions.terms`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a cell's errors are computed from.

    Attributes:
        task: of the family.
        rows: the measured trials, in order of seed.
        errors: the seeds' errors, in the same order; columns as SEED_ERROR_COLUMNS.
        num_expected: how many seeds the study has; see `usable`.
        best: U_H; None where there is none.
        limits: the restarts of U_A; empty where there are none.
        decisions: of the study; None: intervals over examples are unknown.
        skewness: of the seeds, by error.
        first_stage: see study.analysis.crossed.rows_component.
    """

    task: Task
    rows: Rows
    errors: Rows
    num_expected: int
    best: Rule | None
    limits: Sequence[Trial]
    decisions: HasTerms | None
    skewness: Mapping[str, float]
    first_stage: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CellErrors:
    """A cell's errors, and the seeds they are means of."""

    errors: Mapping[str, Estimate]
    num_seeds: int
    estimation_num_seeds: int
    risk: float | None
    converged_risk: float | None
    resubstitution_risk: float | None


def seed_errors(rows: Rows, best: Rule | None, limits: Sequence[Trial]) -> Rows:
    """The errors of measured seeds, in the places of columns; named as SEED_ERROR_COLUMNS.

    Where R* is unknown (real data, reconstruction), total, approximation and objective are null
    and the others differences of risks; elsewhere they are differences of excess risks, which carry
    less noise.

    Args:
        rows: the trials, of the trials table.
        best: U_H of their law; None where there is none.
        limits: the restarts of U_A.
    """
    excess, risk = rows.numbers("excess_risk"), rows.numbers("risk")
    is_known = ~np.isnan(excess)
    budgeted = np.where(is_known, excess, risk)
    settled = np.where(
        is_known, rows.numbers("converged_excess_risk"), rows.numbers("converged_risk")
    )
    limit = np.where(
        is_known, _or_nan(limit_mean(limits, "excess_risk")), _or_nan(limit_mean(limits, "risk"))
    )
    is_resplit = rows.numbers("is_resplit") == 1
    if is_resplit.any():  # its own division's
        own = dict(reversed(_by_seed(limits)))
        seeds = rows.values("seed")
        divided = [_or_nan(own[s]) if s in own else limit[at] for at, s in enumerate(seeds)]
        limit = np.where(is_resplit, divided, limit)
    lower = rows.numbers("final_train_risk")
    # no column holds converged_risk's own noise on real data: risk's, of the same sample, is near
    noise = np.where(is_known, rows.numbers("excess_risk_se"), rows.numbers("risk_se"))
    return rows.having(
        resubstitution_risk=lower,
        risk_noise=noise,
        converged_noise=np.where(is_known, rows.numbers("converged_excess_risk_se"), noise),
        total=np.where(is_known, budgeted, np.nan),
        approximation=np.full(len(rows), _or_nan(None if best is None else best.excess_risk)),
        objective=np.full(len(rows), _or_nan(_objective_value(best, limits))),
        estimation=settled - limit,
        optimization=budgeted - settled,
        nominal_approximation=lower - rows.numbers("bayes_risk"),
        nominal_estimation=risk - lower,
    )


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _by_seed(limits: Sequence[Trial]) -> list[tuple[int, float | None]]:
    return list(zip(values_of(limits, "seed"), values_of(limits, "risk"), strict=True))


def limit_mean(limits: Sequence[Trial], name: str) -> float | None:
    """The mean over the restarts of U_A; None where there are none, or one does not know."""
    values = values_of(limits, name)
    return mean(values) if values and None not in values else None


def _minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def usable(rows: Rows, num_expected: int) -> Rows:
    """The rows a mean may be taken of: all the study's seeds, else two or more of them."""
    return rows if len(rows) >= 2 or len(rows) >= num_expected else rows[:0]


def cell_errors(cell: Measured) -> CellErrors:
    """A cell's errors: means over its seeds.

    All errors are means over the same seeds, those measured both at T and at convergence, so that
    they telescope exactly; where there are too few of those, the total alone is a mean over the
    seeds measured at T.
    """
    rows = cell.errors
    if not rows.none_knows("total"):  # R* is known: a seed must know its excess
        rows = rows.known("total")
    split = usable(rows.known("optimization"), cell.num_expected)
    taken = split if len(split) else usable(rows, cell.num_expected)
    lower = usable(taken.known("resubstitution_risk"), cell.num_expected)
    found = {
        "total": _estimate(_mean(taken, "total"), _total(cell, taken)),
        "approximation": _approximation(cell.best),
        "objective": _objective(cell),
        "estimation": _estimation_estimate(cell, split),
        "optimization": _optimization_estimate(cell, split),
        "nominal_approximation": _nominal_approximation(cell, lower),
        "nominal_estimation": _estimate(
            _mean(lower, "nominal_estimation"), _nominal_estimation(cell, lower)
        ),
    }
    return CellErrors(
        errors=found,
        num_seeds=len(rows),
        estimation_num_seeds=len(split),
        risk=_mean(taken, "risk"),
        converged_risk=_mean(split, "converged_risk"),
        resubstitution_risk=_mean(lower, "resubstitution_risk"),
    )


def pooled_samples(cells: Iterable[Rows]) -> dict[str, list[list[float]]]:
    """The seeds' values of every error, a list for each cell, as pooled_skewness takes them.

    Args:
        cells: of each cell its seeds' errors.
    """
    found: dict[str, list[list[float]]] = {name: [] for name in (*ERRORS, *NOMINAL_ERRORS)}
    for rows in cells:
        for name, samples in found.items():
            samples.append(rows.known(name).values(name))
    return found


def significantly_below(cell: Measured) -> bool:
    """Whether the cell's rules, at T or at convergence, are better than U_H beyond its interval.

    No interval, no such claim.
    """
    for branch in (BUDGET, CONVERGED):
        first, best = _terms(cell, cell.errors, branch), _best_terms(cell)
        if first is not None and best is not None and first.shape[1:] == best.shape[1:]:
            found = crossed_mean(first, best, fixed_second=True, first_stage=cell.first_stage)
            if found.hi is not None and found.hi < 0.0:
                return True
    return False


def _mean(rows: Rows, name: str) -> float | None:
    values = rows.values(name)
    return mean(values) if values and None not in values else None


def _estimate(value: float | None, found: Crossed | None) -> Estimate:
    """The table's value, with an interval that reaches as far as the decisions' does."""
    if found is None:
        return Estimate(value)
    return _around(value, Estimate(found.value, found.lo, found.hi))


def _total(cell: Measured, rows: Rows) -> Crossed | None:
    terms = _terms(cell, rows, BUDGET)
    return None if terms is None else _seeds_mean(cell, "total", terms)


def _approximation(best: Rule | None) -> Estimate:
    """U_H - R* of the rule that was chosen: its only uncertainty is the evaluation sample's."""
    value, error = (None, None) if best is None else (best.excess_risk, best.excess_risk_se)
    if value is None or error is None:
        return Estimate(value)
    return Estimate(value, value - Z * error, value + Z * error)


def _objective(cell: Measured) -> Estimate:
    value = _objective_value(cell.best, cell.limits)
    limits, best = _limit_terms(cell), _best_terms(cell)
    if value is None or limits is None or best is None or limits.shape[1:] != best.shape[1:]:
        return Estimate(value)
    return _estimate(
        value, crossed_mean(limits, best, fixed_second=True, largest=cell.task.largest)
    )


def _objective_value(best: Rule | None, limits: Sequence[Trial]) -> float | None:
    floor = None if best is None else best.excess_risk
    return _minus(limit_mean(limits, "excess_risk"), floor)


def _estimation_estimate(cell: Measured, rows: Rows) -> Estimate:
    """R_n(inf) - U_A; on a set that is divided anew, within each seed's own division.

    Seeds that a precision asks for in addition may have no restart of their own: they move the
    value, and the interval is of those that have.
    """
    if not _is_resplit(cell):
        return _estimate(_mean(rows, "estimation"), _estimation(cell, rows))
    limits = dict(_by_seed(cell.limits))
    settled = zip(rows.values("seed"), rows.values("converged_risk"), strict=True)
    paired = [risk - limits[seed] for seed, risk in settled if seed in limits]
    return _around(_mean(rows, "estimation"), _resampled(cell, paired))


def _optimization_estimate(cell: Measured, rows: Rows) -> Estimate:
    if not _is_resplit(cell):
        return _estimate(_mean(rows, "optimization"), _optimization(cell, rows))
    return _resampled(cell, rows.values("optimization"))


def _around(value: float | None, found: Estimate) -> Estimate:
    """A value with the ends of an interval that fewer seeds than the value's have given."""
    if value is None or found.value is None or found.lo is None or found.hi is None:
        return Estimate(value)
    return Estimate(value, value - (found.value - found.lo), value + (found.hi - found.value))


def _is_resplit(cell: Measured) -> bool:
    return bool((cell.rows.numbers("is_resplit") == 1).any())


def _resampled(cell: Measured, values: Sequence[float]) -> Estimate:
    """A mean over divisions of one set, whose parts overlap (Nadeau and Bengio 2003)."""
    if not values:
        return UNKNOWN
    sizes = {"num_train": cell.rows[0]["num_available"], "num_test": cell.rows[0]["num_test"]}
    found = resampled_interval(values, **sizes, first_stage=cell.first_stage)
    is_share = cell.task.keeps_decisions  # of errors, which few examples leave room for
    if found.lo == found.hi and is_share:  # seeds that agree to the last example tested on few
        value = mean(values)
        room = room_around(value, sizes["num_test"])
        return Estimate(value, room.lo, room.hi)
    return Estimate(mean(values), found.lo, found.hi)


def _estimation(cell: Measured, rows: Rows) -> Crossed | None:
    terms, limits = _terms(cell, rows, CONVERGED), _limit_terms(cell)
    if terms is None or limits is None or terms.shape[1:] != limits.shape[1:]:
        return None
    return _seeds_mean(cell, "estimation", terms, limits)


def _optimization(cell: Measured, rows: Rows) -> Crossed | None:
    """Both branches of a seed are rules on one sample: the terms are paired by seed as well."""
    budgeted, converged = _terms(cell, rows, BUDGET), _terms(cell, rows, CONVERGED)
    if budgeted is None or converged is None:
        return None
    return _seeds_mean(cell, "optimization", budgeted - converged)


def _nominal_approximation(cell: Measured, rows: Rows) -> Estimate:
    """L - R*: a mean over seeds, each on a training sample of its own; and R*'s own error."""
    value = _mean(rows, "nominal_approximation")
    if value is None:
        return UNKNOWN
    seeds = rows_component(
        rows.numbers("nominal_approximation"),
        skewness=cell.skewness.get("nominal_approximation", 0.0),
        first_stage=cell.first_stage,
    )
    if seeds is None:
        return Estimate(value)
    return _estimate(value, combine(value, [seeds, known(_bayes_variance(cell))]))


def _nominal_estimation(cell: Measured, rows: Rows) -> Crossed | None:
    """R_n(T) - L, paired by seed: L is one number a seed and has no evaluation examples.

    Subtracting it from every term of its seed puts its variance over seeds, and its covariance
    with R_n(T), into the seeds' part and leaves the examples' and the interaction's as they are.
    """
    terms = _terms(cell, rows, BUDGET)
    if terms is None:
        return None
    lower = rows.numbers("resubstitution_risk")
    return _seeds_mean(
        cell, "nominal_estimation", terms - lower[:, None], bayes=_bayes_variance(cell)
    )


def _bayes_variance(cell: Measured) -> float:
    """Of R*: 0 in closed form, and where it is unknown."""
    return max(((error or 0.0) ** 2 for error in cell.rows.values("bayes_risk_se")), default=0.0)


def _seeds_mean(
    cell: Measured, name: str, first: Array, second: Array | None = None, *, bayes: float = 0.0
) -> Crossed:
    return crossed_mean(
        first,
        second,
        skewness=cell.skewness.get(name, 0.0),
        first_stage=cell.first_stage,
        largest=cell.task.largest,
        others=[known(bayes)],
    )


def _terms(cell: Measured, rows: Rows, branch: str) -> Array | None:
    """The terms (k, N) of the seeds' rules, less the Bayes rule's where that is known."""
    if cell.decisions is None or not len(rows):
        return None
    trials = {trial_id: place for place, trial_id in enumerate(cell.rows.values("trial_id"))}
    places = [trials[trial_id] for trial_id in rows.values("trial_id")]
    return _stacked(cell, [cell.rows[place] for place in places], branch)


def _limit_terms(cell: Measured) -> Array | None:
    return _stacked(cell, cell.limits, BUDGET)


def _best_terms(cell: Measured) -> Array | None:
    return None if cell.best is None else _stacked(cell, [cell.best.row], cell.best.branch)


def _stacked(cell: Measured, rows: Sequence[Trial], branch: str) -> Array | None:
    if cell.decisions is None or not rows:
        return None
    terms: list[Array] = []
    for row in rows:
        found = cell.decisions.terms(row, branch)
        if found is None or (terms and found.shape != terms[0].shape):
            return None
        terms.append(found)
    return np.stack(terms)

"""Classification by class: risks, their terms, and what the Bayes rule makes of each class.

Of a law with a posterior, h's risk on class k is

    R_k(h) = mean_i eta_k(x_i) 1{h(x_i) != k} / p_k,      p_k = mean_i eta_k(x_i),

labels averaged out given x; of real data it is the share of the class's examples that h errs on.
Sum_k p_k R_k(h) is h's risk on the evaluation sample, and so with every term: approximation,
objective, estimation and optimization of a class telescope to R_k(h) - R_k(h*), h* the Bayes rule,
and their means over classes, weighed by p_k, are the cell's. A class's term may be below zero even
of the Bayes rule's own making: h* is the best for all classes together and not for each.

Values and intervals are study.analysis.estimates', of the class's terms in place of all.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.columns import CLASS_RISK_COLUMNS, ERRORS
from study.analysis.completeness import shown_as, study_seeds
from study.analysis.crossed import crossed_mean
from study.analysis.decisions import BUDGET, COLUMNS, CONVERGED, Decisions
from study.analysis.estimates import Measured, cell_errors, seed_errors
from study.analysis.frames import Row, Trial, typed_frame
from study.analysis.joined import Joined
from study.analysis.rows import Rows
from study.analysis.table import Levels
from study.trials.tasks import task_of
from study.trials.trial import Cell

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassTerms:
    """What rules cost on one class, example by example; read like `Decisions`.

    Attributes:
        decisions: of the study.
        label: k.
        name: the class's.
        shares: (N,) eta_k(x_i), or whether example i is of the class.
        bayes: (N,) the Bayes rule's decisions; None where it is unknown.
        trials: rows of the trials table by trial, by which decisions are checked.
        weights: (N,) of mean 1.
        found: terms by trial and branch, each computed once.
    """

    decisions: Decisions
    label: int
    name: str
    shares: Array
    bayes: Array | None
    trials: Mapping[str, Trial]
    weights: Array
    found: dict[tuple[str, str], Array | None] = field(default_factory=dict)

    @property
    def prior(self) -> float:
        """p_k, of the evaluation sample."""
        return float(self.shares.mean())

    def losses(self, row: Trial, branch: str = BUDGET) -> Array | None:
        """Terms (N,) of mean R_k(h); None where decisions are not there."""
        wrong = self._wrong(row, branch)
        return None if wrong is None else self._ratio(wrong)

    def terms(self, row: Trial, branch: str = BUDGET) -> Array | None:
        """Terms (N,) of mean R_k(h) - R_k(h*), or R_k(h) where h* is unknown."""
        key = (row["trial_id"], branch)
        if key not in self.found:
            self.found[key] = self._terms(row, branch)
        return self.found[key]

    def _terms(self, row: Trial, branch: str) -> Array | None:
        wrong = self._wrong(row, branch)
        if wrong is None:
            return None
        return self._ratio(wrong if self.bayes is None else wrong - (self.bayes != self.label))

    def _wrong(self, row: Trial, branch: str) -> Array | None:
        decided = self.decisions.classes(self.trials[row["trial_id"]], branch)
        if decided is None or decided.shape != self.shares.shape:
            return None
        return np.asarray(decided != self.label, dtype=np.float64)

    def _ratio(self, wrong: Array) -> Array:
        """Weighed terms whose spread is that of a ratio, since p_k is the sample's own as well."""
        found = self.weights * wrong
        terms: Array = found - (self.weights - 1) * found.mean()
        return terms

    def bayes_risk(self) -> float | None:
        """R_k(h*); None where it is unknown."""
        if self.bayes is None:
            return None
        return float((self.weights * (self.bayes != self.label)).mean())

    def of_class(self, rows: Rows) -> Rows:
        """Trials with the class's risks in place of all classes'; null if not known."""
        floor, nothing = self.bayes_risk(), np.full(len(rows), np.nan)
        columns = {"bayes_risk": nothing if floor is None else np.full(len(rows), floor)}
        columns |= {"bayes_risk_se": nothing, "final_train_risk": nothing}
        for branch in (BUDGET, CONVERGED):
            told, (risk, excess) = [self.terms(row, branch) for row in rows], COLUMNS[branch]
            means = np.array([np.nan if terms is None else terms.mean() for terms in told])
            errors = np.array(
                [
                    np.nan if terms is None else terms.std(ddof=1) / len(terms) ** 0.5
                    for terms in told
                ]
            )
            columns |= {risk: means + (floor or 0.0), f"{risk}_se": errors}
            columns |= {excess: nothing, f"{excess}_se": nothing}
            if floor is not None:
                columns |= {excess: means, f"{excess}_se": errors}
        return rows.having(**columns)


def build_class_risks(joined: Joined, levels: Levels) -> pd.DataFrame:
    """The risks of every cell of classifiers by class; columns as CLASS_RISK_COLUMNS.

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
    """
    rows: list[Row] = []
    for cell in sorted(joined.current["measure"]):
        if task_of(joined.tasks[cell.family]).keeps_decisions:
            named = asdict(cell) | {"task": joined.tasks[cell.family]}
            held = [_row(joined, cell, of) for of in _classes(joined, cell)]
            rows += [
                {**named, **row, **shown}
                for shown in shown_as(cell, levels)
                for row in held
                if row is not None
            ]
    return typed_frame(rows, CLASS_RISK_COLUMNS)


def bayes_confusion(decisions: Decisions, cell: Cell) -> Array | None:
    """(K, K) examples by true and by decided class of the Bayes rule, labels averaged out.

    Their sum is N. None where the law is unknown.
    """
    posterior = decisions.posterior(cell)
    if posterior is None:
        return None
    decided = np.eye(posterior.shape[1])[posterior.argmax(axis=1)]
    counts: Array = posterior.T @ decided
    return counts


def _classes(joined: Joined, cell: Cell) -> list[ClassTerms]:
    """Every class that has examples; none where what a seed decided is not there."""
    decisions, measured = joined.decisions, joined.measured(cell)
    if decisions is None or not len(measured):
        return []
    kept = joined.deciding(measured)
    if len(kept) < len(measured) or any(decisions.classes(row) is None for row in kept):
        return []
    posterior, labels = decisions.posterior(cell), decisions.labels(cell)
    names = decisions.class_names(cell)
    if posterior is None and labels is None:
        return []
    bayes = None if posterior is None else posterior.argmax(axis=1)
    shares = np.eye(len(names))[labels] if posterior is None else posterior
    rule = joined.rule_of(cell)
    rules = [*measured, *joined.limit_of(cell), *([] if rule is None else [rule.row])]
    trials = {row["trial_id"]: row for row in rules}
    return [
        ClassTerms(
            decisions=decisions,
            label=label,
            name=name,
            shares=shares[:, label],
            bayes=bayes,
            trials=trials,
            weights=shares[:, label] / float(shares[:, label].mean()),
        )
        for label, name in enumerate(names)
        if shares[:, label].any()
    ]


def _row(joined: Joined, cell: Cell, of: ClassTerms) -> Row | None:
    """A class's row; None where what a seed decided is not there."""
    measured = of.of_class(joined.measured(cell))
    if len(measured.known("risk")) < len(measured):
        return None
    rule, task = joined.rule_of(cell), task_of(joined.tasks[cell.family])
    best = None if rule is None else replace(rule, row=of.of_class(rule.row.alone)[0])
    limits = of.of_class(joined.limit_of(cell))
    held = Measured(
        task=replace(task, most=task.most * float(of.weights.max())),
        rows=measured,
        errors=seed_errors(measured, best, limits),
        num_expected=len(study_seeds(joined)),
        best=best,
        limits=limits,
        decisions=of,
        skewness={},
        first_stage=joined.first_stage,
    )
    found = cell_errors(held)
    return {
        "class": of.label,
        "class_name": of.name,
        "num_seeds": found.num_seeds,
        "prior": of.prior,
        "bayes_risk": of.bayes_risk(),
        **_risk(of, held),
        **{name: found.errors[name].value for name in ERRORS},
        **{f"{name}_lo": found.errors[name].lo for name in ERRORS},
        **{f"{name}_hi": found.errors[name].hi for name in ERRORS},
    }


def _risk(of: ClassTerms, held: Measured) -> Row:
    """R_k(h) at T, a probability, with its interval over seeds and examples."""
    losses = [of.losses(row) for row in held.rows]
    terms = np.stack([one for one in losses if one is not None])
    found = crossed_mean(terms, first_stage=held.first_stage, largest=held.task.largest)
    lo = None if found.lo is None else max(0.0, found.lo)
    hi = None if found.hi is None else min(1.0, found.hi)
    return {"risk": found.value, "risk_lo": lo, "risk_hi": hi}

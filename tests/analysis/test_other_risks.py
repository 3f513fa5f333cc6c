"""Risks that are not 0-1: what the tables say of a task that keeps terms instead of decisions.

Reconstruction stands for all of them: a risk of any size above zero, no floor, no best rule that is
looked for. Numbers are computed here a second time, from the terms that were drawn.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from study.analysis.comparisons import build_comparisons
from study.analysis.completeness import missing_rows
from study.analysis.cross_entropy import build_cross_entropy
from study.analysis.ensembles import build_ensembles
from study.analysis.estimates import Measured, cell_errors, seed_errors
from study.analysis.frames import Row, to_rows
from study.analysis.intervals import Estimate
from study.analysis.joined import Joined, join
from study.analysis.landscape import build_landscape
from study.analysis.learning_curves import build_learning_curves
from study.analysis.rows import Rows, Table
from study.analysis.table import build_trials
from study.trials.tasks import task_of
from tests.analysis.decided import Array, Written

SEEDS, RESTARTS, EXAMPLES = 5, 3, 400
UNKNOWN = ("total", "approximation", "objective", "nominal_approximation")
POSTERIOR = np.full((EXAMPLES, 2), 0.5) + np.array([0.25, -0.25])
FLOOR = 0.25


def half(terms: Array) -> Array:
    """Terms as they come back: rounded to half precision."""
    return terms.astype(np.float16).astype(np.float64)


class Drawn:
    """Terms with known effects of seeds, restarts and examples, and of pairs of them."""

    def __init__(self, seed: int, scale: float = 7.0) -> None:
        rng = np.random.default_rng(seed)
        example = scale * rng.gamma(2.0, 0.5, EXAMPLES)

        def rows(num: int, level: float, spread: float) -> Array:
            own = level + spread * rng.standard_normal((num, 1))
            found: Array = example * own + 0.05 * scale * rng.random((num, EXAMPLES))
            return found

        self.limit = rows(RESTARTS, 1.0, 0.02)
        self.converged = rows(SEEDS, 1.3, 0.05)
        slow = 1.05 + 0.02 * rng.standard_normal((SEEDS, 1))
        self.budget = self.converged * slow + 0.02 * scale

    def write(self, study: Written, **named: Any) -> None:
        self.write_measured(study, **named)
        for restart in range(RESTARTS):
            terms = {"budget": self.limit[restart]}
            held = {**named, "num_train": 20_000, "seed": restart, "selection_risk": 1.0}
            study.add_terms("limit", terms=terms, **held)

    def write_measured(self, study: Written, **named: Any) -> None:
        for seed in range(SEEDS):
            terms = {"budget": self.budget[seed], "converged": self.converged[seed]}
            held = {"seed": seed, "final_train_risk": 0.5, "selection_risk": 1.0}
            study.add_terms(terms=terms, **held, **named)


@pytest.fixture
def study(tmp_path: Path) -> Written:
    return Written(tmp_path, POSTERIOR, FLOOR)


def estimates(joined: Joined, **changes: Any) -> dict[str, Estimate]:
    """The errors of the only measured cell, with no skewness of seeds."""
    (cell,) = joined.current["measure"]
    held: dict[str, Any] = {
        "task": task_of(joined.tasks[cell.family]),
        "rows": joined.measured(cell),
        "errors": joined.errors[cell],
        "num_expected": SEEDS,
        "best": joined.rule_of(cell),
        "limits": joined.limit_of(cell),
        "decisions": joined.decisions,
        "skewness": {},
    }
    return dict(cell_errors(Measured(**(held | changes))).errors)


def by_hand(parts: list[tuple[float, int]]) -> float:
    """The half-width of variances known to degrees of freedom: docs/protocol.md, written anew."""
    total = sum(variance for variance, _ in parts)
    freedom = total**2 / sum(variance**2 / known for variance, known in parts)
    pooled = total * scipy.stats.t.ppf(0.975, freedom) ** 2
    apart = sum(variance * scipy.stats.t.ppf(0.975, known) ** 2 for variance, known in parts)
    return math.sqrt((pooled + apart) / 2)


def interaction(terms: Array) -> float:
    """Its share of the variance of the mean, by sums over every seed and example."""
    k, num = terms.shape
    grand, left = terms.sum() / (k * num), 0.0
    for s in range(k):
        for i in range(num):
            left += (terms[s, i] - terms[s].mean() - terms[:, i].mean() + grand) ** 2
    return left / ((k - 1) * (num - 1)) / (k * num)


def spread(values: Array) -> float:
    return float(((values - values.mean()) ** 2).sum() / (len(values) - 1) / len(values))


def test_intervals_of_terms_are_crossed_over_seeds_restarts_and_examples(study: Written) -> None:
    drawn = Drawn(1)
    drawn.write(study, family="ae")
    found = estimates(study.joined())
    a, b, t = (half(terms) for terms in (drawn.converged, drawn.limit, drawn.budget))

    examples = spread(a.mean(axis=0) - b.mean(axis=0)) - interaction(a) - interaction(b)
    reach = by_hand(
        [
            (spread(a.mean(axis=1)), SEEDS - 1),
            (spread(b.mean(axis=1)), RESTARTS - 1),
            (examples, EXAMPLES - 1),
        ]
    )
    value = drawn.converged.mean() - drawn.limit.mean()  # the table's, of what was not rounded
    assert found["estimation"].value == pytest.approx(value, rel=1e-12)
    assert ends(found["estimation"]) == pytest.approx([value - reach, value + reach], rel=1e-9)

    d = t - a  # both branches of a seed: paired by seed and by example
    examples = spread(d.mean(axis=0)) - interaction(d)
    reach = by_hand([(spread(d.mean(axis=1)), SEEDS - 1), (examples, EXAMPLES - 1)])
    value = drawn.budget.mean() - drawn.converged.mean()
    assert ends(found["optimization"]) == pytest.approx([value - reach, value + reach], rel=1e-9)
    for name in UNKNOWN:
        assert found[name] == Estimate(None)
    assert found["nominal_estimation"].value == pytest.approx(drawn.budget.mean() - 0.5)


def ends(found: Estimate) -> list[float]:
    assert found.lo is not None
    assert found.hi is not None
    return [found.lo, found.hi]


class Held:
    """Terms that no file holds, by trial and branch."""

    def __init__(self, terms: dict[tuple[str, str], Array]) -> None:
        self._terms = terms

    def terms(self, row: Row, branch: str) -> Array:
        return self._terms[row["trial_id"], branch]


def drawn_errors(seeds: Rows, restarts: Rows, number: int) -> dict[str, Estimate]:
    """The errors of a study of which only the terms are drawn anew."""
    drawn, held = Drawn(number), {}
    means: dict[str, Array] = {}
    for rows, branch, terms in (
        (seeds, "budget", drawn.budget),
        (seeds, "converged", drawn.converged),
        (restarts, "budget", drawn.limit),
    ):
        held |= {(row["trial_id"], branch): half(own) for row, own in zip(rows, terms, strict=True)}
    means["risk"] = np.array([float(own.mean()) for own in drawn.budget])
    means["converged_risk"] = np.array([float(own.mean()) for own in drawn.converged])
    measured = seeds.having(**means)
    limits = restarts.having(risk=np.array([float(own.mean()) for own in drawn.limit]))
    cell: dict[str, Any] = {
        "task": task_of("reconstruction"),
        "rows": measured,
        "errors": seed_errors(measured, None, limits),
        "num_expected": SEEDS,
        "best": None,
        "limits": limits,
        "decisions": Held(held),
        "skewness": {},
    }
    return dict(cell_errors(Measured(**cell)).errors)


def test_intervals_of_terms_cover_what_they_were_drawn_from(make: Any) -> None:
    """95% of 1,000 studies, less 2.1% (3 SE); three restarts and few seeds combine conservatively.

    With G the examples' effect, of mean 1: R_n(inf) - U_A = 7 (1.3 - 1) E G, and R_n(T) - R_n(inf)
    is .05 R_n(inf) + .02 x 7, on average: .05 x 7 (1.3 + .025) + .14. Seeds are normal.
    """
    told = {"task": "reconstruction", "risk": 1.0}
    names = [f"m{seed}" for seed in range(SEEDS)], [f"l{restart}" for restart in range(RESTARTS)]
    seeds, restarts = (
        Rows(
            Table(build_trials([make(trial_id=n, seed=s, **told) for s, n in enumerate(own)], {})),
            np.arange(len(own)),
        )
        for own in names
    )
    truths = {"estimation": 7 * 0.3, "optimization": 0.05 * 7 * 1.325 + 0.14}
    inside = dict.fromkeys(truths, 0)
    for number in range(1_000):
        found = drawn_errors(seeds, restarts, number)
        for name, truth in truths.items():
            lo, hi = ends(found[name])
            inside[name] += lo <= truth <= hi
    for name, num in inside.items():
        assert 929 <= num <= 985, (name, num)


def test_terms_give_the_intervals_that_decisions_give(tmp_path: Path) -> None:
    """The same losses, once as decisions against labels and once as terms of 0 and 1."""
    rng = np.random.default_rng(3)
    sure = np.stack([np.ones(EXAMPLES), np.zeros(EXAMPLES)], axis=1)  # the law says 0 everywhere
    decided, kept = Written(tmp_path / "a", sure, 0.0), Written(tmp_path / "b", sure, 0.0)
    hard = rng.random(EXAMPLES)
    for role, rows, level in (("measure", SEEDS, 0.3), ("limit", RESTARTS, 0.15)):
        for seed in range(rows):
            named = {"seed": seed, "num_train": 256 if role == "measure" else 20_000}
            branches = ("budget", "converged") if role == "measure" else ("budget",)
            errs = {
                branch: hard + 0.1 * rng.standard_normal(EXAMPLES) < level + 0.1 * number
                for number, branch in enumerate(reversed(branches))
            }
            classes = {branch: wrong.astype(np.int64) for branch, wrong in errs.items()}
            decided.add(role, classes=classes, task="classification", **named)
            terms = {branch: wrong.astype(np.float64) for branch, wrong in errs.items()}
            kept.add_terms(role, terms=terms, **named)
    first, second = estimates(decided.joined()), estimates(kept.joined())
    for name in ("estimation", "optimization"):
        assert ends(first[name]) == pytest.approx(ends(second[name]), rel=1e-12, abs=1e-15)
        assert first[name].value == pytest.approx(second[name].value, rel=1e-12, abs=1e-15)
    assert first["total"].lo is not None
    assert second["total"] == Estimate(None)


def test_only_shares_of_errors_leave_room_for_examples_that_do_not_differ(study: Written) -> None:
    """Before, two more examples were supposed to differ by 1, whatever a term's unit."""
    rng = np.random.default_rng(5)
    tiny = 1e-4 * (1 + rng.random(EXAMPLES))
    for seed in range(SEEDS):
        other = tiny.copy()
        other[:10] *= 1.2 + 0.1 * seed
        study.add_terms(terms={"budget": other, "converged": tiny}, seed=seed)
    found = estimates(study.joined())
    lo, hi = ends(found["optimization"])
    assert hi - lo < 1e-5
    classes = task_of("classification")
    lo, hi = ends(estimates(study.joined(), task=classes)["optimization"])
    assert hi - lo > 1e-2


@pytest.mark.parametrize(("task", "lowest"), [("reconstruction", 0.25), (None, -0.0429)])
def test_divided_sets_leave_room_for_errors_only(
    make: Any, task: str | None, lowest: float
) -> None:
    """Seeds that agree to the last example tested on few: that bounds a probability alone."""
    named = {"task": task, "is_resplit": True, "num_available": 200, "num_test": 100}
    records = [make(seed=s, risk=0.5, converged_risk=0.25, **named) for s in range(3)]
    joined = joined_of(records)
    found = estimates(joined, num_expected=3, decisions=None)["optimization"]
    assert found.value == 0.25
    assert ends(found)[0] == pytest.approx(lowest, rel=0.01)


def joined_of(records: list[Row]) -> Joined:
    return join(build_trials(records, {}), None)


def test_a_best_rule_that_nobody_looked_for_is_none(study: Written) -> None:
    """Before, the best of the measured rules was U_H, where an excess risk was known."""
    drawn = Drawn(2)
    drawn.write(study, family="inpainter", task="inpainting", floor=3.0)
    joined = study.joined()
    (row,) = to_rows(build_landscape(joined, {}))
    budget, converged, limit = drawn.budget.mean(), drawn.converged.mean(), drawn.limit.mean()
    assert row["total"] == pytest.approx(budget)
    assert row["best_in_class_risk"] is row["approximation"] is row["objective"] is None
    assert row["estimation"] == pytest.approx(converged - limit)
    assert row["optimization"] == pytest.approx(budget - converged)
    assert None not in [row[f"{n}_lo"] for n in ("total", "estimation", "optimization")]
    assert missing_rows(joined, {}).empty


def test_terms_of_a_known_floor_are_held_against_the_excess(study: Written) -> None:
    terms = Drawn(2).budget[0]
    study.add_terms(terms={"budget": terms}, floor=3.0, family="a")
    study.add_terms(terms={"budget": terms}, floor=3.0, family="b", excess_risk=terms.mean() + 3.0)
    joined = study.joined()
    assert joined.decisions is not None
    mine, other = (row for rows in joined.current["measure"].values() for row in rows)
    assert joined.decisions.terms(mine) is not None
    assert joined.decisions.skipped == []
    assert joined.decisions.terms(other) is None
    (line,) = joined.decisions.skipped
    assert "excess_risk is" in line


def test_tables_of_one_task_do_not_change_beside_another(tmp_path: Path) -> None:
    """A classifier and an autoencoder on one law, whose posterior is the classifier's alone."""
    alone, beside = (classified(tmp_path / name) for name in ("alone", "beside"))
    for number, family in enumerate(("ae", "linear_ae")):
        for size in (64, 128, 256, 512):
            Drawn(10 * size + number).write_measured(beside, family=family, num_train=size)
        Drawn(number).write(beside, family=family, num_train=1024)
    before, after = alone.joined(), beside.joined()
    tables: list[Callable[[Joined], pd.DataFrame]] = [
        build_comparisons,
        build_ensembles,
        build_cross_entropy,
        lambda joined: build_landscape(joined, {}),
        lambda joined: build_learning_curves(joined, {}),
    ]
    assert missing_rows(before, {}).empty
    assert missing_rows(after, {}).empty  # nobody expects a best rule where none is looked for
    own = {"ae", "linear_ae"}
    for table in tables:
        rows, both = to_rows(table(before)), to_rows(table(after))
        key = "first" if rows and "first" in rows[0] else "family"
        assert [row for row in both if row[key] not in own] == rows
        others = [row for row in both if row[key] in own]
        if table in (build_ensembles, build_cross_entropy):
            assert len(both) == len(rows) > 0
        if key == "first":
            assert {row["second"] for row in others} == {"linear_ae"}
            assert all(row["agreement"] is None for row in others)
            assert all(row["difference_lo"] is not None for row in others)


def classified(folder: Path) -> Written:
    """Two classifiers with everything that a table asks for."""
    study, rng = Written(folder, POSTERIOR, FLOOR), np.random.default_rng(7)
    predictions = {"budget": POSTERIOR[:50], "converged": POSTERIOR[:50]}
    for family in ("linear", "vgg"):
        for size in (64, 128, 256, 512, 1024):
            for seed in range(SEEDS):
                classes = {
                    branch: (rng.random(EXAMPLES) < 0.2 + 4 / size).astype(np.int64)
                    for branch in ("budget", "converged")
                }
                named = {"family": family, "num_train": size, "seed": seed}
                study.add(classes=classes, predictions=predictions, task="classification", **named)
        for role in ("limit", "best_in_class"):
            for seed in range(RESTARTS):
                classes = {"budget": (rng.random(EXAMPLES) < 0.1).astype(np.int64)}
                named = {"family": family, "num_train": 20_000, "seed": seed}
                study.add(role, classes=classes, task="classification", **named)
    return study


def test_a_learning_curve_of_another_risk_ends_at_zero_and_has_no_margin(study: Written) -> None:
    """R_n(inf) = 300 / n to the last digit: c is 0, the least risk there is, and no half point."""
    rng = np.random.default_rng(9)
    example = rng.random(EXAMPLES) + 0.5
    for size in (64, 128, 256, 512, 1024):
        for seed in range(SEEDS):
            terms = 300 / size * example * (1 + 0.01 * rng.standard_normal())
            study.add_terms(
                terms={"budget": terms, "converged": terms}, family="ae", num_train=size, seed=seed
            )
    for restart in range(RESTARTS):
        terms = 0.02 * example * (1 + 0.01 * rng.standard_normal())
        study.add_terms("limit", terms={"budget": terms}, family="ae", num_train=9999, seed=restart)
    (row,) = to_rows(build_learning_curves(study.joined(), {}))
    assert row["b"] == pytest.approx(1.0, abs=0.05)
    assert 0.0 <= row["c_lo"] <= row["c"] <= row["c_hi"] < 0.3
    assert row["c_minus_limit_lo"] is not None
    assert row["margin"] is row["equivalent"] is row["bayes_risk"] is None
    assert row["limit_risk"] == pytest.approx(0.02 * example.mean(), rel=0.02)


def test_without_terms_there_are_values_and_no_intervals(study: Written) -> None:
    Drawn(4).write(study, family="ae")
    found = estimates(study.without_decisions())
    assert found["estimation"].value is not None
    assert found["estimation"].lo is found["optimization"].lo is None

"""Families against each other term by term: worked by hand, corrected, silent where unknown."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from study.analysis.columns import LANDSCAPE_COLUMNS
from study.analysis.comparisons import build_comparisons
from study.analysis.frames import Row, to_rows, typed_frame
from study.analysis.intervals import holm
from study.analysis.joined import join
from study.analysis.landscape import build_landscape
from study.analysis.reading import read_study
from study.analysis.table import build_trials
from study.analysis.term_comparisons import TERMS, build_term_comparisons
from study.trials.trial import IDENTITY_VERSION
from tests.analysis.termed import SIZES, N, Study, compared, crossed, holds, only

Array = np.ndarray[Any, np.dtype[Any]]
Make = Callable[..., dict[str, Any]]
SHIPPED = Path(__file__).parents[2] / "ray_results" / "reference" / "gaussian-small"
DEPTH = 4


def test_every_term_over_a_population_by_hand(tmp_path: Path) -> None:
    """From the posterior and what was decided, in another order of summing."""
    study = Study(tmp_path, 20260701)
    rows = compared(study.joined())
    budget, settled = (study.by_seed(b).mean(axis=0) for b in ("budget", "converged"))
    limit = np.array([study.apart("limit", restart) for restart in range(3)])
    best = _best(study)
    expected = {
        "objective": (limit - best,),
        "estimation": (settled, -limit),
        "optimization": (budget - settled,),
    }
    for error, groups in expected.items():
        (row,) = only(rows, error, "population")
        holds(row, sum(float(terms.mean()) for terms in groups), crossed(*groups))
        assert (row["num_cells"], row["num_train"], row["p_holm"]) == (2, None, row["p_value"])
    (row,) = only(rows, "approximation", "population")
    holds(row, float(best.mean()), [(float(best.var(ddof=1)) / N, N - 1.0)])
    assert [only(rows, error, "population")[0]["num_pairs"] for error in TERMS] == [None, 3, 4, 4]


def _best(study: Study) -> Array:
    """What the two best rules differ by: of all of a family's, by the smallest risk."""
    found = {}
    for family in ("linear", "vgg"):
        mine = [losses for key, losses in study.losses.items() if key[0] == family]
        found[family] = min(mine, key=lambda losses: float(losses.mean()))
    best: Array = found["linear"] - found["vgg"]
    return best


def test_one_cell_by_hand(tmp_path: Path) -> None:
    """With one cell there is nothing to shrink towards: seeds' and restarts' own variances."""
    study = Study(tmp_path, 20260702)
    study.records = [r for r in study.records if r["num_train"] != 256]
    rows = compared(study.joined())
    settled, budget = study.by_seed("converged")[0], study.by_seed("budget")[0]
    limit = np.array([study.apart("limit", restart) for restart in range(3)])
    (row,) = only(rows, "estimation", "cell")
    holds(row, float(settled.mean() - limit.mean()), crossed(settled, -limit))
    assert (row["num_train"], row["num_cells"], row["num_pairs"]) == (64, 1, 4)
    (row,) = only(rows, "optimization", "cell")
    holds(row, float((budget - settled).mean()), crossed(budget - settled))


def test_terms_add_up_to_the_difference_of_the_risks(tmp_path: Path) -> None:
    joined = Study(tmp_path, 20260703).joined()
    (risk,) = [r for r in to_rows(build_comparisons(joined)) if r["scope"] == "population"]
    terms = [row for row in compared(joined) if row["scope"] == "population"]
    assert [row["error"] for row in terms] == list(TERMS)
    assert sum(row["difference"] for row in terms) == pytest.approx(risk["difference"], abs=1e-12)


def test_what_is_the_same_at_every_n_is_one_row_and_one_test(tmp_path: Path) -> None:
    rows = compared(Study(tmp_path, 20260704).joined())
    for error in ("approximation", "objective"):
        (row,) = only(rows, error, "cell")
        assert (row["num_train"], row["depth"], row["num_cells"]) == (None, 1, 2)
        assert row["p_holm"] == row["p_value"]
    assert [row["num_train"] for row in only(rows, "estimation", "cell")] == list(SIZES)


def test_the_shipped_study_again_from_its_files() -> None:
    """Two networks' estimation in a cell, and their best rules, by numpy alone."""
    study = read_study(SHIPPED)
    joined = join(study.trials, study.decisions)
    rows = to_rows(build_term_comparisons(joined, build_landscape(joined, study.levels)))
    trials = pd.read_parquet(SHIPPED / "trials.parquet")
    law = {"distortion": "none", "depth": DEPTH}
    trials = trials[(trials[list(law)] == pd.Series(law)).all(axis=1)]
    posteriors = [np.load(path)["posterior"] for path in SHIPPED.glob("decisions/law-*.npz")]

    def losses(trial: Mapping[str, Any], branch: str) -> Array:
        packed = np.load(SHIPPED / "decisions" / f"{trial['trial_id']}.npz")[branch]
        decided = np.unpackbits(packed)[:10_000]
        found = [1.0 - held[np.arange(10_000), decided].astype(float) for held in posteriors]
        name = "excess_risk" if branch == "budget" else "converged_excess_risk"
        floors = [1.0 - held.max(axis=1).astype(float).mean() for held in posteriors]
        of = [abs(f.mean() - low - trial[name]) for f, low in zip(found, floors, strict=True)]
        assert min(of) < 1e-5
        return found[int(np.argmin(of))]

    def by_seed(family: str, role: str, branch: str, n: int | None) -> dict[int, Array]:
        held = trials[(trials["family"] == family) & (trials["role"] == role)]
        held = held[held["num_train"] == (held["num_train"].max() if n is None else n)]
        return {int(row["seed"]): losses(row, branch) for _, row in held.iterrows()}

    pair, n = ("resnet", "vgg"), int(trials.loc[trials["role"] == "measure", "num_train"].min())
    settled = [by_seed(family, "measure", "converged", n) for family in pair]
    limit = [by_seed(family, "limit", "budget", None) for family in pair]
    first, second = (np.array([held[s] for s in sorted(held)]) for held in settled)
    mine, theirs = (np.array([held[j] for j in sorted(held)]) for held in limit)
    (row,) = [
        row
        for row in only(rows, "estimation", "cell")
        if (row["first"], row["second"], row["num_train"]) == (*pair, n)
        and (row["distortion"], row["depth"]) == ("none", DEPTH)
    ]
    value = (first - second).mean() - (mine - theirs).mean()
    assert row["difference"] == pytest.approx(value, abs=2e-6)  # risks of the table are float32
    examples = crossed(first - second, theirs - mine)[-1][0]
    assert row["standard_error"] ** 2 > examples
    assert row["p_holm"] >= row["p_value"]
    for scope in ("cell", "population"):
        for error in TERMS:
            held = only(rows, error, scope)
            assert [row["p_holm"] for row in held] == holm([row["p_value"] for row in held])


def test_each_term_and_task_is_corrected_by_itself(make: Make) -> None:
    rows = compared(join(build_trials([*_real(make), *_real(make, "reconstruction")], {})))
    alone = compared(join(build_trials(_real(make), {})))
    assert [row for row in rows if row["task"] == "classification"] == alone
    held = only(alone, "optimization", "cell")
    assert len(held) == 6
    assert [row["p_holm"] for row in held] == holm([row["p_value"] for row in held])
    assert [row["significant"] for row in held] == [row["p_holm"] < 0.05 for row in held]


FACTS = {"is_resplit": True, "num_available": 1_200, "num_test": 600}


def _real(make: Make, task: str = "classification") -> list[dict[str, Any]]:
    """Real data of few images: three families, two sizes, four seeds, of which three have U_A."""
    rng = np.random.default_rng(20260705)
    found = []
    for place, name in enumerate(("linear", "vgg", "resnet")):
        named = {"schema": IDENTITY_VERSION, "task": task, "population": "digits", **FACTS}
        named |= {"family": name if task == "classification" else f"{name}_other"}
        for seed in range(4):
            limit = 0.1 + 0.01 * rng.standard_normal()
            if seed < 3:
                found.append(make("limit", **named, num_train=1_200, seed=seed, risk=limit))
            for num_train in SIZES:
                settled = limit + 0.05 * (1 + place) + 0.01 * rng.standard_normal()
                budgeted = settled + 0.03 * place + 0.002 * rng.standard_normal()
                held = {"num_train": num_train, "seed": seed, "risk": budgeted}
                found.append(make(**named, **held, converged_risk=settled))
    return found


def test_a_set_that_every_seed_divides_anew_by_hand(make: Make) -> None:
    """Within each seed's own division, and Nadeau and Bengio's variance; no U_H, no such terms."""
    records = _real(make)
    rows = compared(join(build_trials(records, {})))
    assert {row["error"] for row in rows} == {"estimation", "optimization"}
    held = {(r["role"], r["family"], r["num_train"], r["seed"]): r["metrics"] for r in records}

    def apart(role: str, n: int, seed: int, name: str) -> float:
        first, second = (held[role, family, n, seed][name] for family in ("linear", "vgg"))
        return float(first - second)

    estimation = [
        np.mean([apart("measure", n, s, "converged_risk") for n in SIZES])
        - apart("limit", 1_200, s, "risk")
        for s in range(3)
    ]
    (row,) = (r for r in only(rows, "estimation", "population") if _is_pair(r))
    error = math.sqrt((1 / 3 + 600 / 1_200) * np.var(estimation, ddof=1))
    assert row["num_pairs"] == 3  # seed 3 has no U_A of its own
    assert row["difference"] == pytest.approx(np.mean(estimation))
    assert row["standard_error"] == pytest.approx(error)
    t = abs(np.mean(estimation)) / error
    assert row["p_value"] == pytest.approx(2 * scipy.stats.t.sf(t, 2))
    (row,) = (r for r in only(rows, "optimization", "population") if _is_pair(r))
    assert row["num_pairs"] == 4


def _is_pair(row: Row) -> bool:
    return (row["first"], row["second"]) == ("linear", "vgg")


def test_without_decisions_there_are_differences_and_no_intervals(tmp_path: Path) -> None:
    study = Study(tmp_path, 20260706)
    known, rows = compared(study.joined()), compared(study.without_decisions())
    kept = ("error", "scope", "num_train", "num_pairs")
    assert [[row[k] for k in kept] for row in rows] == [[row[k] for k in kept] for row in known]
    for row, other in zip(rows, known, strict=True):
        assert row["difference"] == pytest.approx(other["difference"])
        for name in ("difference_lo", "standard_error", "p_value", "p_holm", "significant"):
            assert row[name] is None


@pytest.mark.parametrize(
    ("lacking", "left"),
    [
        ("best_in_class", TERMS),  # measured rules are candidates for U_H too
        ("limit", ("approximation", "optimization")),
        ("measure", ()),
    ],
)
def test_what_is_not_known_has_no_row(tmp_path: Path, lacking: str, left: tuple[str, ...]) -> None:
    study = Study(tmp_path, 20260707)
    study.records = [r for r in study.records if (r["role"], r["family"]) != (lacking, "vgg")]
    assert list(dict.fromkeys(row["error"] for row in compared(study.joined()))) == list(left)


def test_one_restart_or_seed_has_no_spread(tmp_path: Path) -> None:
    restart = compared(Study(tmp_path / "restart", 20260708, restarts=1).joined())
    seed = compared(Study(tmp_path / "seed", 20260709, seeds=1).joined())
    for rows, unknown in ((restart, TERMS[1:3]), (seed, TERMS[2:])):
        for row in rows:
            assert row["difference"] is not None
            assert (row["p_value"] is None) == (row["error"] in unknown), row["error"]
            assert (row["difference_lo"] is None) == (row["error"] in unknown)


def test_only_restarts_and_seeds_that_both_have_are_compared(tmp_path: Path) -> None:
    study = Study(tmp_path, 20260710)
    gone = {("limit", 20_000, 1), ("measure", 64, 0)}
    study.records = [
        r
        for r in study.records
        if r["family"] != "vgg" or (r["role"], r["num_train"], r["seed"]) not in gone
    ]
    rows = compared(study.joined())
    limit = np.array([study.apart("limit", restart) for restart in (0, 2)])
    settled = study.by_seed("converged")[:, 1:].mean(axis=0)
    (row,) = only(rows, "estimation", "population")
    holds(row, float(settled.mean() - limit.mean()), crossed(settled, -limit))
    assert [row["num_pairs"] for row in only(rows, "estimation", "cell")] == [3, 4]
    assert only(rows, "objective", "cell")[0]["num_pairs"] == 2


def test_two_rules_are_no_difference_of_architectures(tmp_path: Path) -> None:
    """Settled or not: the luck of the one that was trained is in no variance."""
    study = Study(tmp_path, 20260711)
    joined = study.joined()
    law = {"depth": 1, "population": "xor(sigma=0.5)", "distortion": "none", "severity": 0.0}
    for has_settled in (True, False):
        law |= {"num_train": 64, "approximation_is_bound": not has_settled}
        for known in ({}, {"approximation": 0.4}, {"approximation": 0.3, "approximation_hi": 0.4}):
            landscape = typed_frame(
                [{**law, "family": name, **known} for name in ("linear", "vgg")],
                LANDSCAPE_COLUMNS,
            )
            for row in to_rows(build_term_comparisons(joined, landscape)):
                assert row["is_bound"] == (row["error"] in ("approximation", "objective"))
                assert (row["significant"] is None) == row["is_bound"]
                assert row["p_holm"] is not None


def test_an_objective_grows_by_no_more_than_what_is_left_to_fall(tmp_path: Path) -> None:
    """U_H is not below R*: an approximation near zero leaves a clear objective what it is."""
    study = Study(tmp_path, 20260714)
    classes = study.posterior.argmax(axis=1) ^ (study.rng.random(N) < 0.5)
    for restart in range(3):  # again, by rules that guess
        study.records = [
            r
            for r in study.records
            if (r["role"], r["family"], r["seed"]) != ("limit", "vgg", restart)
        ]
        named = {"family": "vgg", "num_train": 20_000, "seed": restart}
        study.add("limit", classes={"budget": classes}, **named)
    joined, law = study.joined(), {"depth": 1, "population": "xor(sigma=0.5)", "num_train": 64}
    law |= {"distortion": "none", "severity": 0.0, "approximation_is_bound": True}
    for left, is_bound in ((0.001, False), (0.5, True)):
        rows = [
            {**law, "family": name, "approximation": left / 2, "approximation_hi": left}
            for name in ("linear", "vgg")
        ]
        landscape = typed_frame(rows, LANDSCAPE_COLUMNS)
        found = to_rows(build_term_comparisons(joined, landscape))
        for row in only(found, "objective", "cell"):
            assert row["difference_hi"] < -0.001
            assert (row["is_bound"], row["significant"]) == (is_bound, None if is_bound else True)


def test_families_that_are_alike_in_every_way_do_not_differ(tmp_path: Path) -> None:
    """Of N examples that all agree there is no interval of no length."""
    study = Study(tmp_path, 20260712)
    for record in study.records:
        if record["family"] == "vgg":
            twin = next(
                r
                for r in study.records
                if r["family"] == "linear"
                and all(r[k] == record[k] for k in ("role", "num_train", "seed"))
            )
            record["metrics"] = twin["metrics"]
            source, place = (
                tmp_path / "decisions" / f"{r['trial_id']}.npz" for r in (twin, record)
            )
            place.write_bytes(source.read_bytes())
    for row in compared(study.joined()):
        assert (row["difference"], row["p_value"]) == (0.0, 1.0)
        assert row["difference_lo"] < 0 < row["difference_hi"]


def test_no_trials_are_no_rows() -> None:
    joined = join(build_trials([], {}))
    assert build_term_comparisons(joined, build_landscape(joined, {})).empty

"""Families against each other: worked by hand, corrected, and honest about what is unknown."""

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.comparisons import build_comparisons
from study.analysis.frames import to_rows
from study.analysis.intervals import holm
from study.analysis.joined import join
from study.analysis.table import build_trials
from study.trials.trial import IDENTITY_VERSION
from tests.analysis.decided import Written

Make = Callable[..., dict[str, Any]]
N = 400


def test_holm_by_hand() -> None:
    """Holm 1979: .01 x 4, .02 x 3, .03 x 2 (its predecessor's .06 is larger: kept), .5 x 1."""
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([None, 0.04, None]) == [None, 0.04, None]
    assert holm([]) == []


def _posterior(rng: np.random.Generator) -> np.ndarray:
    eta = rng.beta(0.6, 0.6, size=N)
    return np.column_stack([1 - eta, eta])


def _bayes_but(rng: np.random.Generator, posterior: np.ndarray, rate: float) -> np.ndarray:
    """The Bayes rule's decisions, some of them turned over."""
    turned: np.ndarray = np.where(rng.random(N) < rate, 1, 0) ^ posterior.argmax(axis=1)
    return turned


def _study(folder: Path, rng: np.random.Generator) -> tuple[Written, np.ndarray]:
    """Two families, two sample sizes, four seeds; their decisions (2, 2, 4, N)."""
    study = Written(folder, _posterior(rng), 0.1)
    decided = np.empty((2, 2, 4, N), dtype=np.int64)
    cells = itertools.product((0, 1), (0, 1), range(4))
    for family, size, seed in cells:
        rate = 0.05 + 0.05 * family + 0.02 * rng.random()
        decided[family, size, seed] = _bayes_but(rng, study.posterior, rate)
        study.add(
            classes={"budget": decided[family, size, seed]},
            family=("linear", "vgg")[family],
            num_train=(64, 256)[size],
            seed=seed,
        )
    return study, decided


def test_a_population_by_hand(tmp_path: Path) -> None:
    """Every difference again, from the posterior and in another order of summing."""
    study, decided = _study(tmp_path, np.random.default_rng(20260601))
    row, *cells = to_rows(build_comparisons(study.joined()))
    assert (row["scope"], row["population"]) == ("population", "xor(sigma=0.5)")
    assert (row["num_cells"], row["num_pairs"], row["depth"], row["num_train"]) == (
        2,
        4,
        None,
        None,
    )
    right = np.take_along_axis(study.posterior[None, None, None], decided[..., None], axis=4)[
        ..., 0
    ]
    terms = (right[1] - right[0]).mean(axis=0)  # mean over cells of first's loss minus second's
    seeds, examples = terms.mean(axis=1), terms.mean(axis=0)
    left = terms - seeds[:, None] - examples + terms.mean()
    interaction = (left**2).sum() / (3 * (N - 1))
    part = seeds.var(ddof=1) / 4
    noise = max(0.0, examples.var(ddof=1) / N - interaction / (4 * N))
    freedom = (part + noise) ** 2 / (part**2 / 3 + noise**2 / (N - 1))
    assert row["difference"] == pytest.approx(terms.mean())
    assert row["standard_error"] == pytest.approx(math.sqrt(part + noise))
    assert row["degrees_of_freedom"] == pytest.approx(freedom)

    def reach(level: float) -> float:  # the mean of Satterthwaite's and Banerjee's, squared
        quantiles = scipy.stats.t.isf(level / 2, [freedom, 3, N - 1])
        return math.sqrt(
            (
                (part + noise) * quantiles[0] ** 2
                + part * quantiles[1] ** 2
                + noise * quantiles[2] ** 2
            )
            / 2
        )

    assert row["difference_hi"] - row["difference"] == pytest.approx(reach(0.05), rel=1e-6)
    assert reach(row["p_value"]) == pytest.approx(abs(terms.mean()), rel=1e-6)
    assert row["p_holm"] == row["p_value"]  # the only row of its scope
    assert row["probability_first_better"] == float((seeds < 0).mean())
    assert [cell["num_train"] for cell in cells] == [64, 256]
    for cell, size in zip(cells, (0, 1), strict=True):
        assert cell["scope"] == "cell"
        assert cell["difference"] == pytest.approx((right[1, size] - right[0, size]).mean())
        alike = (decided[0, size] == decided[1, size]).mean()
        assert cell["agreement"] == pytest.approx(float(alike))
        assert cell["difference_lo"] < cell["difference"] < cell["difference_hi"]
        assert cell["p_holm"] >= cell["p_value"]


def test_without_decisions_there_are_differences_and_no_intervals(tmp_path: Path) -> None:
    study, _ = _study(tmp_path, np.random.default_rng(20260602))
    with_decisions = to_rows(build_comparisons(study.joined()))
    rows = to_rows(build_comparisons(study.without_decisions()))
    kept = ("scope", "difference", "num_pairs", "probability_first_better_hi")
    assert [[row[k] for k in kept] for row in rows] == [
        [r[k] for k in kept] for r in with_decisions
    ]
    for row in rows:
        for name in ("difference_lo", "p_value", "p_holm", "significant", "agreement"):
            assert row[name] is None


def test_only_seeds_that_all_cells_have_are_in_the_population(tmp_path: Path) -> None:
    study, _ = _study(tmp_path, np.random.default_rng(20260603))
    study.records = [
        r for r in study.records if (r["family"], r["num_train"], r["seed"]) != ("vgg", 256, 3)
    ]
    row, first, second = to_rows(build_comparisons(study.joined()))
    assert (row["num_pairs"], first["num_pairs"], second["num_pairs"]) == (3, 4, 3)


def test_tasks_are_never_compared_nor_corrected_together(make: Make) -> None:
    """What a task's families show does not change because another task was studied beside it."""
    rng = np.random.default_rng(20260402)

    def measured(task: str | None, *families: str) -> list[dict[str, Any]]:
        named = {"schema": IDENTITY_VERSION, "task": task}
        return [
            make(**named, family=f, seed=seed, risk=0.3 + 0.05 * rng.standard_normal())
            for f in families
            for seed in range(4)
        ]

    classified = measured("classification", "linear", "vgg", "resnet")
    others = [*measured("reconstruction", "ae", "vae"), *measured(None, "old", "older")]
    alone = to_rows(build_comparisons(join(build_trials(classified, {}))))
    rows = to_rows(build_comparisons(join(build_trials([*classified, *others], {}))))
    pairs = {(row["task"], row["first"], row["second"]) for row in rows}
    assert sorted(pairs, key=str) == [
        ("classification", "linear", "resnet"),
        ("classification", "linear", "vgg"),
        ("classification", "resnet", "vgg"),
        ("reconstruction", "ae", "vae"),
        (None, "old", "older"),
    ]
    assert [row for row in rows if row["task"] == "classification"] == alone


def test_a_set_that_every_seed_divides_anew_by_hand(make: Make) -> None:
    """Nadeau and Bengio: (1/k + n_test/n_train) s^2 and Student's t; no examples are shared.

    Other sets beside it change nothing of it, nor it of theirs, but for Holm's correction.
    """
    rng = np.random.default_rng(20261128)
    facts = {"is_resplit": True, "num_available": 1_200, "num_test": 600}
    apart = 0.03 + 0.02 * rng.standard_normal((2, 4))  # by size and seed
    records = [
        make(
            **{"schema": IDENTITY_VERSION, "task": "classification", "population": "digits"},
            **{"family": family, "num_train": num_train, "seed": seed, **facts},
            risk=0.2 + (apart[size, seed] if family == "vgg" else 0.0),
        )
        for family in ("linear", "vgg")
        for size, num_train in enumerate((64, 256))
        for seed in range(4)
    ]
    row, *cells = to_rows(build_comparisons(join(build_trials(records, {}))))
    means = -apart.mean(axis=0)
    factor, quantile = 1 / 4 + 600 / 1_200, scipy.stats.t.ppf(0.975, 3)
    reach = quantile * math.sqrt(factor * means.var(ddof=1))
    assert row["difference_lo"] == pytest.approx(means.mean() - reach)
    assert row["difference_hi"] == pytest.approx(means.mean() + reach)
    t = abs(means.mean()) / math.sqrt(factor * means.var(ddof=1))
    assert row["p_value"] == pytest.approx(2 * scipy.stats.t.sf(t, 3))
    assert row["degrees_of_freedom"] == pytest.approx(3)
    # four seeds whose test parts overlap by a third of all are worth 4 / (1 + 3 / 3) = 2
    assert row["probability_first_better"] == 1.0
    assert row["probability_first_better_lo"] == pytest.approx(0.025 ** (1 / 2))
    for cell, held in zip(cells, -apart, strict=True):  # two variances: nothing to shrink towards
        reach = quantile * math.sqrt(factor * held.var(ddof=1))
        assert cell["difference_hi"] == pytest.approx(held.mean() + reach)
        assert cell["agreement"] is None


def test_what_is_divided_anew_is_no_prior_of_what_is_not(tmp_path: Path) -> None:
    """Their variances are of two kinds: the others' rows stay what they are without it."""
    study, _ = _study(tmp_path, np.random.default_rng(20260604))
    alone = to_rows(build_comparisons(study.joined()))
    for record in [dict(record) for record in study.records]:
        facts = {"is_resplit": True, "num_available": 60, "num_test": 30}
        study.records.append(
            record
            | {"population": "digits", "trial_id": record["trial_id"][::-1]}
            | {"metrics": record["metrics"] | facts}
        )
    rows = to_rows(build_comparisons(study.joined()))
    corrected = ("p_holm", "significant")
    both = [row for row in rows if row["population"] != "digits"]
    assert [{**row, **dict.fromkeys(corrected)} for row in both] == [
        {**row, **dict.fromkeys(corrected)} for row in alone
    ]
    assert all(row["p_value"] is not None for row in rows)


def test_divisions_that_agree_to_the_last_example_leave_room(make: Make) -> None:
    """Of 30 test examples each: no spread over seeds is no interval of no length."""
    records = [
        make(
            **{"schema": IDENTITY_VERSION, "task": "classification", "population": "digits"},
            **{"family": family, "seed": seed, "risk": 0.1},
            **{"is_resplit": True, "num_available": 60, "num_test": 30},
        )
        for family in ("linear", "vgg")
        for seed in range(3)
    ]
    for row in to_rows(build_comparisons(join(build_trials(records, {})))):
        room = 1 - 0.0125 ** (1 / 30)
        assert (row["difference_lo"], row["difference_hi"]) == pytest.approx((-room, room))
        assert row["p_value"] == 1.0

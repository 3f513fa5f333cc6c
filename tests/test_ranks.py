"""docs/ranks.py on made-up tables, whose rank agreement is known."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from docs.ranks import MATCHED, QUANTITIES, agreements, self_agreements, tau_b

FAMILIES = ("a", "b", "c", "d")


def table(population: str, risks: dict[int, list[float]], spread: float = 0.0) -> pd.DataFrame:
    """Four families of these risks at each depth, five seeds, R_n(inf) .01 below, U_A .02 below."""
    rng = np.random.default_rng(abs(len(population)))
    common = {
        "population": population,
        "task": "classification",
        "latent_dim": pd.NA,
        "distortion": "none",
        "severity": 0.0,
        "status": "done",
    }
    rows = []
    for depth, held in risks.items():
        for family, risk in zip(FAMILIES, held, strict=True):
            named = {**common, "family": family, "depth": depth}
            for seed in range(5):
                value = risk + spread * rng.standard_normal()
                measured = {"role": "measure", "num_train": 64, "seed": seed}
                settled = {"risk": value, "converged_risk": value - 0.1 * risk}
                rows.append({**named, **measured, **settled})
            for seed in range(2):
                limit = {"role": "limit", "num_train": 9000, "seed": seed, "risk": 0.5 * risk}
                rows.append({**named, **limit, "converged_risk": None})
    return pd.DataFrame(rows).astype({"latent_dim": "Int64"})


def test_tau_is_scipy_s_with_ties() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 4, size=(2, 6, 50)).astype(float)
    wanted = [scipy.stats.kendalltau(*pair).statistic for pair in zip(x.T, y.T, strict=True)]
    np.testing.assert_allclose(tau_b(x, y), wanted)


def test_each_capacity_is_a_cell_of_its_own() -> None:
    first, same = (
        pd.concat([table(name, {1: risks}).assign(capacity=c) for c, risks in held.items()])
        for name, held in (
            ("one", {0.5: [0.1, 0.2, 0.3, 0.4], 2.0: [0.4, 0.3, 0.2, 0.1]}),
            ("other", {0.5: [0.2, 0.3, 0.5, 0.6], 2.0: [0.1, 0.2, 0.3, 0.4]}),
        )
    )
    for found in agreements(first, same):
        assert (found.num_cells, found.tau) == (2, 0)  # one cell agrees, and one is the reverse


def test_a_cell_in_which_all_families_are_tied_tells_nothing() -> None:
    first = table("one", {1: [0.1, 0.2, 0.3, 0.4], 2: [0.3] * 4})
    same = table("other", {1: [0.2, 0.3, 0.35, 0.6], 2: [0.1, 0.2, 0.3, 0.4]})
    assert [(held.num_cells, held.tau) for held in agreements(first, same)] == [(1, 1)] * 5
    tied = table("other", {1: [0.3] * 4, 2: [0.3] * 4})
    assert list(agreements(first, tied)) == []


def test_the_same_order_the_reverse_and_one_swap() -> None:
    """Of six pairs a swap of neighbours turns one: tau 2/3; the mean with the reverse -1/6."""
    first = table("one", {1: [0.1, 0.2, 0.3, 0.4], 2: [0.1, 0.2, 0.3, 0.4]})
    same = table("other", {1: [0.2, 0.3, 0.35, 0.6], 2: [0.01, 0.02, 0.03, 0.05]})
    for found in agreements(first, same):
        assert (found.tau, found.lo, found.hi) == (1, 1, 1)
        assert (found.populations, found.num_cells) == (("one", "other"), 2)
    mixed = table("other", {1: [0.2, 0.1, 0.3, 0.4], 2: [0.4, 0.3, 0.2, 0.1]})
    taus = {found.quantity: found.tau for found in agreements(first, mixed)}
    assert taus == pytest.approx(dict.fromkeys(QUANTITIES, -1 / 6))


def test_cells_and_families_that_one_has_alone_are_left_out() -> None:
    first = table("one", {1: [0.1, 0.2, 0.3, 0.4], 3: [0.4, 0.3, 0.2, 0.1]})
    second = table("other", {1: [0.1, 0.2, 0.3, 0.4], 2: [0.4, 0.3, 0.2, 0.1]})
    second = second[(second["family"] != "d") & (second["role"] == "measure")]
    (risk, _, optimization) = agreements(first, second)  # no U_A, no estimation
    assert (risk.num_cells, risk.families, risk.tau) == (1, ("a", "b", "c"), 1)
    assert optimization.quantity == "optimization"
    other = second.assign(num_train=128)
    assert list(agreements(first, other)) == []


def test_intervals_hold_the_truth_where_seeds_differ() -> None:
    """Order is certain where spreads are small, and nothing is where they are large."""
    order = {1: [0.1, 0.2, 0.3, 0.4]}
    sure = next(agreements(table("one", order, 0.005), table("other", order, 0.005)))
    assert (sure.lo, sure.hi) == (1, 1)
    unsure = next(agreements(table("one", order, 0.3), table("other", order, 0.3)))
    assert unsure.hi - unsure.lo > 0.5
    assert unsure.lo <= unsure.tau <= unsure.hi


@pytest.mark.long
def test_a_study_agrees_with_itself_as_far_as_its_seeds_do() -> None:
    order = {1: [0.1, 0.2, 0.3, 0.4]}
    sure = list(self_agreements(table("one", order, 0.005)))
    assert [(held.quantity, held.tau, held.lo, held.hi) for held in sure] == [
        ("risk", 1, 1, 1),
        ("converged_risk", 1, 1, 1),
        ("optimization", 1, 1, 1),
    ]
    tied = {depth: [0.3] * 4 for depth in range(1, 11)}  # in none of ten cells anything is told
    risk, *_ = self_agreements(table("one", tied, 0.1))
    assert abs(risk.tau) < 0.4
    assert risk.lo < risk.tau < risk.hi


def test_equal_means_are_tied_in_whatever_order_they_are_summed() -> None:
    first, second = (table(name, {1: [0.1, 0.2, 0.3, 0.4]}) for name in ("one", "other"))
    seeds = {"a": [0.1, 0.2, 0.3], "b": [0.3, 0.2, 0.1], "c": [0.4, 0.4, 0.4], "d": [0.5, 0.5, 0.5]}
    assert np.mean(seeds["a"]) != np.mean(seeds["b"])
    held = [second[(second["family"] == f) & (second["role"] == "measure")] for f in seeds]
    tied = pd.concat([h.head(3).assign(risk=seeds[f]) for f, h in zip(seeds, held, strict=True)])
    (found, *_) = agreements(first, tied)
    wanted = scipy.stats.kendalltau([0.1, 0.2, 0.3, 0.4], [0.2, 0.2, 0.4, 0.5]).statistic
    assert found.tau == pytest.approx(wanted)


def test_families_are_compared_on_the_seeds_that_all_have() -> None:
    """One that lacks the hard seed is no better for it; of one seed there is no interval."""
    first = table("one", {1: [0.1, 0.2, 0.3, 0.4]})
    hard = first.assign(risk=first["risk"] + 0.5 * (first["seed"] == 0))
    lacking = hard[(hard["family"] != "d") | (hard["seed"] != 0) | (hard["role"] != "measure")]
    (found, *_) = agreements(first, lacking.assign(population="other"))
    assert found.tau == 1
    alone = first[first["seed"] == 0]
    (found, *_) = agreements(alone, alone)
    assert (found.tau, np.isnan(found.lo), np.isnan(found.hi)) == (1, True, True)


def test_a_seed_that_is_there_twice_is_told() -> None:
    first = table("one", {1: [0.1, 0.2, 0.3, 0.4]})
    with pytest.raises(ValueError, match="a d1: a seed is in the table twice"):
        list(agreements(first, pd.concat([first, first])))


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        order = {1: [0.1, 0.2, 0.3, 0.4]}
        table(name, order).to_parquet(tmp_path / name / "trials.parquet")
    script = Path(__file__).parents[1] / "docs" / "ranks.py"
    command = [sys.executable, str(script), str(tmp_path / "one"), str(tmp_path / "other")]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    whole = "a, b, c, d | 1 | 1.00 | [1.00, 1.00] | d1 n=64: 1.00 |"
    assert lines[2] == f"| risk | one against other | {whole}"
    assert f"| risk | one against itself, by halves | {whole}" in lines
    assert {"depth", "num_train", "severity"} <= set(MATCHED)

"""The joined view: what is current, what belongs to which law, and whose task it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from study.analysis.columns import WINNER_COLUMNS
from study.analysis.frames import to_rows
from study.analysis.joined import Joined, build_best_in_class, join
from study.analysis.landscape import build_landscape
from study.analysis.reading import codes_of
from study.analysis.results import build_results, write_results
from study.analysis.table import build_trials
from study.analysis.winners import build_winners
from study.trials.trial import cell_of

Record = dict[str, Any]
Make = Callable[..., Record]


def joined_of(*records: Record) -> Joined:
    return join(build_trials(records, {}))


def test_another_network_of_the_same_name_supersedes(make: Make) -> None:
    """The user's class was edited: means take the trials of the source that ran last."""
    old = [make(seed=s, source="aa", risk=0.4, finished_at="2026-01-01T00") for s in range(3)]
    new = [make(seed=s, source="bb", risk=0.2, finished_at="2026-01-02T00") for s in range(2)]
    joined = joined_of(*old, *new)
    assert joined.num_superseded == 3
    (row,) = to_rows(build_landscape(joined, {}))
    assert (row["num_seeds"], row["risk"]) == (2, 0.2)


NOISY = {"distortion": "label_noise", "severity": 0.2}
SKEWED = {"distortion": "imbalance", "severity": 0.8}


def test_label_noise_shares_its_law_and_other_damage_does_not(make: Make) -> None:
    joined = joined_of(
        make("best_in_class", num_train=900, selection_risk=0.1, risk=0.11, excess_risk=0.01),
        make("limit", num_train=900, risk=0.2),
        make("limit", num_train=900, risk=0.4, **NOISY),
        make("slack", num_train=900, selection_risk=0.1, risk=0.4, excess_risk=0.03),
        make(**NOISY),
        make(**SKEWED),
    )
    clean, noisy, skewed = (cell_of(make(**law)) for law in ({}, NOISY, SKEWED))
    assert joined.best_of(noisy)["best_in_class_risk"] == 0.11
    assert joined.best_of(cell_of(make(num_train=64)))["best_in_class_num_stream"] == 900
    assert joined.best_of(skewed) == {}
    # the family's own procedure sees the noise: a limit of its own
    assert [[row["risk"] for row in joined.limit_of(cell)] for cell in (clean, noisy, skewed)] == [
        [0.2],
        [0.4],
        [],
    ]
    found = to_rows(build_landscape(joined, {"label_noise": [0.2], "imbalance": [0.8]}))
    assert [row["slack"] for row in found] == [None, 0.03]


def candidates(make: Make) -> list[Record]:
    """Four rules of one law, each worse on the selection draw than the one before."""

    def known(risk: float, late: float | None = None) -> Record:
        found = {"risk": risk, "excess_risk": risk - 0.1}
        later = {} if late is None else {"converged_risk": late}
        return found | later | ({} if late is None else {"converged_excess_risk": late - 0.1})

    return [
        make(
            seed=1,
            num_train=64,
            selection_risk=0.5,
            converged_selection_risk=0.1,
            **NOISY,
            **known(0.6, 0.21),
        ),
        make("limit", num_train=900, selection_risk=0.2, **known(0.22)),
        make("best_in_class", num_train=500, selection_risk=0.3, **known(0.23)),
        make("best_in_class", num_train=900, selection_risk=0.4, **known(0.2)),
    ]


def test_every_rule_of_the_architecture_is_a_candidate(make: Make) -> None:
    """Chosen on the selection draw, whatever role, branch, size, noise; scored on the other."""
    held = candidates(make)
    told = [
        ("measure", None, 0.21),
        ("limit", 900, 0.22),
        ("best_in_class", 500, 0.23),
        ("best_in_class", 900, 0.2),
    ]
    names = ("best_in_class_role", "best_in_class_num_stream", "best_in_class_risk")
    for first in range(4):
        best = joined_of(*held[first:]).best_of(cell_of(make()))
        assert tuple(best[name] for name in names) == told[first]


def test_of_equal_candidates_the_first_in_the_order_counts(make: Make) -> None:
    """Measured before found; the budget's branch before the converged one; smaller n, then seed."""
    equal = {"selection_risk": 0.3, "converged_selection_risk": 0.3, "excess_risk": 0.1}
    late = {"converged_risk": 0.25, "converged_excess_risk": 0.15}
    records = [
        make("best_in_class", num_train=10, risk=0.20, **equal),
        make(seed=0, num_train=256, risk=0.21, **equal, **late),
        make(seed=2, num_train=64, risk=0.22, **equal, **late),
        make(seed=1, num_train=64, risk=0.23, **equal, **late),
    ]
    for order in (records, records[::-1]):
        assert joined_of(*order).best_of(cell_of(make()))["best_in_class_risk"] == 0.23


def test_an_edited_network_is_another_architecture(make: Make) -> None:
    good = {"selection_risk": 0.1, "risk": 0.1, "excess_risk": 0.0}
    bad = {"selection_risk": 0.3, "risk": 0.3, "excess_risk": 0.2}
    old = make("best_in_class", source="aa", finished_at="2026-01-01T00", **good)
    new = make("best_in_class", source="bb", finished_at="2026-01-02T00", **bad)
    assert joined_of(old, new).best_of(cell_of(make()))["best_in_class_risk"] == 0.3


def test_a_table_from_before_the_selection_draw_has_u_h_and_no_u_a(make: Make) -> None:
    joined = joined_of(
        make("best_in_class", num_train=500, validation_risk=0.2, risk=0.12, excess_risk=0.02),
        make("best_in_class", num_train=900, validation_risk=0.1, risk=0.11, excess_risk=0.01),
        make("resubstitution", risk=0.05),
        make(seed=0, risk=0.3, excess_risk=0.2, converged_risk=0.2, converged_excess_risk=0.1),
    )
    (row,) = to_rows(build_landscape(joined, {}))
    assert (row["approximation"], row["total"], row["optimization"]) == (0.01, 0.2, 0.1)
    assert row["objective"] is row["estimation"] is row["resubstitution_risk"] is None
    assert row["approximation_is_bound"] is True
    assert "resubstitution" not in joined.rows


def test_seeds_of_several_searches_are_of_several_configurations(make: Make) -> None:
    """Seed s has the winner of search s mod 2; one that was superseded is still left out."""
    tried = [make("search", seed=seed, hyperparameters={"k": 1}) for seed in (0, 1, 10_000)]
    old = make(seed=3, hyperparameters={"k": 9}, finished_at="2025-01-01T00", risk=0.9)
    new = [make(seed=seed, hyperparameters={"k": seed % 2}, risk=0.1) for seed in range(4)]
    joined = joined_of(*tried, old, *new)
    assert [row["seed"] for row in joined.measured(cell_of(make()))] == [0, 1, 2, 3]
    assert joined.num_superseded == 1
    winners = to_rows(build_winners(joined))
    assert [(row["repeat"], row["num_proposals"], row["hp_k"]) for row in winners] == [
        (0, 2, 0),
        (1, 1, 1),
    ]


def test_of_the_limits_the_longest_stream_counts_with_all_its_restarts(make: Make) -> None:
    limits = [
        make("limit", num_train=m, seed=seed, risk=risk, excess_risk=risk - 0.1)
        for m, seed, risk in ((500, 0, 0.2), (900, 0, 0.3), (900, 1, 0.5), (900, 2, 0.4))
    ]
    joined = joined_of(make(risk=0.4, excess_risk=0.3), *limits)
    (row,) = to_rows(build_landscape(joined, {}))
    names = ("limit_risk", "limit_num_stream", "limit_restarts")
    assert [row[name] for name in names] == [pytest.approx(0.4), 900, 3]
    streams = [row for row in to_rows(build_best_in_class(joined)) if row["role"] == "limit"]
    told = ("num_stream", "restarts", "risk", "excess_risk", "restart_sd")
    assert [tuple(row[name] for name in told) for row in streams] == [
        (500, 1, 0.2, pytest.approx(0.1), None),
        (900, 3, pytest.approx(0.4), pytest.approx(0.3), pytest.approx(0.1)),
    ]


def test_the_landscape_names_the_task(make: Make) -> None:
    """Told by some rows of a family: the others are from before there were tasks."""
    records = [
        make(task=None, seed=0, risk=0.2),
        make(task="classification", seed=1, risk=0.3),
        make(family="ae", task="reconstruction", risk=7.5),
        make(family="old", risk=0.5),
    ]
    landscape = build_landscape(joined_of(*records), {})
    assert list(landscape.columns)[:2] == ["family", "task"]
    found = {row["family"]: row["task"] for row in to_rows(landscape)}
    assert found == {"linear": "classification", "ae": "reconstruction", "old": None}


def test_codes_are_counted(make: Make) -> None:
    records = [make(seed=s, code=c) for s, c in enumerate(["a", "b", "b", None])]
    assert codes_of(build_trials(records, {})) == {"b": 2, "a": 1, None: 1}
    assert codes_of(build_trials([], {})) == {}


def proposal(make: Make, seed: int, rate: float, status: str = "done", **more: Any) -> Record:
    tried = {"learning_rate": rate}
    return make("search", status, seed=seed, hyperparameters=tried, **more)


def test_winners_are_what_was_measured(make: Make) -> None:
    used = {"learning_rate": 0.2}
    records = [
        proposal(make, 0, 0.1, validation_risk=0.30),
        proposal(make, 1, 0.2, validation_risk=0.25, trial_id="won"),
        proposal(make, 2, 0.3, validation_risk=0.20),  # not measured with yet: it takes no credit
        proposal(make, 3, 0.4, "stopped"),
        proposal(make, 4, 0.5, "failed"),
        *(make(seed=s, hyperparameters=used) for s in range(2)),
        make(family="vgg", task="classification", hyperparameters={"learning_rate": 0.01, "k": 3}),
    ]
    trials = build_trials(records, {})
    winners = build_winners(join(trials))
    named = [column.name for column in WINNER_COLUMNS]
    assert list(winners.columns) == [*named, "hp_k", "hp_learning_rate"]
    assert winners["hp_k"].dtype == trials["hp_k"].dtype
    linear, vgg = to_rows(winners)
    counts = ("is_searched", "num_proposals", "num_stopped", "num_failed")
    assert [linear[name] for name in counts] == [True, 5, 1, 1]
    assert [linear[name] for name in ("validation_risk", "trial_id")] == [0.25, "won"]
    assert [linear[name] for name in ("hp_learning_rate", "hp_k")] == [0.2, None]
    assert [vgg[name] for name in counts] == [False, 0, 0, 0]
    assert [vgg[name] for name in ("task", "validation_risk", "hp_k")] == [
        "classification",
        None,
        3,
    ]


def test_a_table_without_rows_leaves_no_file_of_an_earlier_state(
    make: Make, tmp_path: Path
) -> None:
    write_results(build_results(build_trials([make()], {}), {}), tmp_path, {})
    (winner,) = pd.read_csv(tmp_path / "winners.csv").to_dict("records")
    assert (winner["family"], winner["is_searched"], winner["num_proposals"]) == (
        "linear",
        False,
        0,
    )
    write_results(build_results(build_trials([make("search")], {}), {}), tmp_path, {})
    names = ["best_in_class.csv", "landscape.csv", "landscape.parquet"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_an_empty_study_has_empty_results() -> None:
    results = build_results(build_trials([], {}), {})
    for name in ("landscape", "best_in_class", "winners", "comparisons", "variance", "missing"):
        assert getattr(results, name).empty
    assert results.num_superseded == 0

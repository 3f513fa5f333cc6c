"""The joined view: what is current, what belongs to which law, and whose task it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis.frames import to_rows
from study.analysis.joined import Joined, join
from study.analysis.landscape import build_landscape
from study.analysis.reading import codes_of
from study.analysis.results import build_results, write_results
from study.analysis.table import build_trials
from study.analysis.winners import build_winners
from study.trials.schema import WINNER_COLUMNS
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


def test_label_noise_shares_its_law_and_other_damage_does_not(make: Make) -> None:
    noisy = {"distortion": "label_noise", "severity": 0.2}
    skewed = {"distortion": "imbalance", "severity": 0.8}
    joined = joined_of(
        make("best_in_class", num_train=900, validation_risk=0.1, risk=0.11),
        make("best_in_class", num_train=500, validation_risk=0.0, risk=0.12),
        make("resubstitution", seed=3, risk=0.05),
        make(**noisy),
        make(**skewed),
    )
    assert joined.best_of(cell_of(make(**noisy)))["best_in_class_risk"] == 0.11  # the larger m
    assert joined.lower_of(cell_of(make(**noisy))) == {3: 0.05}
    assert joined.lower_of(cell_of(make(num_train=64))) == {}
    assert joined.best_of(cell_of(make(num_train=64)))["num_stream"] == 900
    assert joined.best_of(cell_of(make(**skewed))) == {}


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

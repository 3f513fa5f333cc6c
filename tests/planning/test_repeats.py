"""Independent searches of a cell: each has its own proposals, data and winner."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from study.planning.plan import next_trials, planned_trials, total_by_role
from study.request.spec import StudySpec
from study.trials.trial import TrialSpec
from tests.small_study import TABLE, record_of

MakeSpec = Callable[..., StudySpec]
BASE = 10_000
"""Between the numbers of one search's proposals and the next one's."""


@pytest.fixture
def spec(make_spec: MakeSpec) -> StudySpec:
    """One cell, three searches of two proposals each."""
    return make_spec(
        families=["linear"],
        depths=[1],
        num_train=[64],
        distortions={},
        seeds=7,
        search={"trials": 2, "repeats": 3},
        training={**TABLE["training"], "ideal": True},
        best_in_class={"restarts": 4, "num_stream": [1000], "slack_restarts": 4},
        limit={"restarts": 4, "num_stream": [1000]},
        variance={"seeds": 2},
    )


def proposal(trial: TrialSpec, rate: float, risk: float) -> dict[str, Any]:
    record = record_of(trial, metrics={"validation_risk": risk})
    return {**record, "hyperparameters": {**record["hyperparameters"], "learning_rate": rate}}


def searched(spec: StudySpec, repeats: range) -> list[dict[str, Any]]:
    """These searches, over: of search r the rate (r + 1) / 1000 won, by one proposal or another."""
    return [
        proposal(
            trial, (r + 1) / 1000 if number == r % 2 else 0.02, 0.1 if number == r % 2 else 0.3
        )
        for trial in planned_trials(spec)
        if trial.role == "search"
        for r, number in [(trial.seed // BASE, trial.seed % BASE)]
        if r in repeats
    ]


def rate_of(trial: TrialSpec) -> float:
    assert trial.hyperparameters is not None
    return float(trial.hyperparameters["learning_rate"])


def test_every_search_begins_at_once_and_goes_on_alone(spec: StudySpec) -> None:
    first = next_trials(spec, [])
    assert [t.seed for t in first] == [0, BASE, 2 * BASE]
    after = next_trials(spec, [proposal(first[1], 0.01, 0.2)])
    assert sorted(t.seed for t in after) == [0, BASE + 1, 2 * BASE]
    assert total_by_role(spec)["search"] == 6


def test_searches_share_no_data_and_their_own_proposals_do(spec: StudySpec) -> None:
    searching = [t for t in planned_trials(spec) if t.role == "search"]
    for stream in ("data", "noise", "validation"):
        drawn = {(t.seed // BASE, t.streams[stream]) for t in searching}
        assert len(drawn) == len({seed for _, seed in drawn}) == 3


def test_seed_s_takes_the_winner_of_search_s_mod_repeats(spec: StudySpec) -> None:
    trials = next_trials(spec, searched(spec, range(3)))
    for role, num in [("measure", 7), ("ideal", 7), ("best_in_class", 4), ("limit", 4)]:
        rates = {t.seed: rate_of(t) for t in trials if t.role == role}
        cycle = [0.001, 0.002, 0.003] * 3
        assert [rates[seed] for seed in range(num)] == cycle[:num], role
    assert {rate_of(t) for t in trials if t.role == "variance"} == {0.001}
    assert Counter(t.role for t in trials)["slack"] == 4


def test_seeds_wait_for_their_own_search_only(spec: StudySpec) -> None:
    trials = next_trials(spec, searched(spec, range(1, 2)))
    measured = {t.seed: rate_of(t) for t in trials if t.role == "measure"}
    assert measured == {1: 0.002, 4: 0.002}
    assert sorted(t.seed for t in trials if t.role == "search") == [0, 2 * BASE]


def test_the_dry_run_takes_the_winners_that_there_are(spec: StudySpec) -> None:
    """What is measured with a winner is not to be run again with a stand-in."""
    records = searched(spec, range(3))
    measured = [t for t in next_trials(spec, records) if t.role == "measure"]
    records += [record_of(trial) for trial in measured[:5]]
    left = Counter(t.role for t in planned_trials(spec, records))
    assert left["measure"] == 2
    assert left["search"] == 0


def test_one_search_is_what_it_was(make_spec: MakeSpec) -> None:
    once = make_spec(search={"trials": 2, "repeats": 1})
    assert {t.trial_id for t in planned_trials(once)} == {
        t.trial_id for t in planned_trials(make_spec(search={"trials": 2}))
    }

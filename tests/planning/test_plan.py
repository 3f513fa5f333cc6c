"""The plan as a pure function of what is asked and what is finished."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.planning.plan import enumerate_cells, next_trials, planned_trials, total_by_role
from study.request.reading import SpecError, parse_spec
from study.request.sections import VarianceSection
from study.request.spec import StudySpec
from study.trials.trial import TrialSpec
from tests.small_study import TABLE, record_of

MakeSpec = Callable[..., StudySpec]

# Computed by the program as it was before the roles `ideal` and `variance`.
PINNED = {
    "measure": "83738037ae288ba8",
    "best_in_class": "5d075f84875215f4",
    "resubstitution": "c4411f8755a4ddb2",
}
PINNED_INIT = 3879330628809127408


def _run_to_end(spec: StudySpec, pick: Callable[[list[TrialSpec]], int]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    while trials := next_trials(spec, records):
        records.append(record_of(trials[pick(trials)]))
        assert len(records) < 10_000
    return records


@pytest.fixture(scope="module")
def finished() -> list[dict[str, Any]]:
    """Records of the small study, run to its end; not to be changed."""
    return _run_to_end(parse_spec(TABLE, "test"), lambda trials: 0)


def test_grid_holds_each_law_once(make_spec: MakeSpec) -> None:
    cells = enumerate_cells(make_spec())
    # undistorted, label_noise 0.2, imbalance 0.9: both neutral severities are the first of these.
    assert len(cells) == len(set(cells)) == 3 * 2 * 2 * 2


def test_searching_comes_before_measuring_and_ends_in_the_same_set(
    make_spec: MakeSpec, finished: list[dict[str, Any]]
) -> None:
    spec = make_spec()
    first = next_trials(spec, [])
    assert {trial.role for trial in first} == {"search"}
    assert len(first) == len(enumerate_cells(spec))  # one at a time in each cell
    assert Counter(r["role"] for r in finished) == total_by_role(spec)


SMALLER = {**TABLE, "num_train": [64], "depths": [1], "seeds": 2}


@pytest.fixture(scope="module")
def last_one_first() -> list[str]:
    """Ids of a study's trials, in one of the orders that they may run in."""
    records = _run_to_end(parse_spec(SMALLER, "test"), lambda trials: -1)
    return [record["trial_id"] for record in records]


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_trial_twice_and_the_same_trials_in_any_order(
    last_one_first: list[str], data: st.DataObject
) -> None:
    spec = parse_spec(SMALLER, "test")
    records = _run_to_end(
        spec, lambda trials: data.draw(st.integers(0, len(trials) - 1), label="which ends first")
    )
    ids = [record["trial_id"] for record in records]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(last_one_first)


def test_extending_runs_the_missing_seeds_only(
    make_spec: MakeSpec, finished: list[dict[str, Any]]
) -> None:
    more = next_trials(make_spec(seeds=5), finished)
    assert {trial.role for trial in more} == {"measure", "resubstitution"}
    assert {trial.seed for trial in more} == {3, 4}
    assert next_trials(make_spec(seeds=2), finished) == []


def test_a_new_severity_leaves_finished_trials_alone(
    make_spec: MakeSpec, finished: list[dict[str, Any]]
) -> None:
    wider = make_spec(distortions={"label_noise": [0.0, 0.1, 0.2], "imbalance": [0.5, 0.9]})
    more = next_trials(wider, finished)
    assert {(t.cell.distortion, t.cell.severity) for t in more} == {("label_noise", 0.1)}


def test_measuring_takes_the_winner_on_validation_data(make_spec: MakeSpec) -> None:
    spec = make_spec(families=["linear"], depths=[1], num_train=[64], distortions={})
    (first,) = next_trials(spec, [])
    loser = record_of(first, metrics={"validation_risk": 0.4})
    (second,) = next_trials(spec, [loser])
    best = record_of(second, metrics={"validation_risk": 0.2})
    best["hyperparameters"] = {**best["hyperparameters"], "learning_rate": 0.0123}
    measuring = next_trials(spec, [loser, best])
    assert {t.role for t in measuring} == {"measure", "best_in_class", "resubstitution"}
    assert {t.hyperparameters["learning_rate"] for t in measuring} == {0.0123}  # type: ignore[index]


def test_a_cell_whose_search_failed_altogether_measures_nothing(make_spec: MakeSpec) -> None:
    spec = make_spec(families=["linear"], depths=[1], num_train=[64], distortions={})
    records: list[dict[str, Any]] = []
    for _ in range(spec.search.trials):
        (trial,) = next_trials(spec, records)
        records.append(record_of(trial, status="failed"))
    assert next_trials(spec, records) == []


def test_references_see_clean_labels_once_for_every_noise_level(make_spec: MakeSpec) -> None:
    spec = make_spec(search={"trials": 0})
    trials = next_trials(spec, [])
    bounds = [t for t in trials if t.role in ("best_in_class", "resubstitution")]
    assert {t.cell.distortion for t in bounds} == {"none", "imbalance"}
    counts = Counter(t.role for t in bounds)
    laws, nets = 2, 4
    assert counts["best_in_class"] == laws * nets * 2 * 2  # streams, restarts
    assert counts["resubstitution"] == laws * nets * 2 * 3  # sample sizes, seeds


def test_the_dry_run_counts_what_the_run_runs(make_spec: MakeSpec) -> None:
    spec = make_spec()
    planned = planned_trials(spec)
    assert Counter(trial.role for trial in planned) == total_by_role(spec)
    records = _run_to_end(spec, lambda trials: 0)
    assert planned_trials(spec, records) == []


def _asking(make_spec: MakeSpec, **changes: Any) -> StudySpec:
    training = {"budget_epochs": 4, "max_epochs": 30, "ideal": True}
    return make_spec(training=training, variance={"seeds": 2}, search={"trials": 0}, **changes)


def test_optional_roles_come_on_request_and_leave_the_others_alone(make_spec: MakeSpec) -> None:
    plain = {t.trial_id for t in next_trials(make_spec(search={"trials": 0}), [])}
    spec = _asking(make_spec)
    asked = next_trials(spec, [])
    assert plain < {t.trial_id for t in asked}
    more = Counter(t.role for t in asked if t.trial_id not in plain)
    cells = len(enumerate_cells(spec))
    assert more == {"ideal": 3 * cells, "variance": 2**3 * cells}
    assert Counter(t.role for t in asked) == total_by_role(spec)
    assert {t.cell.distortion for t in asked if t.role == "ideal"} == {
        "none",
        "label_noise",
        "imbalance",
    }


def test_trial_ids_and_streams_are_what_they_were() -> None:
    """Ids of a ledger that was written before the optional roles existed."""
    table = {**TABLE, "families": ["linear"], "depths": [1], "num_train": [64], "seeds": 1}
    table |= {"search": {"trials": 0}, "distortions": {}}
    table["best_in_class"] = {"restarts": 1, "num_stream": [1000]}
    found = {t.role: t for t in next_trials(parse_spec(table, "test"), [])}
    assert {role: trial.trial_id for role, trial in found.items()} == PINNED
    assert found["measure"].streams["init"] == PINNED_INIT


def test_a_variance_block_crosses_three_streams(make_spec: MakeSpec) -> None:
    spec = _asking(make_spec, families=["linear"], depths=[1], num_train=[64], distortions={})
    block = [t for t in next_trials(spec, []) if t.role == "variance"]
    crossed = Counter((t.streams["data"], t.streams["init"], t.streams["order"]) for t in block)
    assert len(crossed) == 8
    for position in range(3):
        assert sorted(Counter(key[position] for key in crossed).values()) == [4, 4]
    assert all(t.streams["noise"] for t in block)
    larger = next_trials(spec.model_copy(update={"variance": VarianceSection(seeds=3)}), [])
    assert {t.trial_id for t in block} < {t.trial_id for t in larger}
    with pytest.raises(SpecError, match=r"variance.seeds = 1: must be 0 \(none\) or from 2 to 100"):
        make_spec(variance={"seeds": 1})


@pytest.mark.parametrize("role", ["search", "measure", "best_in_class", "resubstitution"])
def test_streams_of_data_ignore_family_and_damage(make_spec: MakeSpec, role: str) -> None:
    spec = make_spec(search={"trials": 0})
    trials = [t for t in planned_trials(make_spec()) + next_trials(spec, []) if t.role == role]
    for seed in {t.seed for t in trials}:
        assert len({t.streams["data"] for t in trials if t.seed == seed}) == 1
    assert len({t.streams["evaluation"] for t in trials}) == 1


def test_measuring_never_meets_the_search(make_spec: MakeSpec) -> None:
    trials = planned_trials(make_spec())
    drawn: dict[str, set[int]] = {}
    for trial in trials:
        names = ("data", "noise", "init", "order", "validation")
        drawn.setdefault(trial.role, set()).update(trial.streams[n] for n in names)
    assert not drawn["search"] & drawn["measure"]
    assert not drawn["best_in_class"] & drawn["measure"]


def test_where_everything_is_fixed_nothing_is_searched(make_spec: MakeSpec) -> None:
    fixed = {"learning_rate": 0.01, "weight_decay": 0.0, "batch_size": 16}
    spec = make_spec(hyperparameters={"linear": fixed})
    counts = Counter(t.cell.family for t in next_trials(spec, []) if t.role == "search")
    assert counts["linear"] == 0 < counts["vgg"]
    measured = [t for t in next_trials(spec, []) if t.role == "measure"]
    assert {t.cell.family for t in measured} == {"linear"}
    assert all(t.hyperparameters == fixed for t in measured)
    assert Counter(t.role for t in planned_trials(spec)) == total_by_role(spec)


def test_free_sizes_are_part_of_the_identity(make_spec: MakeSpec) -> None:
    matched = next_trials(make_spec(search={"trials": 0}), [])
    free = next_trials(make_spec(search={"trials": 0}, match_parameters=False), [])
    assert {t.hyperparameters["width"] for t in free} == {16}  # type: ignore[index]
    assert not {t.trial_id for t in matched} & {t.trial_id for t in free}


def test_a_range_is_searched_and_a_value_is_not(make_spec: MakeSpec) -> None:
    wishes = {"vgg": {"learning_rate": [0.002, 0.004], "dropout": 0.25}}
    spec = make_spec(hyperparameters=wishes)
    space = spec.space_of("vgg")
    assert (space.space["learning_rate"].low, space.space["learning_rate"].high) == (0.002, 0.004)  # type: ignore[union-attr]
    assert "dropout" not in space.space
    assert space.defaults["dropout"] == 0.25
    assert spec.space_of("linear") == make_spec().space_of("linear")

"""The plan as a pure function of what is asked and what is finished."""

from collections import Counter
from dataclasses import replace
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classcomp.training import phases
from search_spaces import SPACES
from study.planning.plan import enumerate_cells, next_trials, planned_trials, total_by_role
from study.request.reading import SpecError, parse_spec
from study.trials import roles
from study.trials.roles import ROLES, Role, Scope
from study.trials.trial import cell_of
from tests.planning.studies import MakeSpec, asking, run_to_end
from tests.small_study import TABLE, record_of


@pytest.fixture(scope="module")
def finished() -> list[dict[str, Any]]:
    """Records of the small study, run to its end; not to be changed."""
    return run_to_end(parse_spec(TABLE, "test"), lambda trials: 0)


def test_grid_holds_each_law_once(make_spec: MakeSpec) -> None:
    cells = enumerate_cells(make_spec())
    # undistorted, label_noise 0.2, imbalance 0.9: both neutral severities are the first of these.
    assert len(cells) == len(set(cells)) == 3 * 2 * 2 * 2


@pytest.mark.parametrize(("axis", "some"), [("num_train", 64), ("depths", 2)])
def test_distortions_are_measured_where_they_are_asked_for(
    axis: str, some: int, make_spec: MakeSpec
) -> None:
    everywhere = enumerate_cells(make_spec())
    place = attrgetter(axis.removesuffix("s"))
    assert len({place(cell) for cell in everywhere if not cell.is_undistorted}) == 2
    assert enumerate_cells(make_spec(**{f"distorted_{axis}": [some]})) == [
        cell for cell in everywhere if cell.is_undistorted or place(cell) == some
    ]


def test_a_level_has_one_limit_for_all_sample_sizes(make_spec: MakeSpec) -> None:
    here = make_spec(distorted_num_train=[64])
    limits, all_limits = (
        {trial.cell for trial in planned_trials(spec) if trial.role == "limit"}
        for spec in (here, make_spec())
    )
    assert limits == all_limits


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
    records = run_to_end(parse_spec(SMALLER, "test"), lambda trials: -1)
    return [record["trial_id"] for record in records]


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_no_trial_twice_and_the_same_trials_in_any_order(
    last_one_first: list[str], data: st.DataObject
) -> None:
    spec = parse_spec(SMALLER, "test")
    records = run_to_end(
        spec, lambda trials: data.draw(st.integers(0, len(trials) - 1), label="which ends first")
    )
    ids = [record["trial_id"] for record in records]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(last_one_first)


def test_extending_runs_the_missing_seeds_only(
    make_spec: MakeSpec, finished: list[dict[str, Any]]
) -> None:
    more = next_trials(make_spec(seeds=5), finished)
    assert {trial.role for trial in more} == {"measure"}
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
    assert {t.role for t in measuring} == {"measure", "best_in_class", "limit"}
    assert {t.hyperparameters["learning_rate"] for t in measuring} == {0.0123}  # type: ignore[index]


def test_a_cell_whose_search_failed_altogether_measures_nothing(make_spec: MakeSpec) -> None:
    spec = make_spec(families=["linear"], depths=[1], num_train=[64], distortions={})
    records: list[dict[str, Any]] = []
    for _ in range(spec.search.trials):
        (trial,) = next_trials(spec, records)
        records.append(record_of(trial, status="failed"))
    assert next_trials(spec, records) == []


def test_a_law_has_one_best_rule_and_each_level_a_limit(make_spec: MakeSpec) -> None:
    streams = {"restarts": 2, "num_stream": [1000, 2000], "slack_restarts": 3}
    spec = make_spec(search={"trials": 0}, best_in_class=streams)
    trials = next_trials(spec, [])
    where = {
        role: {(t.cell.distortion, t.cell.severity) for t in trials if t.role == role}
        for role in ("best_in_class", "slack", "limit")
    }
    assert where["best_in_class"] == where["slack"] == {("none", 0.0), ("imbalance", 0.9)}
    assert where["limit"] == where["slack"] | {("label_noise", 0.2)}
    counts, nets = Counter(t.role for t in trials), 4
    assert counts["best_in_class"] == 2 * nets * 2 * 2  # laws, streams, restarts
    assert counts["slack"] == 2 * nets * 3
    assert counts["limit"] == 3 * nets * 2  # levels, restarts
    assert {t.cell.num_train for t in trials if t.role == "slack"} == {2000}
    assert {t.cell.num_train for t in trials if t.role == "limit"} == {1000}


def test_what_sizes_share_is_served_by_the_largest_sample(make_spec: MakeSpec) -> None:
    """The search of each cell is told apart by the learning rate that it found."""
    spec = make_spec(families=["linear"], depths=[1], distortions={"label_noise": [0.0, 0.2]})
    records = []
    for trial in planned_trials(spec):
        if trial.role == "search":
            record = record_of(trial)
            rate = trial.cell.num_train * 1e-5 + trial.cell.severity * 1e-2
            record["hyperparameters"] = {**record["hyperparameters"], "learning_rate": rate}
            records.append(record)
    rates = {
        (t.role, t.cell.severity): t.hyperparameters["learning_rate"]  # type: ignore[index]
        for t in next_trials(spec, records)
        if t.role in ("limit", "best_in_class")
    }
    clean, noisy = pytest.approx(0.00128), pytest.approx(0.00328)
    assert rates == {
        ("best_in_class", 0.0): clean,
        ("limit", 0.0): clean,
        ("limit", 0.2): noisy,
    }


DIGITS = {"name": "digits", "classes": [3, 8]}


def test_images_have_no_best_rule_and_one_stream(make_spec: MakeSpec) -> None:
    streams = {"restarts": 2, "num_stream": [1000, 2000], "slack_restarts": 1}
    limit = {"restarts": 3, "num_stream": [500, 4000]}
    populations = [DIGITS, *TABLE["populations"]]
    spec = make_spec(
        populations=populations, search={"trials": 0}, best_in_class=streams, limit=limit
    )
    trials = next_trials(spec, [])
    unknown = [t for t in trials if t.cell.population == "digits(classes=[3, 8])"]
    assert {t.role for t in unknown} == {"measure", "limit"}
    assert {t.cell.num_train for t in unknown if t.role == "limit"} == {4000}
    levels, nets = 3, 4
    assert Counter(t.role for t in unknown)["limit"] == levels * nets * 3
    known = [t for t in trials if t.cell.population == "xor(sigma=0.5)"]
    assert {t.cell.num_train for t in known if t.role == "limit"} == {500, 4000}
    assert {"slack", "best_in_class"} < {t.role for t in known}


def test_no_limit_is_no_limit_where_data_are_divided_anew(make_spec: MakeSpec) -> None:
    """One for each division if there is any; before, 0 was as many as there are seeds."""
    asked: dict[str, Any] = {"populations": [DIGITS], "search": {"trials": 0}, "seeds": 4}
    for restarts, expected in ((0, 0), (1, 4), (6, 6)):
        spec = make_spec(**asked, limit={"restarts": restarts})
        cells = {t.cell for t in next_trials(spec, []) if t.role == "limit"}
        assert bool(cells) == bool(restarts)
        seeds = Counter(t.cell for t in planned_trials(spec) if t.role == "limit")
        assert set(seeds.values()) == ({expected} if expected else set())
        assert total_by_role(spec)["limit"] == expected * len(cells)


FOREST = {"name": "forest", "path": "sklearn.ensemble:RandomForestClassifier", "kind": "sklearn"}


def test_what_has_no_gradient_has_no_best_rule(make_spec: MakeSpec) -> None:
    streams = {"restarts": 2, "num_stream": [1000], "slack_restarts": 1}
    spec = make_spec(
        networks=[FOREST],
        families=["linear", "forest"],
        search={"trials": 0},
        best_in_class=streams,
    )
    roles: dict[str, set[str]] = {"linear": set(), "forest": set()}
    for trial in next_trials(spec, []):
        roles[trial.cell.family].add(trial.role)
    assert roles["linear"] == {"measure", "limit", "best_in_class", "slack"}
    assert roles["forest"] == {"measure", "limit"}
    assert Counter(t.role for t in next_trials(spec, [])) == total_by_role(spec)


def test_the_search_trains_for_the_budget_on_as_much_as_the_cell_has(make_spec: MakeSpec) -> None:
    trials = planned_trials(make_spec())
    searching = [t for t in trials if t.role == "search"]
    assert {(t.budget.unit, t.budget.to_budget, t.budget.at_most) for t in searching} == {
        ("epochs", 4, 4)
    }
    assert {(t.cell.num_train, t.num_validation) for t in searching} == {(64, 64), (128, 128)}
    assert {t.num_validation for t in trials if t.role != "search"} == {None}
    spec = make_spec(search={"trials": 2, "validation_size": 1500})
    assert {t.num_validation for t in next_trials(spec, [])} == {1500}


def test_a_budget_in_steps_reaches_every_trial_of_a_sample(make_spec: MakeSpec) -> None:
    training = {"budget_steps": 50, "max_steps": 400, "ideal": True}
    trials = planned_trials(make_spec(training=training))
    budgets = {(t.role, t.budget.unit, t.budget.to_budget, t.budget.at_most) for t in trials}
    assert budgets == {
        ("search", "steps", 50, 50),
        ("measure", "steps", 50, 400),
        ("ideal", "steps", 50, 50),
        ("best_in_class", "epochs", 1, 1),
        ("limit", "epochs", 1, 1),
    }


def test_the_dry_run_counts_what_the_run_runs(make_spec: MakeSpec) -> None:
    spec = make_spec()
    planned = planned_trials(spec)
    assert Counter(trial.role for trial in planned) == total_by_role(spec)
    records = run_to_end(spec, lambda trials: 0)
    assert planned_trials(spec, records) == []


def test_optional_roles_come_on_request_and_leave_the_others_alone(make_spec: MakeSpec) -> None:
    plain = {t.trial_id for t in next_trials(make_spec(search={"trials": 0}), [])}
    spec = asking(make_spec)
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


def test_a_new_role_is_planned_as_it_is_counted(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles are data: nothing but the table of roles knows that there is one more."""
    extra = Role(
        name="measure_twice",
        scope=Scope.CELL,
        seeds=lambda asked: range(2),
        budget=ROLES["measure"].budget,
    )
    monkeypatch.setattr("study.planning.plan.ROLES", {**ROLES, extra.name: extra})
    spec = make_spec()
    planned = Counter(trial.role for trial in planned_trials(spec, []))
    assert planned == total_by_role(spec)
    assert planned["measure_twice"] == 2 * len(enumerate_cells(spec))


def test_reports_are_cut_alike_on_both_sides_of_the_wall() -> None:
    assert roles.NUM_REPORTS == phases.NUM_REPORTS


def test_folds_are_one_winner_s_on_the_first_measured_sample(make_spec: MakeSpec) -> None:
    spec = make_spec(search={"trials": 2, "repeats": 2}, cross_validation={"folds": 4})
    records = run_to_end(spec, lambda trials: 0)
    assert Counter(r["role"] for r in records)["fold"] == 4 * len(enumerate_cells(spec))
    by_role: dict[str, list[dict[str, Any]]] = {"fold": [], "measure": []}
    for record in records:
        by_role.setdefault(record["role"], []).append(record)
    of_first = {cell_of(r): r["hyperparameters"] for r in by_role["measure"] if r["seed"] == 0}
    assert all(r["hyperparameters"] == of_first[cell_of(r)] for r in by_role["fold"])
    assert {r["num_folds"] for r in by_role["fold"]} == {4}
    trials = planned_trials(make_spec(search={"trials": 0}, cross_validation={"folds": 4}))
    first = next(t for t in trials if t.role == "measure" and t.seed == 0)
    folds = [t for t in trials if t.role == "fold" and t.cell == first.cell]
    for name in ("data", "noise", "damage", "split", "folds", "evaluation"):
        assert {t.streams[name] for t in folds} == {first.streams[name]}
    assert len({t.streams["init"] for t in folds} | {first.streams["init"]}) == 5
    others = planned_trials(make_spec(search={"trials": 0}, cross_validation={"folds": 5}))
    assert not {t.trial_id for t in folds} & {t.trial_id for t in others}


def test_more_folds_than_examples_are_refused(make_spec: MakeSpec) -> None:
    with pytest.raises(SpecError, match=r"cross_validation.folds = 65: allowed are 2 to"):
        make_spec(cross_validation={"folds": 65})
    with pytest.raises(SpecError, match=r"folds = 1: must be 0 \(none\) or from 2"):
        make_spec(cross_validation={"folds": 1})


def test_no_best_rule_is_looked_for_where_the_task_has_none(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An autoencoder beside classifiers, on a law that is known: the rest is as for anybody."""
    space = replace(SPACES["linear"], task="reconstruction")  # it could teach: its task does not
    monkeypatch.setitem(SPACES, "ae", space)
    asked = {**TABLE["best_in_class"], "slack_restarts": 2}
    spec = make_spec(families=["linear", "ae"], best_in_class=asked, variance={"seeds": 2})
    trials = planned_trials(spec)
    by_family = {
        family: Counter(trial.role for trial in trials if trial.cell.family == family)
        for family in spec.families
    }
    assert by_family["linear"].pop("best_in_class") > 0
    assert by_family["linear"].pop("slack") > 0
    assert by_family["ae"] == by_family["linear"]
    assert set(by_family["ae"]) == {"search", "measure", "limit", "variance"}
    assert Counter(trial.role for trial in trials) == total_by_role(spec)

"""The plan of a study whose latent dimension is an axis."""

from collections import Counter
from dataclasses import replace
from typing import Any

from study.engine.handover import to_trial
from study.planning.plan import enumerate_cells, next_trials
from study.trials.trial import cell_of, trial_from_json, trial_to_json
from tests.planning.studies import MakeSpec, run_to_end

AXIS: dict[str, Any] = {"families": ["linear", "vae_svm"], "latent_dims": [2, 8]}


def test_an_axis_is_of_the_families_that_have_it(make_spec: MakeSpec) -> None:
    """The others are in the grid once, as they are in a study without it."""
    plain, along = (enumerate_cells(make_spec(**held)) for held in ({}, AXIS))
    assert {c for c in along if c.family == "linear"} == {c for c in plain if c.family == "linear"}
    dims = Counter(cell.latent_dim for cell in along if cell.family == "vae_svm")
    assert dims == {2: len(along) // 3, 8: len(along) // 3}


def test_every_latent_dimension_has_a_search_of_its_own(make_spec: MakeSpec) -> None:
    """And a U_A; at any sample size, as every depth has."""
    spec = make_spec(**AXIS, depths=[1], distortions={})
    records = run_to_end(spec, lambda trials: len(trials) // 2)
    found = [record for record in records if record["family"] == "vae_svm"]
    searches = Counter(cell_of(record) for record in found if record["role"] == "search")
    cells = [cell for cell in enumerate_cells(spec) if cell.family == "vae_svm"]
    assert searches == dict.fromkeys(cells, 2)
    limits = {(r["num_train"], r["latent_dim"]) for r in found if r["role"] == "limit"}
    assert limits == {(1000, 2), (1000, 8)}


def test_what_an_axis_says_of_a_cell_is_what_its_trials_train_with(make_spec: MakeSpec) -> None:
    spec = make_spec(**AXIS, search={"trials": 0})
    for trial in next_trials(spec, []):
        assert trial.hyperparameters is not None
        assert trial.hyperparameters.get("latent_dim") == trial.cell.latent_dim
    for k in (2, 8):  # of these no search has anything to propose
        assert "latent_dim" not in spec.space_of("vae_svm", latent_dim=k).space


def test_without_an_axis_a_trial_is_what_it_was(make_spec: MakeSpec) -> None:
    """And with it another: the dimension stands in its identity and in what it trains with."""
    (before, *_) = next_trials(make_spec(families=["vae_svm"], search={"trials": 0}), [])
    assert "latent_dim" not in {**before.identity, "hyperparameters": None}
    axis = replace(before, cell=replace(before.cell, latent_dim=8))
    assert axis.identity == {**before.identity, "latent_dim": 8}
    assert cell_of(axis.identity) == axis.cell
    assert cell_of(before.identity) == before.cell
    assert axis.streams == before.streams


CAPACITIES: dict[str, Any] = {
    "families": ["linear", "vgg", "resnet18"],
    "capacity": [0.25, 1, 4.0],
    "search": {"trials": 0},
}


def test_capacities_are_of_the_families_whose_width_a_budget_chooses(make_spec: MakeSpec) -> None:
    """One with a width of its own, or one that was given, is in the grid once."""
    fixed = {"hyperparameters": {"linear": {"width": 5}}}
    held = {name: Counter[Any]() for name in CAPACITIES["families"]}
    for cell in enumerate_cells(make_spec(**CAPACITIES, **fixed)):
        held[cell.family][cell.capacity] += 1
    num = len(enumerate_cells(make_spec(families=["linear"])))
    assert held["vgg"] == {0.25: num, 1.0: num, 4.0: num}
    assert held["linear"] == held["resnet18"] == {None: num}


def test_a_capacity_is_part_of_what_a_trial_is_and_searches_nothing(make_spec: MakeSpec) -> None:
    """Without the axis an identity is what it was; with it even c = 1 is another cell's."""
    plain = make_spec(families=["vgg"], search={"trials": 0})
    (before, *_) = next_trials(plain, [])
    assert "capacity" not in before.identity
    one = replace(before, cell=replace(before.cell, capacity=1.0))
    assert one.identity == {**before.identity, "capacity": 1.0}
    assert cell_of(one.identity) == one.cell
    assert one.streams == before.streams
    assert one.trial_id != before.trial_id
    assert trial_from_json(trial_to_json(one)) == one
    assert to_trial(one, "/nowhere").capacity == to_trial(before, "/nowhere").capacity == 1.0
    assert to_trial(replace(one, cell=replace(one.cell, capacity=0.5)), "/nowhere").capacity == 0.5
    for trial in next_trials(make_spec(**CAPACITIES), []):
        assert trial.hyperparameters == plain.space_of(trial.cell.family).defaults


def test_every_capacity_has_a_limit_and_a_best_rule_of_its_own(make_spec: MakeSpec) -> None:
    trials = next_trials(make_spec(**{**CAPACITIES, "families": ["vgg"]}), [])
    for role in ("limit", "best_in_class"):
        assert {t.cell.capacity for t in trials if t.role == role} == {0.25, 1.0, 4.0}


def test_both_axes_make_a_product(make_spec: MakeSpec) -> None:
    spec = make_spec(**{**CAPACITIES, **AXIS})
    held = {(c.latent_dim, c.capacity) for c in enumerate_cells(spec) if c.family == "vae_svm"}
    assert held == {(k, c) for k in (2, 8) for c in (0.25, 1.0, 4.0)}
    (cell,) = {
        replace(c, depth=1, num_train=64)
        for c in enumerate_cells(spec)
        if (c.latent_dim, c.capacity, c.is_undistorted) == (2, 0.25, True)
    }
    assert cell.title == "vae_svm d1 k=2 c=0.25 xor(sigma=0.5) n=64"


def test_cells_are_in_order_whether_or_not_they_are_on_an_axis(make_spec: MakeSpec) -> None:
    (cell, *_) = enumerate_cells(make_spec())
    none, two, ten = (replace(cell, latent_dim=k) for k in (None, 2, 10))
    axis = [none, two, ten]
    assert sorted([ten, none, two]) == axis
    assert sorted([replace(cell, depth=2), *axis])[-1].depth == 2
    assert axis[2].title == "linear d1 k=10 xor(sigma=0.5) n=64"

"""The plan of a study whose latent dimension is an axis."""

from collections import Counter
from dataclasses import replace
from typing import Any

from study.planning.plan import enumerate_cells, next_trials
from study.trials.trial import cell_of
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


def test_cells_are_in_order_whether_or_not_they_are_on_an_axis(make_spec: MakeSpec) -> None:
    (cell, *_) = enumerate_cells(make_spec())
    none, two, ten = (replace(cell, latent_dim=k) for k in (None, 2, 10))
    axis = [none, two, ten]
    assert sorted([ten, none, two]) == axis
    assert sorted([replace(cell, depth=2), *axis])[-1].depth == 2
    assert axis[2].title == "linear d1 k=10 xor(sigma=0.5) n=64"

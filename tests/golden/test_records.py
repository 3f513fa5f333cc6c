"""No change of the house changes a number: ids, proposals and results are what they were."""

from collections.abc import Callable
from typing import Any

import pytest

from classcomp.experiment import run
from study.engine.handover import to_trial
from study.engine.proposals import propose
from study.planning.plan import is_complete
from study.request.reading import read_spec
from study.request.spec import StudySpec
from study.trials.roles import ROLES, Budget
from study.trials.trial import Cell, TrialSpec, cell_of
from tests.golden.records import STUDIES, assert_same_metrics, golden, timeless

GOLDEN = golden()["studies"]
SPECS = {name: read_spec(study) for name, study in STUDIES.items()}


def records_of(study: str) -> list[dict[str, Any]]:
    return [{"trial_id": i, **record} for i, record in GOLDEN[study].items()]


def trial_of(record: dict[str, Any], spec: StudySpec) -> TrialSpec:
    (population,) = [p for p in spec.populations if p.label == record["population"]]
    unit = "steps" if record.get("budget_steps") is not None else "epochs"
    return TrialSpec(
        role=record["role"],
        cell=cell_of(record),
        population_name=population.name,
        population_parameters=population.parameters,
        seed=record["seed"],
        budget=Budget(unit=unit, to_budget=record[f"budget_{unit}"], at_most=record[f"max_{unit}"]),
        hyperparameters=record["hyperparameters"],
        num_validation=record.get("num_validation"),
    )


@pytest.mark.parametrize("study", SPECS)
def test_ids_are_what_they_were(study: str) -> None:
    for record in records_of(study):
        assert trial_of(record, SPECS[study]).trial_id == record["trial_id"]


@pytest.mark.parametrize("study", SPECS)
def test_no_finished_trial_is_asked_for_again(study: str) -> None:
    records = records_of(study)
    assert is_complete(SPECS[study], records)
    assert not is_complete(SPECS[study], records[:-1])


@pytest.mark.parametrize("study", SPECS)
def test_the_search_proposes_what_it_proposed(study: str) -> None:
    searched: dict[Cell, list[dict[str, Any]]] = {}
    for record in records_of(study):
        if ROLES[record["role"]].is_searched:
            searched.setdefault(cell_of(record), []).append(with_curve(record))
    for cell, found in list(searched.items())[::4]:
        for record in sorted(found, key=lambda r: r["seed"]):
            before = [r for r in found if r["seed"] < record["seed"]]
            proposal = propose(SPECS[study], cell, record["seed"], before)
            # TPE's sums differ in the last digit from one processor to another
            assert proposal == pytest.approx(record["hyperparameters"], rel=1e-12)


def with_curve(record: dict[str, Any]) -> dict[str, Any]:
    """Of a stopped trial the curve is all that the sampler knows."""
    return {**record, "curves": [{"validation_risk": r} for r in record["validation_curve"]]}


def chosen(kind_of: Callable[[dict[str, Any]], tuple[Any, ...]]) -> set[tuple[str, str]]:
    """Of every kind of finished trial the one with the fewest steps, by study and id."""
    found: dict[tuple[Any, ...], tuple[int, str, str]] = {}
    for study in SPECS:
        for record in records_of(study):
            if record["status"] == "done":
                kind, steps = kind_of(record), record["metrics"]["steps"]
                here = (steps, study, record["trial_id"])
                found[kind] = min(found.get(kind, here), here)
    return {(study, trial_id) for _, study, trial_id in found.values()}


CHEAP = chosen(lambda r: (r["role"], r["family"]))
MARKS = {"best_in_class": pytest.mark.slow}
RERUN = CHEAP | chosen(lambda r: (r["role"], r["family"], r["depth"], r["population"]))


@pytest.mark.parametrize(
    ("study", "trial_id"),
    [
        pytest.param(*which, marks=MARKS.get(GOLDEN[which[0]][which[1]]["role"], ()))
        if which in CHEAP
        else pytest.param(*which, marks=pytest.mark.long)
        for which in sorted(RERUN)
    ],
)
def test_a_trial_gives_what_it_gave(study: str, trial_id: str) -> None:
    record = {"trial_id": trial_id, **GOLDEN[study][trial_id]}
    found = run(to_trial(trial_of(record, SPECS[study]), "."))
    assert_same_metrics(timeless(found.metrics), record["metrics"], str(record))

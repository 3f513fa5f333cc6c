"""What a driver keeps of a finished trial is all that it asks of one."""

from collections.abc import Callable
from typing import Any

import pytest

from study.engine import thinning
from study.engine.thinning import RecentlyWhole, thinned
from study.planning.forecast import Forecast
from study.planning.plan import next_trials, seeds_by_cell
from study.planning.progress import describe_progress
from study.request.spec import StudySpec
from tests.small_study import record_of

MakeSpec = Callable[..., StudySpec]


def finished(spec: StudySpec) -> list[dict[str, Any]]:
    """Whatever can start at first, with values that a precision is told by."""
    return [
        record_of(
            trial,
            status="failed" if number % 7 == 6 else "done",
            metrics={"excess_risk": 0.1 + 0.02 * trial.seed, "excess_risk_se": 0.003, "steps": 9},
        )
        for number, trial in enumerate(next_trials(spec, []))
    ]


@pytest.mark.parametrize("num_searched", [0, 2])
def test_the_plan_goes_on_as_if_they_were_whole(num_searched: int, make_spec: MakeSpec) -> None:
    search = {"trials": num_searched, "grace_share": 0.25}
    spec = make_spec(search=search, seeds=5, precision=0.02, max_seeds=30)
    whole = finished(spec)
    thin = [thinned(record) for record in whole]
    assert next_trials(spec, thin) == next_trials(spec, whole)
    assert seeds_by_cell(spec, thin) == seeds_by_cell(spec, whole)
    if not num_searched:
        assert max(seeds_by_cell(spec, thin).values()) > 5, "a precision asks for more"


def test_the_progress_is_told_as_if_they_were_whole(make_spec: MakeSpec) -> None:
    spec = make_spec(search={"trials": 0})
    whole = finished(spec)
    for record in whole:
        record["curves"] = [{"wall_s": 0.4}, {"wall_s": 0.9}]
    thin = [thinned(record) for record in whole]
    forecast = Forecast(spec)
    seen = forecast.look(whole, 2, None)
    assert describe_progress(seen, thin) == describe_progress(seen, whole)
    assert "failed 0" not in describe_progress(seen, thin)
    forecast._looked = float("-inf")  # it looks anew, at what is left of them
    assert forecast.look(thin, 2, None) == seen


def test_a_proposal_keeps_its_curve(make_spec: MakeSpec) -> None:
    """Its search's rungs and Optuna's export are made of it."""
    (proposal, *_) = finished(make_spec())
    proposal["curves"] = [{"validation_risk": 0.2}]
    assert proposal["role"] == "search"
    assert thinned(proposal) == proposal


def test_they_are_whole_for_a_minute(make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(thinning.time, "monotonic", lambda: clock[0])
    records = {r["trial_id"]: r for r in finished(make_spec(search={"trials": 0}))[:3]}
    whole, (first, second, third) = dict(records), records
    kept = RecentlyWhole(records)
    for at, trial_id in ((0.0, first), (50.0, second), (61.0, third)):
        clock[0] = at
        kept.add(whole[trial_id])
    assert records[first] == thinned(whole[first]) != whole[first]
    assert [records[second], records[third]] == [whole[second], whole[third]]

"""Plans that are run to their end, and studies that ask for what is optional."""

from collections.abc import Callable
from typing import Any

from study.planning.plan import next_trials
from study.request.spec import StudySpec
from study.trials.trial import TrialSpec
from tests.small_study import record_of

MakeSpec = Callable[..., StudySpec]


def run_to_end(spec: StudySpec, pick: Callable[[list[TrialSpec]], int]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    while trials := next_trials(spec, records):
        records.append(record_of(trials[pick(trials)]))
        assert len(records) < 10_000
    return records


def asking(make_spec: MakeSpec, **changes: Any) -> StudySpec:
    training = {"budget_epochs": 4, "max_epochs": 30, "ideal": True}
    return make_spec(training=training, variance={"seeds": 2}, search={"trials": 0}, **changes)

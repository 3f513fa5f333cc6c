"""The plan while a study runs gives what the plan as a pure function would, trial by trial."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import compress
from typing import Any

import pytest

from study.planning.agenda import Agenda
from study.planning.plan import next_trials
from study.request.spec import StudySpec
from study.trials.roles import ROLES
from study.trials.selection import Search, search_of
from study.trials.trial import TrialSpec, cell_of
from tests.small_study import record_of

MakeSpec = Callable[..., StudySpec]
SLOTS = 3
PRECISE = {"seeds": 5, "precision": 0.05, "max_seeds": 9}
STUDIES: dict[str, dict[str, Any]] = {
    "searched": {"search": {"trials": 3, "parallel": 2, "grace_share": 0.25}},
    "searched twice": {"search": {"trials": 2, "repeats": 2, "grace_share": 0.25}},
    "every role": {
        "search": {"trials": 2, "grace_share": 0.25},
        "training": {"budget_epochs": 4, "max_epochs": 30, "ideal": True},
        "variance": {"seeds": 2},
        "cross_validation": {"folds": 2},
        "best_in_class": {"restarts": 1, "num_stream": [1000], "slack_restarts": 1},
    },
    "precise": {"search": {"trials": 2, "grace_share": 0.25}, **PRECISE},
    "unsearched and precise": {"search": {"trials": 0}, **PRECISE},
}


def kept(trial: TrialSpec, chance: random.Random) -> dict[str, Any]:
    total = {"excess_risk": chance.uniform(0.0, 0.3), "excess_risk_se": 0.003}
    status = "failed" if chance.random() < 0.1 else "done"
    return record_of(trial, status=status, metrics=total)


def in_all_but_seed(trial: TrialSpec) -> dict[str, Any]:
    return {**trial.identity, "seed": None}


def key(trial: TrialSpec) -> Any:
    return trial.role, trial.cell, trial.seed


def in_turn(
    trials: list[TrialSpec], records: list[dict[str, Any]], flying: list[TrialSpec]
) -> list[TrialSpec]:
    """Measured cells take turns: that with the fewest seeds, finished or in flight, is next."""
    begun = Counter((record["role"], cell_of(record)) for record in records)
    begun.update((trial.role, trial.cell) for trial in flying)
    is_measured = [ROLES[trial.role].is_measured for trial in trials]
    measured = sorted(
        compress(trials, is_measured), key=lambda trial: begun[trial.role, trial.cell]
    )
    taking = iter(measured)
    return [
        next(taking) if of_them else trial
        for trial, of_them in zip(trials, is_measured, strict=True)
    ]


def indexed(records: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[Search, list[Any]]]:
    searched: dict[Search, list[Any]] = defaultdict(list)
    for record in records:
        if ROLES[record["role"]].is_searched:
            searched[search_of(cell_of(record), record["seed"])].append(record)
    return {record["trial_id"]: record for record in records}, searched


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("name", STUDIES)
def test_it_gives_what_is_next(name: str, most: int, make_spec: MakeSpec) -> None:
    """However trials end, in whatever order, and after an interruption.

    Of those that differ in their seeds alone it gives as many at once as it is asked for.
    """
    spec = make_spec(families=["linear", "vgg"], num_train=[64], depths=[1], **STUDIES[name])
    chance = random.Random(name)
    records: list[dict[str, Any]] = []
    flying: list[TrialSpec] = []
    finished, searched = indexed(records)
    agenda, num_taken = Agenda(spec, finished, searched), 0
    while True:
        left = [t for t in next_trials(spec, records) if key(t) not in map(key, flying)]
        expected = in_turn(left, records, flying)
        assert len(agenda) == len(expected)
        if expected and len(flying) < SLOTS:
            taken = agenda.take(most)
            alike = [t for t in expected if in_all_but_seed(t) == in_all_but_seed(expected[0])]
            is_one_by_one = expected[0].role == "search" or expected[0].num_folds
            assert taken == alike[: 1 if is_one_by_one else most]
            flying += taken
            num_taken += len(taken)
            continue
        if not flying:
            break
        trial = flying.pop(chance.randrange(len(flying)))
        if chance.random() < 0.05:
            agenda.put_back(trial)
        elif chance.random() < 0.03:  # another driver goes on
            flying.clear()
            finished, searched = indexed(records)
            agenda = Agenda(spec, finished, searched)
        else:
            record = kept(trial, chance)
            records.append(record)
            finished[record["trial_id"]] = record
            if ROLES[trial.role].is_searched:
                searched[search_of(trial.cell, trial.seed)].append(record)
            agenda.finish(trial)
    assert agenda.take(most) == []
    assert not next_trials(spec, records)
    assert num_taken >= len(records) > 20

"""Seeds trained side by side: each comes to what it comes to alone."""

import math
import time
from dataclasses import replace
from typing import Any

import pytest
import torch

from classcomp.cohort import Cohort
from classcomp.experiment import Experiment
from classcomp.trial import CLOCKS, STREAMS, Trial
from tests.small_trial import TRAINED, experiment_of, finish, trial_of

SEEDS = 3


def trials_of(**changes: Any) -> list[Trial]:
    streams = [
        {name: 100 * seed + number for number, name in enumerate(STREAMS)} for seed in range(SEEDS)
    ]
    # The evaluation sample is that of all seeds, as in a study.
    return [trial_of(streams={**own, "evaluation": 5}, **changes) for own in streams]


def finished(trials: list[Trial]) -> Cohort:
    cohort = Cohort(Experiment(trial, device="cpu") for trial in trials)
    while not cohort.finished:
        cohort.advance()
    return cohort


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"most": 80},  # seeds settle after different numbers of passes
        {"role": "limit", "num_train": 256, "budget": 1, "most": 1},
    ],
)
def test_stacked_seeds_come_to_what_they_come_to_alone(changes: dict[str, Any]) -> None:
    trials = trials_of(**changes)
    cohort = finished(trials)
    assert cohort.reasons == {0: None}
    assert not cohort.errors
    for trial, together in zip(trials, cohort.experiments, strict=True):
        alone = finish(experiment_of(**_fields(trial)))
        expected, found = alone.outcome, together.outcome
        assert found.metrics.keys() == expected.metrics.keys()
        for name in found.metrics.keys() - set(CLOCKS):
            assert found.metrics[name] == pytest.approx(expected.metrics[name], rel=1e-4), name
        assert [p.step for p in found.curves] == [p.step for p in expected.curves]
        losses = [[p.train_loss for p in outcome.curves] for outcome in (found, expected)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
        for name, value in alone.model.state_dict().items():
            torch.testing.assert_close(
                together.model.state_dict()[name], value, rtol=1e-3, atol=1e-5, msg=name
            )


def test_what_draws_is_trained_one_by_one_to_the_same_bits() -> None:
    trials = trials_of(family="vae_svm", num_train=32)
    cohort = finished(trials)
    (reason,) = cohort.reasons.values()
    assert "random" in (reason or "")
    for trial, together in zip(trials, cohort.experiments, strict=True):
        alone = finish(experiment_of(**_fields(trial)))
        for name, value in alone.model.state_dict().items():
            assert torch.equal(together.model.state_dict()[name], value), name


def test_a_seed_that_fails_leaves_the_others() -> None:
    cohort = Cohort(Experiment(trial, device="cpu") for trial in trials_of())
    with torch.no_grad():
        next(cohort.experiments[1].model.parameters()).fill_(math.nan)
    while not cohort.finished:
        cohort.advance()
    assert list(cohort.errors) == [1]
    assert "the training loss became nan" in str(cohort.errors[1])
    assert [e.finished for e in cohort.experiments] == [True, False, True]


def test_seeds_share_the_time_that_they_took() -> None:
    begin = time.process_time()
    cohort = finished(trials_of(most=40))
    took = time.process_time() - begin
    outcomes = [cohort.outcome(place) for place in range(SEEDS)]
    assert 0 < sum(float(found.metrics["cpu_s"] or 0) for found in outcomes) <= took


def test_other_trials_are_refused() -> None:
    first, second, _ = trials_of()
    slower = replace(second, hyperparameters={**TRAINED, "learning_rate": 0.02})
    with pytest.raises(ValueError, match="differ in their streams alone"):
        Cohort([Experiment(first), Experiment(slower)])


def _fields(trial: Trial) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in Trial.__dataclass_fields__}

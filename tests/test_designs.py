"""What each role trains on."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest
import torch

from classcomp.designs import Design, Training, design, population_of
from classcomp.draws import Draws, Presenter
from classcomp.experiment import run
from classcomp.models.base import Batch
from classcomp.trial import Trial
from tests.small_trial import experiment_of, trial_of

BATCH, NUM_TRAIN, EPOCHS = 32, 100, 5
TRAINED = {"learning_rate": 0.01, "weight_decay": 0.0, "batch_size": BATCH}


def trial(
    role: str,
    population: str = "xor",
    rho: float = 0.3,
    *,
    seeds: Mapping[str, int] = MappingProxyType({}),
    **parameters: object,
) -> Trial:
    return trial_of(
        role,
        streams={**trial_of().streams, **seeds},
        population_name=population,
        population_parameters=parameters,
        distortion="label_noise" if rho else "none",
        severity=rho,
        num_train=NUM_TRAIN,
        budget=EPOCHS,
        most=EPOCHS,
        hyperparameters=TRAINED,
    )


def designed(asked: Trial, training: Training | None = None) -> Design:
    population, device = population_of(asked, None), torch.device("cpu")
    draws = Draws(
        population=population,
        present=Presenter(population=population, takes_images=False, device=device),
        device=device,
        streams=asked.streams,
    )
    return design(asked, draws, training or Training(num_stages=1, batch_size=BATCH))


def visited(found: Design) -> Batch:
    """All that the phases visit, pass by pass as a trial asks for it."""
    parts, place = [], 0
    for phase in found.phases:
        done = 0
        while done < phase.num_steps:
            steps = phase.steps_after(done)
            parts.append(found.source.examples(place, steps * phase.batch_size))
            place += steps * phase.batch_size
            done += steps
    targets = [part.targets for part in parts if part.targets is not None]
    return Batch(
        inputs=torch.cat([part.inputs for part in parts]),
        labels=torch.cat([part.labels for part in parts]),
        index=torch.cat([part.index for part in parts]),
        targets=torch.cat(targets) if targets else None,
    )


def share_against_bayes(asked: Trial, batch: Batch) -> float:
    """Of labels that are not the likeliest class of the clean law."""
    eta = population_of(asked, None).posterior(batch.inputs.double().numpy())
    assert eta is not None
    return float((batch.labels.numpy() != eta.argmax(axis=1)).mean())


def test_ideal_never_sees_an_example_twice_and_sees_its_noise() -> None:
    asked = trial("ideal")
    batch = visited(designed(asked))
    assert len(batch) == EPOCHS * 3 * BATCH  # as many whole batches as come nearest to 100
    assert len(batch.inputs.unique(dim=0)) == len(batch)
    assert batch.targets is None  # it learns from labels, as the measured trial does
    # 480 labels flipped with probability .3: disagreement with Bayes is .3 + .4 R* = .318
    wrong = share_against_bayes(asked, batch)
    assert abs(wrong - 0.318) < 4.5 * np.sqrt(0.318 * 0.682 / len(batch))


def test_ideal_takes_the_steps_and_the_rates_of_the_measured_trial() -> None:
    ideal, measured = designed(trial("ideal")), designed(trial("measure"))
    assert ideal.phases == measured.phases
    metrics = run(trial("ideal")).metrics
    assert metrics["steps"] == run(trial("measure")).metrics["steps"] == EPOCHS * 3
    for name in ("risk", "excess_risk", "excess_risk_se", "balanced_risk", "noisy_risk"):
        assert metrics[name] is not None
    assert "converged_risk" not in metrics


def test_ideal_on_real_images_uses_up_the_training_split_before_repeating() -> None:
    asked = trial("ideal", "digits", 0.0, classes=[3, 8])
    inputs = visited(designed(asked)).inputs
    available = population_of(asked, None).num_available("whole_train")
    assert available is not None
    assert len(inputs) == EPOCHS * 3 * BATCH > available
    first = inputs[:available]
    assert len(first.unique(dim=0)) == len(designed(asked).head_examples.inputs.unique(dim=0))


def test_the_limit_learns_the_posterior_of_noisy_labels() -> None:
    asked = trial("limit", sigma=0.5)
    batch = visited(designed(asked))
    assert len(batch) == 3 * BATCH
    assert batch.targets is not None
    # By hand: class 0 of XOR is around (1, 1) and (-1, -1), standard deviations are .5.
    x, y = batch.inputs.double().numpy().T
    log_ratio = np.log(np.cosh((x + y) / 0.25)) - np.log(np.cosh((x - y) / 0.25))
    same = 1 / (1 + np.exp(-log_ratio))
    rows = batch.targets.double().numpy()
    by_hand = 0.7 * np.column_stack((same, 1 - same)) + 0.3 * np.column_stack((1 - same, same))
    np.testing.assert_allclose(rows, by_hand, atol=1e-5)
    assert rows.min() >= 0.3 - 1e-6


def test_labels_of_the_limit_are_noisy_and_those_of_the_best_rule_are_not() -> None:
    many = {"num_train": 8_000}
    wrong = []
    for role in ("limit", "best_in_class"):
        found = experiment_of(
            role,
            population_name="xor",
            population_parameters={"sigma": 0.5, "rendering": "none"},
            distortion="label_noise",
            severity=0.3,
            **many,
        )
        batch = found.design.source.examples(0, 8_000)
        wrong.append(share_against_bayes(trial(role, sigma=0.5), batch))
    # R* = .0445; noisy .3 + .4 R* = .318. Standard errors are .0052 and .0023.
    assert wrong[0] == pytest.approx(0.318, abs=0.023)
    assert wrong[1] == pytest.approx(0.0445, abs=0.011)


def test_no_batch_is_larger_than_the_sample() -> None:
    """As was: a batch of 64 of 20 examples. Nor smaller than it is said to be: no batch of one."""
    for num in (20, 33, 65):
        asked = trial_of(num_train=num, hyperparameters={**TRAINED, "batch_size": 32}, most=40)
        found = designed(asked)
        for phase in found.phases:
            assert phase.batch_size == min(32, num)
            batch = found.source.examples(0, phase.steps_after(0) * phase.batch_size)
            assert len(batch) % phase.batch_size == 0


def test_a_search_is_scored_on_as_many_as_are_asked_for() -> None:
    few = trial_of("search", num_validation=30)
    assert len(designed(few).validation.labels) == 30
    assert len(designed(trial_of("search")).validation.labels) == 64  # as the cell's own sample
    assert designed(few).evaluation is None


def test_the_selection_draw_is_not_the_evaluation_draw() -> None:
    found = designed(trial("measure"))
    both = torch.cat([found.selection.inputs, found.evaluation.inputs])
    assert len(both.unique(dim=0)) == len(both) == 15_000
    digits = designed(trial("measure", "digits", 0.0, classes=[3, 8]))
    assert digits.selection is None
    assert digits.evaluation is not None


def test_an_unknown_role_is_one_clear_line() -> None:
    with pytest.raises(ValueError, match="role = 'resubstitution': allowed are search, measure"):
        designed(trial("resubstitution"))


def test_trials_of_a_block_share_what_their_seeds_share() -> None:
    def outcome(data: int, init: int, order: int) -> Trial:
        return trial("variance", seeds={"data": data, "init": init, "order": order})

    same = designed(outcome(1, 0, 0)).head_examples, designed(outcome(1, 1, 1)).head_examples
    assert torch.equal(same[0].inputs, same[1].inputs)
    assert torch.equal(same[0].labels, same[1].labels)
    other = designed(outcome(0, 0, 0)).head_examples
    assert not torch.equal(same[0].inputs, other.inputs)
    losses = [
        run(outcome(*crossing)).curves[0].train_loss
        for crossing in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    assert len(set(losses)) == 4


def test_folds_are_the_parts_of_the_measured_sample() -> None:
    """100 examples in three parts: 34, 33 and 33, each left out once and scored on."""
    whole = designed(trial("measure")).head_examples
    plans = [designed(dataclasses.replace(trial("fold"), fold=(k, 3))) for k in range(3)]
    parts = [plan.validation for plan in plans]
    assert [len(part.labels) for part in parts if part is not None] == [34, 33, 33]
    left_out = torch.cat([part.inputs for part in parts if part is not None])
    assert rows_of(left_out) == rows_of(whole.inputs)
    for plan, part in zip(plans, parts, strict=True):
        assert part is not None
        kept = plan.head_examples
        assert plan.epoch == len(kept.labels) == NUM_TRAIN - len(part.labels)
        assert rows_of(torch.cat([kept.inputs, part.inputs])) == rows_of(whole.inputs)
        assert not set(rows_of(kept.inputs)) & set(rows_of(part.inputs))
        assert set(rows_of(visited(plan).inputs)) == set(rows_of(kept.inputs))
        assert plan.evaluation is not None
        # labels as noisy as the sample's, example by example
        label = dict(zip(map(tuple, whole.inputs.tolist()), whole.labels.tolist(), strict=True))
        assert [label[tuple(x)] for x in part.inputs.tolist()] == part.labels.tolist()


def test_a_fold_of_damaged_images_is_damaged_anew_at_every_visit() -> None:
    damaged = dataclasses.replace(
        trial("fold", "digits", 0.0), distortion="feature_noise", severity=0.5, fold=(1, 4)
    )
    source = designed(damaged).source
    first, second = source.examples(0, 75), source.examples(75, 75)
    order, again = first.index.argsort(), second.index.argsort()
    assert sorted(first.index.tolist()) == list(range(75))
    apart = (first.inputs[order] - second.inputs[again]).flatten(1)
    assert (apart.abs().amax(dim=1) > 0).all()
    clean = dataclasses.replace(damaged, distortion="none", severity=0.0)
    truth = designed(clean).head_examples.inputs
    assert abs(float((first.inputs[order] - truth).std()) - 0.5) < 0.03


def test_a_trial_of_a_fold_is_scored_on_what_it_left_out() -> None:
    outcome = run(dataclasses.replace(trial("fold"), fold=(0, 5)), device="cpu")
    assert outcome.metrics["validation_risk"] is not None
    assert outcome.metrics["risk"] is not None
    assert "converged_risk" not in outcome.metrics
    assert outcome.curves[-1].epoch == 10 * BATCH / 80, "ten steps of what is left"


def rows_of(inputs: torch.Tensor) -> list[tuple[float, ...]]:
    return sorted(map(tuple, inputs.flatten(1).tolist()))


def test_a_fold_of_blended_images_shows_nothing_of_what_was_left_out() -> None:
    """Overlap blends an example with one of another class: of its own part, on either side."""
    asked = dataclasses.replace(
        trial("fold", "digits", 0.0), distortion="overlap", severity=0.8, fold=(0, 4)
    )
    plan = designed(asked)
    clean = designed(dataclasses.replace(asked, distortion="none", severity=0.0))
    assert plan.validation is not None
    assert clean.validation is not None
    for found, part in (
        (plan.head_examples, clean.head_examples),
        (plan.validation, clean.validation),
    ):
        blended, own = found.inputs.flatten(1), part.inputs.flatten(1)
        partners = (blended - 0.6 * own) / 0.4
        nearest = torch.cdist(partners, own).min(dim=1).values
        assert float(nearest.max()) < 0.01, "others are further than 1"

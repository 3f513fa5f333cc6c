"""Pairs of noisy and clean inputs: whose noise they have, and who sees which."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from classcomp.distortions import distort
from classcomp.draws import Draws, Presenter
from classcomp.noisy_draws import NoisyDraws
from classcomp.populations import make
from tests.small_trial import experiment_of
from tests.tasks.test_denoising import SEEDS

NUM, TAU = 60, 0.5
LAWS = {
    "points": ("two_gaussians", {"delta": 2.0, "rendering": "none"}),
    "digits": ("digits", {"classes": [3, 8]}),
}
BOTH = pytest.mark.parametrize("name", LAWS)


def draws_of(
    name: str, kind: type[Draws] = NoisyDraws, *, distortion: str = "feature_noise", at: float = TAU
) -> Draws:
    known, parameters = LAWS[name]
    population = distort(make(known, **parameters), distortion, at)
    device = torch.device("cpu")
    present = Presenter(population=population, takes_images=name == "digits", device=device)
    return kind(population=population, present=present, device=device, streams=SEEDS)


@BOTH
def test_a_denoiser_is_scored_on_what_a_classifier_of_noisy_inputs_is(name: str) -> None:
    """The same inputs: what is asked of them differs."""
    noisy, plain = draws_of(name).evaluation(), draws_of(name, Draws).evaluation()
    assert torch.equal(noisy.inputs, plain.inputs)
    assert torch.equal(noisy.labels, plain.labels)
    assert (noisy.spread is None) == (name == "digits")


@BOTH
def test_targets_are_the_clean_sample(name: str) -> None:
    draws, clean = draws_of(name), draws_of(name, Draws, distortion="none", at=0.0)
    found, plain = draws.training(NUM), clean.training(NUM)
    assert found.targets is not None
    torch.testing.assert_close(found.targets, plain.inputs)
    noise = (found.inputs - found.targets).flatten()
    assert abs(float(noise.std()) - TAU) < 5 * TAU / (2 * len(noise)) ** 0.5
    assert abs(float(noise.mean())) < 5 * TAU / len(noise) ** 0.5


@BOTH
def test_noise_is_new_at_every_visit_and_targets_are_not(name: str) -> None:
    renew = draws_of(name).renewal(NUM)
    assert renew is not None
    order = np.arange(NUM)
    rounds = [renew(r * NUM, order) for r in range(30)]
    targets = draws_of(name).training(NUM).targets
    assert targets is not None
    for _, seen in rounds:
        assert seen is not None
        assert torch.equal(seen, targets)
    noise = torch.stack([inputs - targets for inputs, _ in rounds]).flatten(1)
    assert len(torch.unique(noise, dim=0)) == 30
    assert abs(float(noise.std()) - TAU) < 5 * TAU / (2 * noise.numel()) ** 0.5
    again, _ = renew(90, order[:7])
    whole, _ = renew(64, np.concatenate([np.zeros(26, dtype=np.int64), order[:7]]))
    assert torch.equal(again, whole[26:])


def test_blended_images_are_renewed_with_their_targets() -> None:
    """Overlap is no noise: what is seen is what is wanted, blended anew."""
    renew = draws_of("digits", distortion="overlap").renewal(NUM)
    assert renew is not None
    first, second = (renew(r * NUM, np.arange(NUM)) for r in range(2))
    for inputs, targets in (first, second):
        assert targets is not None
        assert torch.equal(inputs, targets)
    assert not torch.equal(first[0], second[0])


def test_without_noise_a_law_is_not_renewed() -> None:
    assert draws_of("points", distortion="label_noise", at=0.1).renewal(NUM) is None


def test_streams_have_means_where_the_law_is_known_and_they_are_asked_for() -> None:
    draws = draws_of("points")
    soft, hard = (
        draws.more(20_000, np.random.default_rng(1), noisy=True, is_soft=is_soft)
        for is_soft in (True, False)
    )
    assert soft[2] is not None
    assert hard[2] is not None
    gap = (soft[2] - soft[0]).square().mean()  # E|E[x|z] - z|^2 < E|x - z|^2
    assert float(gap) < 0.5 * TAU**2
    assert float((hard[2] - hard[0]).square().mean()) == pytest.approx(TAU**2, rel=0.05)


def asked(role: str, name: str, **changes: Any) -> Any:
    known, parameters = LAWS[name]
    return experiment_of(
        role,
        family="linear_denoiser",
        population_name=known,
        population_parameters=parameters,
        distortion="feature_noise",
        severity=TAU,
        **changes,
    )


@BOTH
def test_a_fold_shows_nothing_of_what_was_left_out(name: str) -> None:
    whole = asked("measure", name).design
    targets = rows_of(whole.head_examples.targets)
    for number in range(3):
        plan = asked("fold", name, fold=(number, 3)).design
        seen = plan.source.examples(0, 200)
        kept, left = rows_of(plan.head_examples.targets), rows_of(plan.validation.targets)
        assert sorted(kept + left) == targets
        assert set(rows_of(seen.targets)) == set(kept)
        assert not set(kept) & set(left)
        for examples in (plan.head_examples, plan.validation):
            noise = (examples.inputs - examples.targets).flatten()
            assert abs(float(noise.std()) - TAU) < 5 * TAU / (2 * len(noise)) ** 0.5


@BOTH
@pytest.mark.parametrize("role", ["search", "measure", "limit", "ideal"])
def test_whoever_trains_sees_pairs(role: str, name: str) -> None:
    changes = {"num_validation": 20} if role == "search" else {}
    plan = asked(role, name, **changes).design
    batch = plan.source.examples(0, 64)
    assert batch.targets.shape == batch.inputs.shape
    assert plan.head_examples.targets.shape == plan.head_examples.inputs.shape
    if role == "search":
        assert len(plan.validation.targets) == 20
        assert plan.validation.spread is None


def rows_of(inputs: torch.Tensor) -> list[tuple[float, ...]]:
    return sorted(map(tuple, inputs.flatten(1).tolist()))


def test_labels_are_flipped_for_nobody() -> None:
    draws = draws_of("points")
    noisy = dataclasses.replace(draws, population=draws.population.with_label_noise(0.4))
    assert torch.equal(draws.training(NUM).labels, noisy.training(NUM).labels)

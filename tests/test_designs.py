"""What each role trains on: the optional roles."""

import numpy as np
import torch

from classcomp.designs import Design, design, population_of
from classcomp.draws import Draws, presenter
from classcomp.experiment import run
from classcomp.trial import Trial
from search_spaces import SPACES
from study.engine.handover import to_trial
from study.trials.seeds import encode_variance_seed
from study.trials.trial import Cell, TrialSpec

BATCH, NUM_TRAIN, EPOCHS = 32, 100, 5


def trial(
    role: str, population: str = "xor", rho: float = 0.3, seed: int = 0, **parameters: object
) -> Trial:
    cell = Cell(
        family="linear",
        depth=1,
        population=population,
        distortion="label_noise" if rho else "none",
        severity=rho,
        num_train=NUM_TRAIN,
    )
    spec = TrialSpec(
        role=role,
        cell=cell,
        population_name=population,
        population_parameters=parameters,
        seed=seed,
        budget_epochs=EPOCHS,
        max_epochs=EPOCHS,
        hyperparameters={**SPACES["linear"].defaults, "batch_size": BATCH},
    )
    return to_trial(spec, ".")


def designed(asked: Trial, batch_size: int | None = BATCH) -> Design:
    population, device = population_of(asked, None), torch.device("cpu")
    draws = Draws(
        population=population,
        present=presenter(population, False, device),
        device=device,
        streams=asked.streams,
    )
    return design(asked, draws, batch_size=batch_size)


def passes(found: Design) -> tuple[torch.Tensor, torch.Tensor]:
    parts = [found.source.examples(index) for index in range(found.budget_passes)]
    return torch.cat([p.inputs for p in parts]), torch.cat([p.labels for p in parts])


def test_ideal_never_sees_an_example_twice_and_sees_its_noise() -> None:
    asked = trial("ideal")
    found = designed(asked)
    inputs, labels = passes(found)
    assert len(inputs) == EPOCHS * 4 * BATCH  # ceil(100 / 32) steps an epoch
    assert len(inputs.unique(dim=0)) == len(inputs)
    assert not found.decay
    assert found.max_passes == found.budget_passes
    population = population_of(asked, None)
    eta = population.posterior(inputs.double().numpy())
    assert eta is not None
    # 640 labels flipped with probability .3: disagreement with Bayes is .3 + .4 R* = .318
    wrong = float((labels.numpy() != eta.argmax(axis=1)).mean())
    assert abs(wrong - 0.318) < 4.5 * np.sqrt(0.318 * 0.682 / len(labels))


def test_ideal_takes_the_steps_of_the_measured_trial() -> None:
    ideal = run(trial("ideal"))
    measured = run(trial("measure"))
    assert ideal.metrics["steps"] == measured.metrics["steps"] == EPOCHS * 4
    for name in ("risk", "excess_risk", "excess_risk_se", "balanced_risk", "noisy_risk"):
        assert ideal.metrics[name] is not None
    assert "converged_risk" not in ideal.metrics


def test_ideal_on_real_images_uses_up_the_training_split_before_repeating() -> None:
    asked = trial("ideal", "digits", 0.0, classes=[3, 8])
    inputs, _ = passes(designed(asked))
    available = population_of(asked, None).num_available("whole_train")
    assert available is not None
    assert len(inputs) == EPOCHS * 4 * BATCH > available
    first = inputs[:available]
    assert len(first.unique(dim=0)) == len(designed(asked).head_examples.inputs.unique(dim=0))


def test_trials_of_a_block_share_what_their_seeds_share() -> None:
    def outcome(data: int, init: int, order: int) -> Trial:
        return trial("variance", seed=encode_variance_seed(data, init, order))

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

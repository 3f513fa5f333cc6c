"""Learning a posterior in the labels' place."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from classcomp.distortions import flip_labels, noisy_posterior
from classcomp.models import FAMILIES, Batch, Classifier
from classcomp.testing import generator, make
from classcomp.training.best_in_class import zero_one_loss

NUM, CLASSES = 4, 3
POSTERIOR = torch.tensor(
    [[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.3, 0.3, 0.4], [1.0, 0.0, 0.0]], dtype=torch.float64
)


def network(family: str) -> tuple[Classifier, Tensor]:
    """In double precision and in training mode, and inputs for it."""
    shape = (5,) if FAMILIES[family].module.takes == "vectors" else (1, 8, 8)
    model = make(family, 1, shape, CLASSES).rule_of_class(generator(3)).double().train()
    inputs = torch.randn(NUM, *shape, generator=generator(7), dtype=torch.float64)
    return model, inputs


def gradient(model: Classifier, value: Tensor) -> Tensor:
    model.zero_grad()
    value.backward()
    parts = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return torch.cat(parts).clone()


def batch_of(inputs: Tensor, labels: Tensor, targets: Tensor | None) -> Batch:
    return Batch(inputs=inputs, labels=labels, index=torch.arange(NUM), targets=targets)


def labellings() -> list[tuple[Tensor, float]]:
    """All 81 that the four examples can have, each with its probability."""
    found = []
    for labels in product(range(CLASSES), repeat=NUM):
        chance = float(np.prod([float(POSTERIOR[i, y]) for i, y in enumerate(labels)]))
        found.append((torch.tensor(labels), chance))
    assert sum(chance for _, chance in found) == pytest.approx(1)
    return found


@pytest.mark.parametrize("family", ["linear", "vgg", "vae_svm"])
def test_soft_labels_have_the_expected_gradient_of_drawn_ones(family: str) -> None:
    model, inputs = network(family)
    wrong_labels = torch.full((NUM,), 2)  # which targets are to displace
    soft = batch_of(inputs, wrong_labels, POSTERIOR)
    found = gradient(model, model.loss(soft, generator(0)))
    expected = torch.zeros_like(found)
    for labels, chance in labellings():
        if chance > 0:
            hard = batch_of(inputs, labels, None)
            expected += chance * gradient(model, model.loss(hard, generator(0)))
    assert found.abs().max() > 1e-3
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("family", [n for n, f in FAMILIES.items() if f.task == "classification"])
def test_every_family_has_a_network_of_its_rules(family: str) -> None:
    """U_H is sought in it: labels reach the encoder, as they do not in a VAE."""
    model, inputs = network(family)
    assert model.predict(inputs).shape == (NUM,)  # no head to be fitted first
    zero_one_loss(model(inputs), POSTERIOR).backward()
    untouched = [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0
    ]
    assert not untouched
    assert len(model.objectives()) == 1
    assert model.objectives()[0].loss == model.loss


@pytest.mark.parametrize("family", ["vae_svm", "vae_kmeans"])
def test_a_vae_s_rules_are_its_encoder_s_with_a_linear_head(family: str) -> None:
    vae = make(family, 1, (6,), CLASSES).eval()
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    network, twin, other = (vae.rule_of_class(generator(s)).eval() for s in (1, 1, 2))
    inputs = torch.randn(NUM, 6, generator=generator(7))
    by_hand = vae.features(inputs) @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network(inputs), by_hand)
    assert torch.equal(network.classifier.weight, twin.classifier.weight)
    assert not torch.equal(network.classifier.weight, other.classifier.weight)
    assert {id(p) for p in network.encoder.parameters()} == {
        id(p) for p in vae.encoder.parameters()
    }
    for name, value in vae.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_targets_go_where_their_examples_go() -> None:
    batch = batch_of(torch.arange(4.0)[:, None], torch.arange(4), POSTERIOR)
    torch.testing.assert_close(batch.part(1, 3).targets, POSTERIOR[1:3])
    torch.testing.assert_close(batch.at(torch.tensor([3, 0])).targets, POSTERIOR[[3, 0]])
    assert batch_of(batch.inputs, batch.labels, None).at(torch.tensor([1])).targets is None


@pytest.mark.parametrize("rho", [0.0, 0.2, 0.45])
@pytest.mark.parametrize("row", [(0.1, 0.9), (0.6, 0.3, 0.1), (1.0, 0.0, 0.0, 0.0)])
def test_a_noisy_posterior_is_how_often_flipped_labels_occur(
    row: tuple[float, ...], rho: float
) -> None:
    num, classes, rng = 200_000, len(row), np.random.default_rng(0)
    clean = rng.choice(classes, num, p=row)
    occur = np.bincount(flip_labels(clean, rho, classes, rng), minlength=classes) / num
    (found,) = noisy_posterior(np.array([row]), rho)
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, occur, atol=5 * np.sqrt(0.25 / num))

"""Learning errors measured as the field does: train, draw a test sample, count its wrong labels.

Nothing here is the engine's but the networks and how a point is drawn as an image: laws are
sampled, networks trained and errors counted by code of its own, so that `precision.py` can hold one
way against the other. The training is the same procedure: AdamW, batches of shuffled rounds, the
rate falling to zero over the last steps.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from classcomp.models import FAMILIES, build
from classcomp.models.base import Classifier
from classcomp.populations import Population, make

NUM_TEST = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A cell as the field knows it.

    Attributes:
        family: of the network.
        law: `xor` or `gaussian_images`.
        parameters: of the law.
        label_noise: share of training labels that are flipped.
        hyperparameters: learning_rate, weight_decay, batch_size.
    """

    family: str
    law: str
    parameters: Mapping[str, Any]
    label_noise: float
    hyperparameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """A trained network's share of wrong test labels, and the CPU seconds that it took."""

    risk: float
    seconds: float


def drawn(setting: Setting, num: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points or images `(num, ...)` and their clean labels `(num,)`."""
    held = setting.parameters
    if setting.law == "xor":
        labels = rng.integers(0, 2, num)
        first = rng.choice([-1.0, 1.0], num)
        means = np.stack([first, np.where(labels == 0, first, -first)], axis=1)
        return means + held["sigma"] * rng.standard_normal((num, 2)), labels
    assert setting.law == "gaussian_images"
    labels = rng.integers(0, 2, num)
    side = (num, 1, held["size"], held["size"])
    sd = np.where(labels == 0, held["sigma0"], held["sigma1"])[:, None, None, None]
    mean = np.where(labels == 0, held["mu0"], held["mu1"])[:, None, None, None]
    return mean + sd * rng.standard_normal(side), labels


def trained(setting: Setting, *, num: int, steps: int, cooldown: int, seed: int) -> Scored:
    """Train on `num` drawn examples, score on NUM_TEST others, all of this network's own.

    Args:
        setting: the cell.
        num: training examples.
        steps: of the optimizer, the cooldown included.
        cooldown: last steps, over which the rate falls to zero.
        seed: of everything that is drawn.
    """
    begin = time.process_time()
    rng = np.random.default_rng([seed, 7])
    population = make(setting.law, **setting.parameters)
    x, labels = drawn(setting, num, rng)
    wrong = rng.random(num) < setting.label_noise
    inputs, targets = (
        as_seen(population, setting.family, x),
        torch.from_numpy(np.where(wrong, 1 - labels, labels)),
    )
    model = _network(setting.family, population, seed)
    _fit(model, inputs, targets, setting.hyperparameters, steps, cooldown, rng)
    x, labels = drawn(setting, NUM_TEST, rng)
    model.eval()
    with torch.no_grad():
        parts = as_seen(population, setting.family, x).split(2_000)
        chosen = torch.cat([model(part).argmax(dim=1) for part in parts]).numpy()
    return Scored(risk=float((chosen != labels).mean()), seconds=time.process_time() - begin)


def _fit(
    model: Classifier,
    inputs: Tensor,
    targets: Tensor,
    held: Mapping[str, Any],
    steps: int,
    cooldown: int,
    rng: np.random.Generator,
) -> None:
    size = int(held["batch_size"])
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=held["learning_rate"], weight_decay=held["weight_decay"], fused=True
    )
    model.train()
    order = np.empty(0, dtype=np.int64)
    for step in range(steps):
        if len(order) < size:
            order = np.concatenate([order, rng.permutation(len(targets))])
        chosen, order = torch.from_numpy(order[:size]), order[size:]
        rate = min(1.0, (steps - step) / cooldown)
        optimizer.param_groups[0]["lr"] = held["learning_rate"] * rate
        optimizer.zero_grad()
        F.cross_entropy(model(inputs[chosen]), targets[chosen]).backward()
        optimizer.step()


def _network(family: str, population: Population, seed: int) -> Classifier:
    images = FAMILIES[family].takes == "images"
    model = build(
        family,
        depth=1,
        input_shape=population.image_shape if images else population.vector_shape,
        num_classes=2,
        hyperparameters={},
        generator=torch.Generator().manual_seed(seed),
    )
    return model.to(memory_format=torch.channels_last) if images else model


def as_seen(population: Population, family: str, x: np.ndarray) -> Tensor:
    """Points or images as a family takes them, float32."""
    images = FAMILIES[family].takes == "images"
    shown = population.images(x) if images else population.vectors(x)
    tensor = torch.from_numpy(np.ascontiguousarray(shown, dtype=np.float32))
    return tensor.contiguous(memory_format=torch.channels_last) if images else tensor

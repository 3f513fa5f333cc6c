"""What a law that was fitted to images gives, beside images of the set that it was fitted to."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float

from classcomp.exhibits.images import kept_images
from classcomp.populations import FittedImages, Population, Sample, make
from classcomp.populations.staging import is_on_machine

PER_CLASS = 10
MOST_ROUNDS, ROUND = 20, 256
"""Draws until every class has so many images; a class that is too rare makes the rows shorter."""


def fitted_arrays(population: Population, *, seed: int) -> dict[str, np.ndarray]:
    """`fitted/drawn` (K, S, C, H, W), and `fitted/real` likewise, undistorted; or neither.

    Real ones only where the set is on this machine already: nothing is downloaded to be looked at.
    """
    if not isinstance(population, FittedImages):
        return {}
    rng, num_classes = np.random.default_rng(seed), population.num_classes
    rows = {"drawn": _by_class(lambda num: population.sample(num, rng), num_classes)}
    dataset = population.fit.wanted.dataset
    if is_on_machine(dataset):
        real = make(dataset, classes=list(population.classes))
        num = min(MOST_ROUNDS * ROUND, real.num_available("test") or ROUND)
        rows["real"] = _by_class(lambda _: real.sample(num, rng), num_classes, rounds=1)
    across = min(len(images) for held in rows.values() for images in held)
    if across == 0:
        return {}
    kept = {
        name: kept_images(torch.from_numpy(np.concatenate([images[:across] for images in held])))
        for name, held in rows.items()
    }
    return {
        f"fitted/{name}": images.reshape(num_classes, across, *images.shape[1:])
        for name, images in kept.items()
    }


def _by_class(
    draw: Callable[[int], Sample], num_classes: int, *, rounds: int = MOST_ROUNDS
) -> list[Float[np.ndarray, " n *shape"]]:
    """The first images of each class, at most PER_CLASS."""
    drawn = [draw(ROUND)]
    while len(drawn) < rounds:
        labels = np.concatenate([sample.labels for sample in drawn])
        if np.bincount(labels, minlength=num_classes).min() >= PER_CLASS:
            break
        drawn.append(draw(ROUND))
    x = np.concatenate([sample.x for sample in drawn])
    labels = np.concatenate([sample.labels for sample in drawn])
    return [x[labels == k][:PER_CLASS] for k in range(num_classes)]

"""Fitted images that tests look at."""

import numpy as np

from classcomp.distortions import distort
from classcomp.populations import FittedImages, make

COATS = {"dataset": "fashion_mnist", "classes": [2, 4], "components": 8}
DIGITS = {"dataset": "digits", "classes": [8, 3, 9], "dims": 4, "components": 3}


def fitted(distortion: str = "none", severity: float = 0.0, **given: object) -> FittedImages:
    found = distort(make("fitted_images", **given), distortion, severity)
    assert isinstance(found, FittedImages)
    return found


def drawn(population: FittedImages, num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    sample = population.sample(num, np.random.default_rng(seed))
    return sample.x, sample.labels

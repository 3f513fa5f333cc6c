"""The ways in which a population is damaged, each with its exact range of severities.

And those in which images of its training samples are corrupted (`classcomp.corruption`).
"""

import numpy as np
from jaxtyping import Float, Int

from classcomp.corruption import CORRUPTIONS, check_pixels
from classcomp.populations.base import (
    Population,
    check_feature_noise,
    check_label_noise,
    check_number,
    check_overlap,
    check_shift,
)

DISTORTIONS = ("label_noise", "feature_noise", "imbalance", "overlap", "shift")
"""Of a population; `CORRUPTIONS` are of its training samples alone."""
MISSING = "missing_pixels"
"""Not seen by anybody, in training and where a rule is scored; `classcomp.gappy_draws`."""
NEUTRAL = {
    name: 0.5 if name == "imbalance" else 0.0 for name in (*DISTORTIONS, MISSING, *CORRUPTIONS)
}


def check_severity(name: str, severity: float) -> None:
    """Raise ValueError, in one line, unless `name` is a distortion and takes this severity.

    label_noise in [0, 1/2), feature_noise >= 0, imbalance in (0, 1), overlap in [0, 1), shift a
    whole number of pixels, missing_pixels in [0, 1); of what corrupts training images the share of
    these, in [0, 1).
    """
    if name == "label_noise":
        check_label_noise(severity)
    elif name == "feature_noise":
        check_feature_noise(severity)
    elif name == "imbalance":
        check_number("imbalance", severity, low=0, high=1)
    elif name == "overlap":
        check_overlap(severity)
    elif name == "shift":
        check_shift(severity)
    elif name in (MISSING, *CORRUPTIONS):
        check_number(name, severity, low=0, high=1, closed_low=True)
    else:
        raise ValueError(f"distortion {name!r} is unknown: must be one of {_names()}")


def distort(population: Population, name: str, severity: float) -> Population:
    """The population under one distortion; "none" and neutral severities return it unchanged.

    Imbalance pi multiplies the prior odds of class 1 against every other class by pi/(1-pi): in a
    balanced two-class law, pi is the prior of class 1. Missing pixels are no damage to the law, and
    are left out of what is drawn of it (`classcomp.gappy_draws`); what corrupts training images
    (`classcomp.corruption`) is none either.

    Raises:
        ValueError: the name is unknown, the severity is out of its range, or it is of images and
            there are none.
    """
    if name == "none":
        return population
    check_severity(name, severity)
    if severity == NEUTRAL[name]:
        return population
    if name == MISSING:
        if population.image_shape is None:
            raise ValueError(f"{population.label} has no pixels: must be images, or be rendered")
        return population
    if name in CORRUPTIONS:
        check_pixels(name, population)
        return population
    if name == "label_noise":
        return population.with_label_noise(severity)
    if name == "feature_noise":
        return population.with_feature_noise(severity)
    if name == "imbalance":
        return population.with_imbalance(severity / (1 - severity))
    if name == "overlap":
        return population.with_overlap(severity)
    if name == "shift":
        return population.with_shift(severity)
    raise ValueError(f"distortion {name!r} has no law: it is known to check_severity alone")


def flip_labels(
    labels: Int[np.ndarray, " n"], rho: float, num_classes: int, rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """Each label becomes, with probability `rho`, a uniformly drawn other class.

    One stream flips nested sets: what flips at a smaller rho flips, to the same class, at a
    larger one.
    """
    flips = rng.random(len(labels)) < rho
    other = (labels + rng.integers(1, num_classes, size=len(labels))) % num_classes
    return np.where(flips, other, labels)


def noisy_posterior(
    posterior: Float[np.ndarray, "n classes"], rho: float
) -> Float[np.ndarray, "n classes"]:
    """Class probabilities of labels flipped as by `flip_labels`, from those of clean ones."""
    num_classes = posterior.shape[1]
    kept = 1 - rho * num_classes / (num_classes - 1)
    noised: np.ndarray = posterior * kept + rho / (num_classes - 1)
    return noised


def noisy_risk(risk: float, rho: float, num_classes: int) -> float:
    """0-1 risk against labels flipped with probability `rho`, from the risk against clean ones.

    rho + (1 - rho K/(K-1)) risk; two classes: rho + (1 - 2 rho) risk.
    """
    return rho + (1 - rho * num_classes / (num_classes - 1)) * risk


def _names() -> str:
    return ", ".join(NEUTRAL)

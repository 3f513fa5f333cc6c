"""Laws of (x, y): synthetic ones with posterior and Bayes risk, and real data."""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from classcomp.populations.base import SPLITS, BayesRisk, Population, Sample
from classcomp.populations.fitted_images import fitted_images
from classcomp.populations.gaussian_images import GaussianImages, gaussian_images
from classcomp.populations.gaussian_mixture import (
    GaussianMixture,
    checkerboard,
    concentric,
    gaussians,
    two_gaussians,
    xor,
)
from classcomp.populations.image_mixtures import FittedImages
from classcomp.populations.named import cifar10, digits, fashion_mnist, mnist, other_classes
from classcomp.populations.own import Carried, arrays, carried, image_folder
from classcomp.populations.real import RealData, resplit
from classcomp.populations.staging import DataUnavailable

POPULATIONS: dict[str, Callable[..., Population] | str] = {
    "two_gaussians": two_gaussians,
    "gaussians": gaussians,
    "xor": xor,
    "concentric": concentric,
    "checkerboard": checkerboard,
    "gaussian_images": gaussian_images,
    "fitted_images": fitted_images,
    "digits": digits,
    "fashion_mnist": fashion_mnist,
    "mnist": mnist,
    "cifar10": cifar10,
    "arrays": arrays,
    "image_folder": image_folder,
    "teacher": "classcomp.teachers:teacher",
}
"""What makes a population, or where it is: a teacher is a network, of a layer above this one."""

__all__ = [
    "POPULATIONS",
    "SPLITS",
    "BayesRisk",
    "Carried",
    "DataUnavailable",
    "FittedImages",
    "GaussianImages",
    "GaussianMixture",
    "Population",
    "RealData",
    "Sample",
    "carried",
    "make",
    "other_classes",
    "resplit",
]


def make(name: str, *, data_dir: str | Path | None = None, **params: Any) -> Population:
    """Build a population by name.

    Args:
        name: a key of POPULATIONS.
        data_dir: where real data lie; no part of a population's identity, ignored by synthetic
            ones and a user's own. The named sets are looked for at first use, not here: see
            `staging.stage`; a user's own data are read here, once per process, and a fit of
            `fitted_images` that is not shipped is made here, once per machine.
        **params: the population's parameters.

    Raises:
        ValueError: the name or a parameter is unknown, missing or out of range.
    """
    if name not in POPULATIONS:
        raise ValueError(f"population {name!r} is unknown: must be one of {', '.join(POPULATIONS)}")
    factory = _factory(name)
    known = inspect.signature(factory).parameters
    allowed = [key for key in known if key != "data_dir"]
    for key in params:
        if key not in allowed:
            raise ValueError(f"{name}: parameter {key!r} is unknown: {_choices(allowed)}")
    for key in allowed:
        if known[key].default is inspect.Parameter.empty and key not in params:
            raise ValueError(f"{name}: parameter {key!r} is missing: {_choices(allowed)}")
    if "data_dir" in known:
        params = params | {"data_dir": data_dir}
    try:
        return factory(**params)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _factory(name: str) -> Callable[..., Population]:
    held = POPULATIONS[name]
    if not isinstance(held, str):
        return held
    module, _, attribute = held.partition(":")
    factory: Callable[..., Population] = getattr(import_module(module), attribute)
    return factory


def _choices(allowed: list[str]) -> str:
    return f"it takes {', '.join(allowed)}"

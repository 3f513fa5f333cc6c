"""The population `teacher`: labels drawn from the softmax of a frozen network.

The Bayes rule is that network's own decision, so that it lies in the family at this depth and what
a student of the same family and depth loses is not its architecture's fault. No torch here: a
teacher is described at once and built when it is first drawn from (`classcomp.teachers.frozen`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64

from classcomp.populations import Population, make
from classcomp.populations.base import (
    BayesRisk,
    Embeds,
    Restored,
    Sample,
    canonical_label,
    check_feature_noise,
    check_integer,
    check_label_noise,
    check_num,
    check_number,
    check_odds,
    check_overlap,
    check_shift,
    check_split,
    combine_label_noise,
    named_seed,
    tilt_prior,
)
from classcomp.teachers.network import Network
from search_spaces import SPACES

TEACHING_FAMILIES = tuple(name for name, space in SPACES.items() if space.teaches)
"""The families of logits that gradients train."""
NUM_MONTE_CARLO = 2**16
"""Inputs that Bayes risk and priors are averaged over: a standard error of .0006 or less, in
seconds. Excess risks do not depend on it: they are averaged on the evaluation sample itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Teacher:
    """A `Population` (see populations/base.py): y drawn from softmax(logits / temperature).

    Attributes:
        label: name and parameters of the undistorted law.
        network: what the teacher is.
        temperature: divides its logits.
        odds: of class 1 against every other class, relative to the undistorted law.
        label_noise: flip probability of training labels.
    """

    label: str
    network: Network
    temperature: float
    odds: float = 1.0
    label_noise: float = 0.0

    @property
    def num_classes(self) -> int:
        return self.network.num_classes

    @property
    def prior(self) -> Float64[np.ndarray, " classes"]:
        """Means of `NUM_MONTE_CARLO` posteriors: there is no closed form."""
        return tilt_prior(_posteriors(self.network, self.temperature).mean(axis=0), self.odds)

    @property
    def vector_shape(self) -> tuple[int, ...]:
        return self.network.vector_shape

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        return self.network.image_shape

    @property
    def has_unit_pixels(self) -> bool:
        return self.network.has_unit_pixels

    @property
    def has_pixels(self) -> bool:
        return self.network.has_pixels

    @property
    def pixel_range(self) -> tuple[float, float]:
        return self.network.pixel_range

    def sample(self, num: int, rng: np.random.Generator, *, split: str = "test") -> Sample:
        """Draw inputs, then labels; under imbalance classes are kept as often as they should be."""
        check_split(split)
        check_num(num)
        keep = self._weights() / self._weights().max()
        inputs: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        missing = num
        while missing > 0 or not inputs:
            x = self.network.inputs(missing, rng)
            y = _drawn(_softmax(_logits(self.network, x) / self.temperature), rng)
            if self.odds != 1.0:
                kept = rng.random(len(y)) < keep[y]
                x, y = x[kept], y[kept]
            inputs.append(x)
            labels.append(y)
            missing -= len(y)
        return Sample(x=np.concatenate(inputs), labels=np.concatenate(labels))

    def num_available(self, split: str) -> int | None:
        check_split(split)
        return None

    def posterior(self, x: Float[np.ndarray, " n *shape"]) -> Float64[np.ndarray, "n classes"]:
        tilted = _logits(self.network, x) / self.temperature + np.log(self._weights())
        return _softmax(tilted)

    def log_density(self, x: Float[np.ndarray, " n *shape"]) -> Float64[np.ndarray, " n"] | None:
        """Under imbalance the law's norm is known as well as `prior` is."""
        log_density = self.network.log_density(x)
        if log_density is None or self.odds == 1.0:
            return log_density
        untilted = replace(self, odds=1.0)
        norm = untilted.prior @ self._weights()
        tilted: np.ndarray = log_density + np.log(untilted.posterior(x) @ self._weights() / norm)
        return tilted

    def seen_mixture(self) -> Embeds | None:
        """That of its inputs' law, as long as imbalance does not thin it."""
        return self.network.seen_mixture() if self.odds == 1.0 else None

    def bayes_risk(self) -> BayesRisk:
        """E[1 - max_k eta_k(x)] over `NUM_MONTE_CARLO` inputs of a fixed seed."""
        return _bayes_risk(self.network, self.temperature, self.odds)

    @property
    def feature_noise(self) -> float:
        return 0.0

    def without_feature_noise(self) -> "Teacher":
        return self

    def restored(self, x: Float[np.ndarray, " n *shape"], *, as_images: bool) -> Restored:
        """Inputs as they are: they have no noise."""
        shown = self.images(x) if as_images else self.vectors(x)
        return Restored(mean=shown, spread=np.zeros(len(x)))

    def least_error(self, *, as_images: bool) -> BayesRisk:
        return BayesRisk(value=0.0, standard_error=0.0)

    def vectors(self, x: Float[np.ndarray, " n *shape"]) -> Float32[np.ndarray, "n d"]:
        return self.network.vectors(x)

    def images(self, x: Float[np.ndarray, " n *shape"]) -> Float32[np.ndarray, "n c h w"]:
        return self.network.images(x)

    def with_feature_noise(self, tau: float) -> "Teacher":
        """Only tau = 0: nobody knows the posterior of a network's noisy input."""
        if check_feature_noise(tau) != 0:
            raise ValueError(f"a teacher's posterior is lost by feature_noise = {tau!r}: only 0")
        return self

    @property
    def undistorted(self) -> "Teacher":
        return replace(self, odds=1.0)

    def with_imbalance(self, odds: float) -> "Teacher":
        return replace(self, odds=self.odds * check_odds(odds))

    def with_overlap(self, s: float) -> "Teacher":
        """Only s = 0: a teacher's classes have no centres to draw together."""
        if check_overlap(s) != 0:
            raise ValueError(f"a teacher's classes have no means, overlap = {s!r}: only 0")
        return self

    def with_shift(self, most: float) -> "Teacher":
        """Only 0: nobody knows the posterior of an image that a network saw elsewhere."""
        if check_shift(most) != 0:
            raise ValueError(f"a teacher's posterior is lost by shift = {most:g}: only 0")
        return self

    def with_label_noise(self, rho: float) -> "Teacher":
        total = combine_label_noise(self.label_noise, check_label_noise(rho), self.num_classes)
        return replace(self, label_noise=total)

    def _weights(self) -> Float64[np.ndarray, " classes"]:
        return _weights(self.num_classes, self.odds)


def teacher(
    family: str,
    depth: int = 1,
    size: int | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    trained_on: str | Mapping[str, Any] = "none",
) -> Teacher:
    """Labels of a frozen network of a family of ours, its width the one that students get.

    A random teacher has K = 2, inputs of `size` x `size` pixels N(0, 1), and logits whose
    difference has mean 0 and standard deviation 3 (`frozen.LOGIT_SD`): R* is about .166 at
    temperature 1, whatever the family.

    Args:
        family: one of `TEACHING_FAMILIES`.
        depth: of the network.
        size: pixels per side, 4 to 64, 8 by default; of a trained teacher that of its law.
        temperature: divides the logits; above 1 the classes overlap more.
        seed: of the network.
        trained_on: "none" for a random network, else the name of a population whose law is
            known, or a table of its name and parameters. Inputs then come from that law.

    Raises:
        ValueError: a parameter is out of range.
    """
    seed = check_integer("seed", seed, low=0)
    temperature = check_number("temperature", temperature, low=0)
    law = None if trained_on == "none" else _named(trained_on)
    if law is None:
        size = check_integer("size", 8 if size is None else size, low=4, high=64)
    elif size is not None and (law.image_shape is None or law.image_shape[1:] != (size, size)):
        raise ValueError(f"size = {size!r}: a trained teacher has the size of {law.label}")
    network = _network(family, depth, seed, size if law is None else None, law)
    parameters = {
        "family": family,
        "depth": network.depth,
        "size": network.size,
        "temperature": None if temperature == 1.0 else temperature,
        "seed": seed,
        "trained_on": None if law is None else law.label,
    }
    label = canonical_label("teacher", parameters)
    return Teacher(label=label, network=network, temperature=temperature)


def teacher_on(
    population: Population, *, family: str, depth: int, capacity: float = 1.0, seed: int = 0
) -> Teacher:
    """The teacher of a family, depth and capacity, trained on a given law, its distortion included.

    Label noise is none of the law's. The network is trained when it is first needed, once per
    process (some seconds to a minute).

    Raises:
        ValueError: the family has no teachers, or the law is unknown or out of its reach.
    """
    network = replace(_network(family, depth, seed, None, population), capacity=capacity)
    parameters = {
        "family": family,
        "depth": depth,
        "capacity": None if capacity == 1.0 else capacity,
        "seed": seed,
        "trained_on": population.label,
    }
    return Teacher(label=canonical_label("teacher", parameters), network=network, temperature=1.0)


def _named(trained_on: Any) -> Population:
    wanted = {"name": trained_on} if isinstance(trained_on, str) else trained_on
    if not isinstance(wanted, Mapping) or not isinstance(wanted.get("name"), str):
        raise ValueError(
            f"trained_on = {trained_on!r}: must be 'none', a population's name, or a table of "
            "its name and parameters"
        )
    return make(**wanted)


def _network(
    family: str, depth: int, seed: int, size: int | None, law: Population | None
) -> Network:
    if family not in TEACHING_FAMILIES:
        raise ValueError(f"family = {family!r}: teachers are {', '.join(TEACHING_FAMILIES)}")
    depth = check_integer("depth", depth, low=1, high=8)
    network = Network(family=family, depth=depth, seed=seed, size=size, trained_on=law)
    if law is not None and law.num_available("train") is not None:
        raise ValueError(f"trained_on = {law.label}: its posterior must be known")
    if network.takes_images and (network.image_shape is None or min(network.image_shape[1:]) < 4):
        raise ValueError(f"trained_on: {family} takes images of 4 pixels or more, there are none")
    return network


def _logits(
    network: Network, x: Float[np.ndarray, " n *shape"]
) -> Float64[np.ndarray, "n classes"]:
    from classcomp.teachers.frozen import logits  # torch: only whoever draws has need of it

    return logits(network, x)


def _weights(num_classes: int, odds: float) -> Float64[np.ndarray, " classes"]:
    weights = np.ones(num_classes)
    weights[1] = odds
    return weights


def _softmax(logits: Float64[np.ndarray, "n classes"]) -> Float64[np.ndarray, "n classes"]:
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    posterior: np.ndarray = likely / likely.sum(axis=1, keepdims=True)
    return posterior


def _drawn(eta: Float64[np.ndarray, "n classes"], rng: np.random.Generator) -> np.ndarray:
    """One class per row, by inverse distribution function."""
    edges = np.cumsum(eta, axis=1)[:, :-1]
    drawn: np.ndarray = (rng.random(len(eta))[:, None] >= edges).sum(axis=1, dtype=np.int64)
    return drawn


@lru_cache(maxsize=16)
def _posteriors(network: Network, temperature: float) -> Float64[np.ndarray, "n classes"]:
    rng = np.random.default_rng(named_seed("teacher", network.family, network.depth, network.seed))
    eta = _softmax(_logits(network, network.inputs(NUM_MONTE_CARLO, rng)) / temperature)
    eta.flags.writeable = False
    return eta


@lru_cache(maxsize=256)
def _bayes_risk(network: Network, temperature: float, odds: float) -> BayesRisk:
    """Of the tilted law from draws of the untilted one, each weighing as much as it gained."""
    joint = _posteriors(network, temperature) * _weights(network.num_classes, odds)
    mass = joint.sum(axis=1)
    lost = mass - joint.max(axis=1)
    value = lost.sum() / mass.sum()
    # A ratio of two means, by the delta method.
    error = np.std(lost - value * mass, ddof=1) / mass.mean() / np.sqrt(len(mass))
    return BayesRisk(value=float(value), standard_error=float(error))

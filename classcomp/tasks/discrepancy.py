"""Maximum mean discrepancy between what a model generates and a law (Gretton et al. 2012)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from classcomp.populations import Population, RealData
from classcomp.populations.base import Embeds
from classcomp.tasks.feature_network import image_features

NUM_FOR_BANDWIDTH = 4_096
"""Draws of a law without a closed form, or training examples, that its bandwidth comes from."""
FEWEST = 3
"""Examples of which the jackknife knows a spread."""
BLOCK = 256
"""Rows of a matrix of kernel values that are held at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Yardstick:
    """How far laws of x lie from a population's: a function of the population alone.

    Attributes:
        sees_features: whether x is seen as the frozen network's features: of real images.
        bandwidth: s of the kernel exp(-|x - y|^2 / (2 s^2)), in the unit of what is seen: s^2 is
            the trace of its covariance under the undistorted law, half the mean squared distance
            of two examples, so that the kernel of two at that distance is 1/e.
        mixture: the law where it has a closed form.
    """

    sees_features: bool
    bandwidth: float
    mixture: Embeds | None

    def see(self, inputs: Float[Tensor, " n *shape"]) -> Float[Tensor, "n D"]:
        """What inputs are compared by, float32, on the CPU."""
        return _seen(inputs, self.sees_features)


@lru_cache(maxsize=64)
def yardstick(population: Population) -> Yardstick:
    """That of a population, as a model of its images sees it, or of its points if it has none.

    However it is distorted, its bandwidth is the undistorted law's: one ruler for all severities.
    """
    clean = population.undistorted
    mixture = clean.seen_mixture()
    sees_features = population.image_shape is not None and isinstance(population, RealData)
    variance = _variance(clean, sees_features) if mixture is None else mixture.total_variance
    return Yardstick(
        sees_features=sees_features,
        bandwidth=math.sqrt(variance) or 1.0,  # of a law of one point any will do
        mixture=population.seen_mixture(),
    )


def _variance(population: Population, sees_features: bool) -> float:
    """The trace of the covariance of what is seen, from draws of a fixed seed."""
    whole = population
    if isinstance(population, RealData):  # one kernel for all seeds, however each divides the set
        whole = replace(population, split_seed=None)
    available = whole.num_available("whole_train") or NUM_FOR_BANDWIDTH
    rng = np.random.default_rng(0)
    x = whole.sample(min(NUM_FOR_BANDWIDTH, available), rng, split="whole_train").x
    shown = torch.from_numpy(whole.vectors(x) if whole.image_shape is None else whole.images(x))
    return float(_seen(shown, sees_features).double().var(dim=0).sum())


def discrepancy_terms(
    generated: Float[Tensor, "m D"], reference: Float[Tensor, "m D"], yard: Yardstick
) -> Float64[np.ndarray, " m"]:
    """What each place of the sample adds to the squared MMD: their mean is the unbiased estimate.

    Against a mixture of Gaussians in closed form, generated points y alone:
    h(y, y') = k(y, y') - mu(y) - mu(y') + |mu|^2, mu the law's mean embedding. Else pairs of a
    generated and a real one: h = k(y, y') + k(x, x') - k(x, y') - k(x', y) (Gretton et al. 2012,
    eq. 4). The estimate is the mean of h over pairs of different places, a U-statistic, which may
    fall below 0. The terms are its jackknife's pseudo-values, so that their standard error is the
    jackknife's: its square is too large on average (Efron and Stein 1981), by a factor of 2 where
    the model is the law, by next to nothing far from it. It is small where the estimate is, so that
    95% intervals are too short all the same near the law in few dimensions: .84 to .93 of them hold
    the truth in one, .90 to .97 in two, and what they miss lies above them
    (tests/statistical/discrepancy_coverage.py).

    Raises:
        ValueError: fewer than FEWEST examples.
    """
    num = len(generated)
    if num < FEWEST:
        raise ValueError(f"a discrepancy needs {FEWEST} examples or more, not {num}")
    rows = _pair_sums(generated, yard.bandwidth)
    if yard.mixture is not None:
        mean = yard.mixture.mean_embedding(generated.numpy(), yard.bandwidth)
        others = mean.sum() - mean
        rows = (rows - others) / (num - 1) - mean + yard.mixture.self_embedding(yard.bandwidth)
    else:
        rows = rows + _pair_sums(reference, yard.bandwidth)
        rows = (rows - _cross_sums(generated, reference, yard.bandwidth)) / (num - 1)
    value = rows.mean()
    terms: np.ndarray = value + 2 * (num - 1) / (num - 2) * (rows - value)
    return terms


def spread(seen: Float[Tensor, "n D"], bandwidth: float) -> float:
    """1 - E k(x, x') of a sample: the squared MMD, on average, of repeating one of its examples."""
    num = len(seen)
    return float(1 - _pair_sums(seen, bandwidth).sum() / (num * (num - 1)))


def _pair_sums(points: Float[Tensor, "n D"], bandwidth: float) -> Float64[np.ndarray, " n"]:
    """Of each point, the sum of its kernel with all others."""
    sums = torch.cat([kernel.sum(dim=1) for kernel in _kernels(points, points, bandwidth)])
    others: np.ndarray = sums.double().numpy() - 1
    return others


def _cross_sums(
    a: Float[Tensor, "n D"], b: Float[Tensor, "n D"], bandwidth: float
) -> Float64[np.ndarray, " n"]:
    """Of each place i, the sum of k(a_i, b_j) + k(a_j, b_i) over the others j."""
    rows, columns = [], torch.zeros(len(b), dtype=torch.float64)
    for kernel in _kernels(a, b, bandwidth):
        rows.append(kernel.sum(dim=1))
        columns += kernel.sum(dim=0)
    own = (-0.5 * ((a - b) / bandwidth).square().sum(dim=1)).exp()
    others: np.ndarray = (torch.cat(rows).double() + columns - 2 * own.double()).numpy()
    return others


def _kernels(
    a: Float[Tensor, "n D"], b: Float[Tensor, "m D"], bandwidth: float
) -> Iterator[Float[Tensor, "rows m"]]:
    """k(a_i, b_j) in blocks of rows, each in the memory of the one before."""
    centre = b.mean(dim=0)  # distances by inner products lose digits far from 0
    a, b = (a - centre) / bandwidth, (b - centre) / bandwidth
    halves = [points.square().sum(dim=1) / 2 for points in (a, b)]
    block = a.new_empty(min(BLOCK, len(a)), len(b))
    for part, half in zip(a.split(BLOCK), halves[0].split(BLOCK), strict=True):
        kernel = torch.mm(part, b.T, out=block[: len(part)])
        yield kernel.sub_(half[:, None]).sub_(halves[1]).clamp_(max=0).exp_()


def _seen(inputs: Float[Tensor, " n *shape"], sees_features: bool) -> Float[Tensor, "n D"]:
    seen = image_features(inputs) if sees_features else inputs.detach().cpu().float().flatten(1)
    return seen.contiguous()

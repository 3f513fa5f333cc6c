"""Mixtures of Gaussians as a generative model sees them, and their embedding by a kernel."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float64

from classcomp.populations.mixture_law import Covariance, MixtureLaw, freeze_matrix
from classcomp.populations.rendering import plane_patterns


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenMixture:
    """`Embeds` (see base.py): Gaussians on a plane through 0, of all coordinates or of fewer.

    k(x, y) = exp(-|x - y|^2 / (2 s^2)) is the Gaussian kernel of bandwidth s, (2 pi s^2)^(d/2)
    times the density of N(x, s^2 I) at y. So its mean over x of a law is that many times the
    density of the law with such noise added, which of a mixture of Gaussians is another one.

    Attributes:
        law: of the plane's coordinates u.
        plane: (size, channels) of `plane_images`, which is x = A'u with A A' = I; None: x is u.
    """

    law: MixtureLaw
    plane: tuple[int, int] | None = None

    @property
    def total_variance(self) -> float:
        law, weights = self.law, np.array(self.law.weights)
        means = np.array(law.means)
        traces = [c * law.dim if isinstance(c, float) else np.trace(c) for c in law.covariances]
        between = np.square(means - weights @ means).sum(axis=1)
        return float(weights @ (between + np.array(traces)))

    def mean_embedding(
        self, x: Float[np.ndarray, "n D"], bandwidth: float
    ) -> Float64[np.ndarray, " n"]:
        coordinates = np.asarray(x, dtype=np.float64)
        away: np.ndarray | float = 0.0
        if self.plane is not None:
            patterns = plane_patterns(self.law.dim, *self.plane).reshape(self.law.dim, -1)
            coordinates = x @ patterns.T
            away = np.square(x - coordinates @ patterns).sum(axis=1)
        found: np.ndarray = _embedding(self.law, coordinates, bandwidth)
        return found * np.exp(-away / (2 * bandwidth**2))

    def self_embedding(self, bandwidth: float) -> float:
        return _self_embedding(self.law, bandwidth)


def _embedding(
    law: MixtureLaw, x: Float[np.ndarray, "n d"], bandwidth: float
) -> Float64[np.ndarray, " n"]:
    log_norm = 0.5 * law.dim * math.log(2 * math.pi * bandwidth**2)
    found: np.ndarray = np.exp(law.noised(bandwidth).log_density(x) + log_norm)
    return found


@lru_cache(maxsize=64)
def _self_embedding(law: MixtureLaw, bandwidth: float) -> float:
    """The embedding of the law of differences, at 0."""
    parts = list(zip(law.means, law.covariances, law.weights, strict=True))
    pairs = [(one, other) for one in parts for other in parts]
    differences = MixtureLaw(
        means=tuple(tuple(np.subtract(a[0], b[0]).tolist()) for a, b in pairs),
        covariances=tuple(_sum(a[1], b[1], law.dim) for a, b in pairs),
        weights=tuple(a[2] * b[2] for a, b in pairs),
        labels=(0,) * len(pairs),
    )
    return float(_embedding(differences, np.zeros((1, law.dim)), bandwidth)[0])


def _sum(one: Covariance, other: Covariance, dim: int) -> Covariance:
    if isinstance(one, float) and isinstance(other, float):
        return one + other
    wide = [c * np.eye(dim) if isinstance(c, float) else np.array(c) for c in (one, other)]
    return freeze_matrix(wide[0] + wide[1])

"""A labelled mixture of Gaussians: densities, posterior, sampling and its exact distortions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import scipy  # its parts are loaded as they are used
from jaxtyping import Float, Float64, Int64

from classcomp.populations.base import tilt_prior

Covariance = float | tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MixtureLaw:
    """C Gaussian components in d dimensions, each with a class label.

    Everything is a tuple, so that equal laws are equal keys: Bayes risks are cached on them.

    Attributes:
        means: C tuples of d coordinates.
        covariances: per component a variance (isotropic) or a d x d matrix.
        weights: C positive numbers that sum to 1.
        labels: C class labels; every class 0..K-1 occurs.
    """

    means: tuple[tuple[float, ...], ...]
    covariances: tuple[Covariance, ...]
    weights: tuple[float, ...]
    labels: tuple[int, ...]

    @property
    def dim(self) -> int:
        """d."""
        return len(self.means[0])

    @property
    def num_classes(self) -> int:
        """K."""
        return max(self.labels) + 1

    @property
    def prior(self) -> Float64[np.ndarray, " classes"]:
        """Class priors."""
        return np.bincount(self.labels, weights=self.weights, minlength=self.num_classes)

    def covariance_matrices(self) -> Float64[np.ndarray, "components d d"]:
        """Of every component, isotropic or not."""
        eye = np.eye(self.dim)
        return np.stack(
            [c * eye if isinstance(c, float) else np.array(c) for c in self.covariances]
        )

    def log_joint(self, x: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n components"]:
        """Log of weight times density of each component."""
        x = np.asarray(x, dtype=np.float64)
        out = np.empty((len(x), len(self.weights)))
        for c, (mean, scale) in enumerate(_components(self)):
            centred = x - mean
            if scale.ndim == 0:
                square = np.einsum("nd,nd->n", centred, centred) / scale**2
                log_scale = self.dim * np.log(scale)
            else:
                white = scipy.linalg.solve_triangular(scale, centred.T, lower=True)
                square = np.einsum("dn,dn->n", white, white)
                log_scale = np.log(np.diag(scale)).sum()
            log_norm = log_scale + 0.5 * self.dim * np.log(2 * np.pi)
            out[:, c] = np.log(self.weights[c]) - log_norm - 0.5 * square
        return out

    def posterior(self, x: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n classes"]:
        """Class probabilities, by log-sum-exp: no point is so far that it gives nan."""
        log_joint = self.log_joint(x)
        joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
        by_class = joint @ np.eye(self.num_classes)[list(self.labels)]
        posterior: np.ndarray = by_class / by_class.sum(axis=1, keepdims=True)
        return posterior

    def log_density(self, x: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        """Log density of points, in nats."""
        log_density: np.ndarray = scipy.special.logsumexp(self.log_joint(x), axis=1)
        return log_density

    def sample(
        self, num: int, rng: np.random.Generator
    ) -> tuple[Float64[np.ndarray, "num d"], Int64[np.ndarray, " num"]]:
        """Draw points and their labels.

        Component by inverse distribution function first, then d standard normals per point: laws
        that differ in a distortion only, sampled with one stream, give coupled samples.
        """
        edges = np.cumsum(self.weights)
        component = np.searchsorted(edges / edges[-1], rng.random(num), side="right")
        x = rng.standard_normal((num, self.dim))
        for c, (mean, scale) in enumerate(_components(self)):
            mine = component == c
            x[mine] = mean + (x[mine] * scale if scale.ndim == 0 else x[mine] @ scale.T)
        return x, np.array(self.labels, dtype=np.int64)[component]

    def noised(self, tau: float) -> "MixtureLaw":
        """The law of x + tau N(0, I): covariances + tau^2 I."""
        return self._widened(tau**2)

    def denoised(self, tau: float) -> "MixtureLaw":
        """The law that becomes this one by `noised(tau)`."""
        return self._widened(-(tau**2))

    def _widened(self, variance: float) -> "MixtureLaw":
        def add(cov: Covariance) -> Covariance:
            if isinstance(cov, float):
                return cov + variance
            return freeze_matrix(np.array(cov) + variance * np.eye(self.dim))

        return replace(self, covariances=tuple(add(c) for c in self.covariances))

    def tilted(self, odds: float) -> "MixtureLaw":
        """Odds of class 1 against every other class times `odds`; within classes nothing moves."""
        prior = self.prior
        factor = tilt_prior(prior, odds) / prior
        weights = (float(w * factor[k]) for w, k in zip(self.weights, self.labels, strict=True))
        return replace(self, weights=tuple(weights))

    def drawn_together(self, s: float) -> "MixtureLaw":
        """Every mean moved towards the plain average of the means by a factor 1 - s."""
        means = np.array(self.means)
        centre = means.mean(axis=0)
        return replace(self, means=freeze_matrix(centre + (1 - s) * (means - centre)))


def freeze_matrix(matrix: np.ndarray | Sequence[Any]) -> tuple[tuple[float, ...], ...]:
    """A matrix as nested tuples of floats."""
    return tuple(tuple(float(v) for v in row) for row in matrix)


@lru_cache(maxsize=256)
def _components(law: MixtureLaw) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Per component its mean `(d,)` and its scale: a standard deviation or a Cholesky factor."""

    def scale(cov: Covariance) -> np.ndarray:
        return np.sqrt(np.array(cov)) if isinstance(cov, float) else np.linalg.cholesky(cov)

    return tuple((np.array(m), scale(c)) for m, c in zip(law.means, law.covariances, strict=True))

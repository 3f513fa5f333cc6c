"""Images whose pixels are i.i.d. Gaussian given the class: exact for models of images too."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy  # its parts are loaded as they are used
from jaxtyping import Float, Float32, Float64

from classcomp.populations.base import (
    BayesRisk,
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
    check_shift_of,
    check_split,
    combine_label_noise,
    tilt_prior,
)
from classcomp.populations.bayes_risk import isotropic_pair_risk
from classcomp.populations.mixture_law import MixtureLaw
from classcomp.populations.restoration import least_error_of_points, restored_points
from classcomp.populations.seen_mixture import SeenMixture


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianImages:
    """A `Population` (see base.py): every pixel N(mu_y, sigma_y^2), independently, given y.

    Attributes:
        label: name and parameters of the undistorted law.
        means: mu_0, mu_1.
        variances: sigma_0^2, sigma_1^2.
        prior_of_one: P(y = 1).
        size: pixels per side; one channel.
        label_noise: flip probability of training labels.
        feature_noise: tau of the noise that is in the variances.
        origin: the law before distortions; None: there were none.
    """

    label: str
    means: tuple[float, float]
    variances: tuple[float, float]
    prior_of_one: float
    size: int
    label_noise: float = 0.0
    feature_noise: float = 0.0
    origin: "GaussianImages | None" = None

    @property
    def num_classes(self) -> int:
        return 2

    @property
    def prior(self) -> Float64[np.ndarray, " classes"]:
        return np.array([1 - self.prior_of_one, self.prior_of_one])

    @property
    def vector_shape(self) -> tuple[int, ...]:
        return (self.size**2,)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return (1, self.size, self.size)

    @property
    def has_unit_pixels(self) -> bool:
        return False

    @property
    def has_pixels(self) -> bool:
        return True

    @property
    def pixel_range(self) -> tuple[float, float]:
        """Two standard deviations beyond the means: in the undistorted law 95% of a class's."""
        law = self.undistorted
        classes = list(zip(law.means, law.variances, strict=True))
        black = min(mean - 2 * math.sqrt(variance) for mean, variance in classes)
        return black, max(mean + 2 * math.sqrt(variance) for mean, variance in classes)

    def sample(self, num: int, rng: np.random.Generator, *, split: str = "test") -> Sample:
        check_split(split)
        check_num(num)
        labels = (rng.random(num) >= 1 - self.prior_of_one).astype(np.int64)
        mean, sd = np.array(self.means)[labels], np.sqrt(self.variances)[labels]
        pixels = rng.standard_normal((num, *self.image_shape))
        pixels *= sd[:, None, None, None]
        pixels += mean[:, None, None, None]
        return Sample(x=pixels.astype(np.float32), labels=labels)

    def num_available(self, split: str) -> int | None:
        check_split(split)
        return None

    def posterior(self, x: Float[np.ndarray, "n 1 size size"]) -> Float64[np.ndarray, "n classes"]:
        zero, one = self._log_joint(x).T
        return np.stack([scipy.special.expit(zero - one), scipy.special.expit(one - zero)], axis=1)

    def log_density(self, x: Float[np.ndarray, "n 1 size size"]) -> Float64[np.ndarray, " n"]:
        log_density: np.ndarray = np.logaddexp(*self._log_joint(x).T)
        return log_density

    def _log_joint(self, x: np.ndarray) -> np.ndarray:
        """`(N, 2)` log of prior times density of each class."""
        flat = np.asarray(x, dtype=np.float64).reshape(len(x), self.size**2)
        log_joint = np.empty((len(flat), 2))
        classes = zip(self.prior, self.means, self.variances, strict=True)
        for k, (prior, mean, variance) in enumerate(classes):
            square = ((flat - mean) ** 2).sum(axis=1) / variance
            log_norm = 0.5 * flat.shape[1] * np.log(2 * np.pi * variance)
            log_joint[:, k] = np.log(prior) - log_norm - 0.5 * square
        return log_joint

    def seen_mixture(self) -> SeenMixture:
        law = MixtureLaw(
            means=tuple((float(mean),) * self.size**2 for mean in self.means),
            covariances=tuple(float(variance) for variance in self.variances),
            weights=tuple(self.prior.tolist()),
            labels=(0, 1),
        )
        return SeenMixture(law=law)

    def bayes_risk(self) -> BayesRisk:
        return _bayes_risk(self.means, self.variances, self.prior_of_one, self.size)

    def vectors(self, x: Float[np.ndarray, "n 1 size size"]) -> Float32[np.ndarray, " n size*size"]:
        return np.asarray(x, dtype=np.float32).reshape(len(x), -1)

    def images(self, x: Float[np.ndarray, "n 1 size size"]) -> Float32[np.ndarray, "n 1 size size"]:
        return np.asarray(x, dtype=np.float32)

    def with_feature_noise(self, tau: float) -> "GaussianImages":
        total = math.hypot(self.feature_noise, check_feature_noise(tau))
        variances = self._widened(tau**2)
        return replace(self, variances=variances, feature_noise=total, origin=self.undistorted)

    def without_feature_noise(self) -> "GaussianImages":
        variances = self._widened(-(self.feature_noise**2))
        return replace(self, variances=variances, feature_noise=0.0)

    def restored(self, x: Float[np.ndarray, "n 1 size size"], *, as_images: bool) -> Restored:
        found = restored_points(self._law, self.feature_noise, self.vectors(x))
        return replace(found, mean=found.mean.reshape(x.shape)) if as_images else found

    def least_error(self, *, as_images: bool) -> BayesRisk:
        return least_error_of_points(self._law, self.feature_noise)

    @property
    def _law(self) -> MixtureLaw:
        """Of the pixels, in a row."""
        num = self.size**2
        return MixtureLaw(
            means=((self.means[0],) * num, (self.means[1],) * num),
            covariances=self.variances,
            weights=(1 - self.prior_of_one, self.prior_of_one),
            labels=(0, 1),
        )

    def _widened(self, variance: float) -> tuple[float, float]:
        return (self.variances[0] + variance, self.variances[1] + variance)

    @property
    def undistorted(self) -> "GaussianImages":
        return self.origin or self

    def with_imbalance(self, odds: float) -> "GaussianImages":
        tilted = tilt_prior(self.prior, check_odds(odds))
        return replace(self, prior_of_one=float(tilted[1]), origin=self.undistorted)

    def with_overlap(self, s: float) -> "GaussianImages":
        """The two pixel means towards their midpoint; equal means stay as they are."""
        if check_overlap(s) == 0:
            return self
        middle, half = sum(self.means) / 2, (1 - s) * (self.means[1] - self.means[0]) / 2
        return replace(self, means=(middle - half, middle + half), origin=self.undistorted)

    def with_shift(self, most: float) -> "GaussianImages":
        """The law as it is: pixels are independent and alike, wherever they are."""
        check_shift_of(self, most)
        return self

    def with_label_noise(self, rho: float) -> "GaussianImages":
        total = combine_label_noise(self.label_noise, check_label_noise(rho), 2)
        return replace(self, label_noise=total)


def gaussian_images(
    mu0: float, mu1: float, sigma0: float, sigma1: float, size: int, prior: float = 0.5
) -> GaussianImages:
    """Images of `size` x `size` pixels, i.i.d. N(mu_y, sigma_y^2) given y; `prior` = P(y=1).

    Bayes risk: Phi(-size |mu1 - mu0| / (2 sigma)) for equal variances and priors, else normal or
    noncentral chi-square probabilities (`isotropic_pair_risk`).

    Raises:
        ValueError: a parameter is out of range, or the two classes are the same.
    """
    means = (check_number("mu0", mu0), check_number("mu1", mu1))
    sds = (check_number("sigma0", sigma0, low=0), check_number("sigma1", sigma1, low=0))
    if means[0] == means[1] and sds[0] == sds[1]:
        raise ValueError(f"mu1 = {mu1!r}, sigma1 = {sigma1!r}: one must differ from class 0's")
    size = check_integer("size", size, low=1, high=128)
    prior = check_number("prior", prior, low=0, high=1)
    parameters = {"mu0": mu0, "mu1": mu1, "sigma0": sigma0, "sigma1": sigma1, "size": size}
    return GaussianImages(
        label=canonical_label("gaussian_images", parameters | {"prior": prior}),
        means=means,
        variances=(sds[0] ** 2, sds[1] ** 2),
        prior_of_one=prior,
        size=size,
    )


@lru_cache(maxsize=4096)
def _bayes_risk(
    means: tuple[float, float], variances: tuple[float, float], prior_of_one: float, size: int
) -> BayesRisk:
    distance = size * abs(means[1] - means[0])
    value = isotropic_pair_risk(distance, *variances, prior_of_one, size**2)
    return BayesRisk(value=value, standard_error=0.0)

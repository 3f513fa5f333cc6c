"""Images without end that look like a real set's, and whose posterior is exact.

Of each class a Gaussian mixture in the first principal components, the same noise for all classes
in the remaining directions: x = m + A'u + r, u of the mixture, r ~ N(0, s^2 (I - A'A)), A A' = I.
So the label depends on x through u = A (x - m) alone, and all that is to be known of it is in
`dims` coordinates. Pixels are not clipped: below 0 and above 1 the density goes on.

`ShiftedImages` are those, each moved by a random number of pixels down and right: a mixture over
shifts. Every image is rolled, what leaves it at one edge entering at the opposite one, by (dy, dx)
uniform on [-s, s]^2. A roll permutes pixels, so that the density is the mean over the (2s+1)^2
shifts of the unshifted density at the image moved back, of each class likewise, and the posterior
follows by Bayes' rule. Moved back by t, an image x has u = A (T_-t x - m) = (T_t A) x - A m: rolled
axes are multiplied with the image as it is.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from classcomp.populations.base import (
    BayesRisk,
    Embeds,
    Restored,
    Sample,
    check_shift_of,
    named_seed,
)
from classcomp.populations.damage import moved, shifts_drawn
from classcomp.populations.fits import Fit
from classcomp.populations.gaussian_mixture import GaussianMixture
from classcomp.populations.seen_mixture import SeenMixture
from classcomp.populations.staging import DATA_SETS

MOST_DRAWS, FEWEST_DRAWS = 2**17, 2**12
NUM_COORDINATES = 2**28
"""Of images moved back, component by component, that a Bayes risk takes: some seconds' work."""
CHUNK = 2**19
"""Numbers held at once, some 4 MB, of each of a few arrays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedImages:
    """A `Population` (see base.py) of images, x = m + A'u + r.

    Attributes:
        coordinates: the law of u as it is now, distortions included, and its label.
        fit: m, A and the variance of r before any feature noise.
        classes: of the set, in the order of the labels.
    """

    coordinates: GaussianMixture
    fit: Fit
    classes: tuple[int, ...]

    @property
    def label(self) -> str:
        return self.coordinates.label

    @property
    def num_classes(self) -> int:
        return self.coordinates.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels; empty: they have none."""
        names = DATA_SETS[self.fit.wanted.dataset].class_names
        return tuple(names[k] for k in self.classes) if names else ()

    @property
    def prior(self) -> Float64[np.ndarray, " classes"]:
        """Shares of the training part, imbalance included."""
        return self.coordinates.prior

    @property
    def label_noise(self) -> float:
        return self.coordinates.label_noise

    @property
    def feature_noise(self) -> float:
        return self.coordinates.feature_noise

    @property
    def vector_shape(self) -> tuple[int, ...]:
        return self.fit.mean.shape

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return DATA_SETS[self.fit.wanted.dataset].shape

    @property
    def has_unit_pixels(self) -> bool:
        return False

    @property
    def has_pixels(self) -> bool:
        return True

    @property
    def pixel_range(self) -> tuple[float, float]:
        """The set's own; some pixels are beyond it."""
        return 0.0, 1.0

    def sample(self, num: int, rng: np.random.Generator, *, split: str = "test") -> Sample:
        """Draw u, then noise in all directions, of which A takes its own away."""
        drawn = self.coordinates.sample(num, rng, split=split)
        pixels = rng.standard_normal((num, *self.vector_shape))
        pixels *= math.sqrt(self.rest_variance)
        pixels += (drawn.x - pixels @ self.fit.axes.T) @ self.fit.axes
        pixels += self.fit.mean
        x = pixels.astype(np.float32).reshape(num, *self.image_shape)
        return Sample(x=x, labels=drawn.labels)

    def num_available(self, split: str) -> int | None:
        return self.coordinates.num_available(split)

    def posterior(self, x: Float[np.ndarray, "n c h w"]) -> Float64[np.ndarray, "n classes"]:
        return self.coordinates.posterior(self.along(x))

    def log_density(self, x: Float[np.ndarray, "n c h w"]) -> Float64[np.ndarray, " n"]:
        u, rest = self.parts(x)
        variance = self.rest_variance
        log_norm = 0.5 * self.num_rest * math.log(2 * math.pi * variance)
        across = -log_norm - np.square(rest).sum(axis=1) / (2 * variance)
        log_density: np.ndarray = self.coordinates.law.log_density(u) + across
        return log_density

    def seen_mixture(self) -> Embeds | None:
        return SeenImages(coordinates=SeenMixture(law=self.coordinates.law), population=self)

    def bayes_risk(self) -> BayesRisk:
        """That of u: r says nothing of the label."""
        return self.coordinates.bayes_risk()

    def vectors(self, x: Float[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n d"]:
        return np.asarray(x, dtype=np.float32).reshape(len(x), -1)

    def images(self, x: Float[np.ndarray, "n c h w"]) -> Float32[np.ndarray, "n c h w"]:
        return np.asarray(x, dtype=np.float32)

    def restored(self, x: Float[np.ndarray, "n c h w"], *, as_images: bool) -> Restored:
        """u as of any mixture; of r Wiener's filter takes the noise off."""
        u, rest = self.parts(x)
        along = self.coordinates.restored(u, as_images=False)
        kept = self.fit.noise / self.rest_variance
        mean = self.fit.mean + along.mean @ self.fit.axes + kept * rest
        share = len(self.fit.axes) / len(self.fit.mean)
        spread = share * along.spread + (1 - share) * kept * self.feature_noise**2
        return Restored(mean=mean.reshape(x.shape) if as_images else mean, spread=spread)

    def least_error(self, *, as_images: bool) -> BayesRisk:
        along = self.coordinates.least_error(as_images=False)
        share = len(self.fit.axes) / len(self.fit.mean)
        across = self.fit.noise / self.rest_variance * self.feature_noise**2
        return BayesRisk(
            value=share * along.value + (1 - share) * across,
            standard_error=share * along.standard_error,
        )

    def with_feature_noise(self, tau: float) -> "FittedImages":
        """In u and r alike: it stays the same for all classes where there was noise before."""
        return replace(self, coordinates=self.coordinates.with_feature_noise(tau))

    def without_feature_noise(self) -> "FittedImages":
        return replace(self, coordinates=self.coordinates.without_feature_noise())

    @property
    def undistorted(self) -> "FittedImages":
        return replace(self, coordinates=self.coordinates.undistorted)

    def with_imbalance(self, odds: float) -> "FittedImages":
        return replace(self, coordinates=self.coordinates.with_imbalance(odds))

    def with_overlap(self, s: float) -> "FittedImages":
        """Means of all components towards their plain average."""
        return replace(self, coordinates=self.coordinates.with_overlap(s))

    def with_label_noise(self, rho: float) -> "FittedImages":
        return replace(self, coordinates=self.coordinates.with_label_noise(rho))

    def with_shift(self, most: float) -> "FittedImages":
        """A mixture over shifts: classes come closer, and the posterior stays exact."""
        shift = check_shift_of(self, most)
        if shift == 0:
            return self
        return ShiftedImages(
            coordinates=self.coordinates, fit=self.fit, classes=self.classes, shift=shift
        )

    @property
    def rest_variance(self) -> float:
        """Of r in each of the directions that it has."""
        return self.fit.noise + self.feature_noise**2

    @property
    def num_rest(self) -> int:
        return len(self.fit.mean) - len(self.fit.axes)

    def along(self, x: Float[np.ndarray, " n *shape"]) -> Float64[np.ndarray, "n dims"]:
        """u of images."""
        flat = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        u: np.ndarray = flat @ self.fit.axes.T - self.fit.axes @ self.fit.mean
        return u

    def parts(
        self, x: Float[np.ndarray, " n *shape"]
    ) -> tuple[Float64[np.ndarray, "n dims"], Float64[np.ndarray, "n pixels"]]:
        """u and r of images."""
        u = self.along(x)
        return u, x.reshape(len(x), -1) - self.fit.mean - u @ self.fit.axes


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenImages:
    """`Embeds` (see base.py): the kernel is a product of one in u and one in r.

    Of r ~ N(0, v) in one direction E exp(-(r - r')^2 / (2 s^2)) over r' is (1 + v/s^2)^(-1/2)
    exp(-r^2 / (2 (s^2 + v))); over both it is (1 + 2v/s^2)^(-1/2).

    Attributes:
        coordinates: the law of u.
        population: of the images.
    """

    coordinates: SeenMixture
    population: FittedImages

    @property
    def total_variance(self) -> float:
        population = self.population
        return self.coordinates.total_variance + population.num_rest * population.rest_variance

    def mean_embedding(
        self, x: Float[np.ndarray, "n D"], bandwidth: float
    ) -> Float64[np.ndarray, " n"]:
        u, rest = self.population.parts(x)
        variance = self.population.rest_variance
        exponent = np.square(rest).sum(axis=1) / (bandwidth**2 + variance)
        exponent += self.population.num_rest * math.log1p(variance / bandwidth**2)
        found: np.ndarray = self.coordinates.mean_embedding(u, bandwidth) * np.exp(-exponent / 2)
        return found

    def self_embedding(self, bandwidth: float) -> float:
        spread = math.log1p(2 * self.population.rest_variance / bandwidth**2)
        across = math.exp(-self.population.num_rest * spread / 2)
        return self.coordinates.self_embedding(bandwidth) * across


@dataclass(frozen=True, kw_only=True, slots=True)
class ShiftedImages(FittedImages):
    """A `Population` (see base.py) of images T_t (m + A'u + r), t uniform on [-shift, shift]^2.

    Attributes:
        shift: s, in pixels.
    """

    shift: int

    @property
    def undistorted(self) -> FittedImages:
        return self.still.undistorted

    @property
    def num_shifts(self) -> int:
        return (2 * self.shift + 1) ** 2

    @property
    def still(self) -> FittedImages:
        """The law before its images are moved."""
        return FittedImages(coordinates=self.coordinates, fit=self.fit, classes=self.classes)

    def with_shift(self, most: float) -> FittedImages:
        raise ValueError(f"shift = {most:g}: images are shifted already (by up to {self.shift})")

    def sample(self, num: int, rng: np.random.Generator, *, split: str = "test") -> Sample:
        """What the law would give without shifts, then shifts."""
        drawn = FittedImages.sample(self, num, rng, split=split)
        return replace(drawn, x=moved(drawn.x, shifts_drawn(num, self.shift, rng)))

    def posterior(self, x: Float[np.ndarray, "n c h w"]) -> Float64[np.ndarray, "n classes"]:
        """By log-sum-exp: no image is so far that it gives nan."""
        parts = []
        for log_joint in self._log_joints(x):
            joint = _mass(log_joint).sum(axis=1) @ np.eye(self.num_classes)[self._labels]
            parts.append(joint / joint.sum(axis=1, keepdims=True))
        return np.concatenate(parts)

    def log_density(self, x: Float[np.ndarray, "n c h w"]) -> Float64[np.ndarray, " n"]:
        parts = [
            log_joint.max(axis=(1, 2)) + np.log(_mass(log_joint).sum(axis=(1, 2)))
            for log_joint in self._log_joints(x)
        ]
        return np.concatenate(parts)

    def seen_mixture(self) -> None:
        """Two shifted components have no axes in common: no closed form is at hand."""

    def bayes_risk(self) -> BayesRisk:
        return _bayes_risk(self)

    def restored(self, x: Float[np.ndarray, "n c h w"], *, as_images: bool) -> Restored:
        """Shift by shift as of the law without, each as likely as it is given the image."""
        likely = np.concatenate([_mass(log_joint).sum(axis=2) for log_joint in self._log_joints(x)])
        likely /= likely.sum(axis=1, keepdims=True)
        mean, square = np.zeros(x.shape), np.zeros(len(x))
        for share, by in zip(likely.T, _shifts(self.shift), strict=True):
            back = self.still.restored(moved(x, -by[None]), as_images=True)
            at = moved(back.mean, by[None])
            mean += share[:, None, None, None] * at
            square += share * (back.spread + np.square(at).mean(axis=(1, 2, 3)))
        spread = np.maximum(square - np.square(mean).mean(axis=(1, 2, 3)), 0)  # of rounding alone
        return Restored(mean=mean if as_images else mean.reshape(len(x), -1), spread=spread)

    def least_error(self, *, as_images: bool) -> BayesRisk:
        """The mean over draws of a fixed stream; without noise there is nothing to restore."""
        if self.feature_noise == 0:
            return BayesRisk(value=0.0, standard_error=0.0)
        rng = np.random.default_rng(named_seed("classcomp", "shifted_images", "least_error"))
        spread = self.restored(self.sample(FEWEST_DRAWS, rng).x, as_images=as_images).spread
        error = spread.std(ddof=1) / math.sqrt(len(spread))
        return BayesRisk(value=float(spread.mean()), standard_error=float(error))

    @property
    def _labels(self) -> list[int]:
        return list(self.coordinates.law.labels)

    def _log_joints(
        self, x: Float[np.ndarray, "n c h w"]
    ) -> Iterator[Float64[np.ndarray, "m shifts components"]]:
        """Log of the share of a shift and a component times their density, some images a time."""
        fit, law, variance = self.fit, self.coordinates.law, self.rest_variance
        rolled = _rolled(fit, self.image_shape, self.shift)
        num_shifts, dims = self.num_shifts, len(fit.axes)
        log_norm = math.log(num_shifts) + 0.5 * self.num_rest * math.log(2 * math.pi * variance)
        size = max(1, CHUNK // (num_shifts * (len(law.labels) + dims + 1)))
        for first in range(0, max(len(x), 1), size):  # one chunk, empty, where there are no images
            flat = np.asarray(x[first : first + size], dtype=np.float64).reshape(-1, fit.mean.size)
            products = (flat @ rolled).reshape(len(flat), num_shifts, dims + 1)
            u = products[:, :, :dims] - fit.axes @ fit.mean
            square = np.square(flat).sum(axis=1, keepdims=True) - 2 * products[:, :, dims]
            square += np.square(fit.mean).sum() - np.square(u).sum(axis=2)
            along = law.log_joint(u.reshape(-1, dims)).reshape(
                len(flat), num_shifts, len(law.labels)
            )
            yield along - (log_norm + square / (2 * variance))[:, :, None]


def _mass(
    log_joint: Float64[np.ndarray, "m shifts components"],
) -> Float64[np.ndarray, "m shifts components"]:
    """Relative to the largest of an image."""
    mass: np.ndarray = np.exp(log_joint - log_joint.max(axis=(1, 2), keepdims=True))
    return mass


def _shifts(most: int) -> Int64[np.ndarray, "shifts 2"]:
    """All of them, down and right."""
    steps = np.arange(-most, most + 1)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1).reshape(-1, 2)


@lru_cache(maxsize=4)
def _rolled(
    fit: Fit, shape: tuple[int, int, int], most: int
) -> Float64[np.ndarray, "pixels shifts*(dims+1)"]:
    """Axes and mean, moved by every shift: columns."""
    still = np.concatenate([fit.axes, fit.mean[None]]).reshape(-1, *shape)
    rolled = [moved(still, by[None]) for by in _shifts(most)]
    columns: np.ndarray = np.concatenate(rolled).reshape(-1, fit.mean.size).T
    return columns


@lru_cache(maxsize=256)
def _bayes_risk(population: ShiftedImages) -> BayesRisk:
    """E[1 - max_k eta_k(x)] over draws of a fixed stream, fewer where each takes more."""
    law = population.coordinates.law
    each = population.num_shifts * len(law.labels) * law.dim
    num = min(MOST_DRAWS, max(FEWEST_DRAWS, NUM_COORDINATES // each))
    rng = np.random.default_rng(named_seed("classcomp", "bayes_risk", "shifted_images"))
    size = 2**12
    terms = np.concatenate(
        [
            1 - population.posterior(population.sample(min(size, num - done), rng).x).max(axis=1)
            for done in range(0, num, size)
        ]
    )
    error = terms.std(ddof=1) / math.sqrt(num)
    return BayesRisk(value=float(terms.mean()), standard_error=float(error))

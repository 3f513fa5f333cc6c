"""Images without end that look like a real set's, and whose posterior is exact.

Of each class a Gaussian mixture in the first principal components, the same noise for all classes
in the remaining directions: x = m + A'u + r, u of the mixture, r ~ N(0, s^2 (I - A'A)), A A' = I.
So the label depends on x through u = A (x - m) alone, and all that is to be known of it is in
`dims` coordinates. Pixels are not clipped: below 0 and above 1 the density goes on.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32, Float64

from classcomp.populations.base import (
    BayesRisk,
    Embeds,
    Restored,
    Sample,
    canonical_label,
    check_integer,
    check_shift_of,
)
from classcomp.populations.fits import Fit, Wanted, find_fit
from classcomp.populations.gaussian_mixture import GaussianMixture
from classcomp.populations.mixture_law import MixtureLaw, freeze_matrix
from classcomp.populations.named import NUM_CLASSES, check_classes
from classcomp.populations.seen_mixture import SeenMixture
from classcomp.populations.staging import DATA_SETS


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
        from classcomp.populations.shifted_images import ShiftedImages  # which are such images

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


def fitted_images(
    dataset: str,
    *,
    classes: Sequence[int] | None = None,
    dims: int,
    components: int,
    fit: str | None = None,
) -> FittedImages:
    """Images drawn from mixtures that were fitted to the classes of a named set (see fits.py).

    Few `dims` give coarse images under much noise, whose classes overlap; many give sharp ones,
    hard to mistake. Where the fit is shipped no data are needed, and none are looked at.

    Args:
        dataset: digits, fashion_mnist, mnist or cifar10.
        classes: two or more, in the order of the labels; None: all ten.
        dims: principal components that the mixtures are in.
        components: of each class's mixture.
        fit: the fingerprint that the fit must have, where one of another machine, package or
            version of scikit-learn will not do.

    Raises:
        ValueError: a parameter is out of its range; one line.
        DataUnavailable: the fit is not shipped, and the data are not to be had.
    """
    if not isinstance(dataset, str) or dataset not in DATA_SETS:
        raise ValueError(f"dataset = {dataset!r}: must be one of {', '.join(DATA_SETS)}")
    kept = check_classes(classes) or tuple(range(NUM_CLASSES))
    wanted = Wanted(
        dataset=dataset,
        classes=tuple(sorted(kept)),
        dims=check_integer("dims", dims, low=1, high=math.prod(DATA_SETS[dataset].shape) - 1),
        components=check_integer("components", components, low=1),
    )
    found = find_fit(wanted)
    if fit is not None and fit != found.fingerprint:
        raise ValueError(
            f"fit = {fit!r}: the fit on this machine is {found.fingerprint}; leave the key out, "
            "unless a study's own file has it"
        )
    parameters = {"dataset": dataset, "classes": classes, "dims": dims, "components": components}
    label = canonical_label("fitted_images", parameters | {"fit": found.fingerprint})
    law = _law(found, kept)
    coordinates = GaussianMixture(label=label, law=law, rendering="none")
    return FittedImages(coordinates=coordinates, fit=found, classes=kept)


@lru_cache(maxsize=16)
def _law(fit: Fit, classes: tuple[int, ...]) -> MixtureLaw:
    """Of the coordinates; `classes` in the order of the labels."""
    places = [fit.wanted.classes.index(k) for k in classes]
    weights = fit.shares[:, None] * fit.weights
    return MixtureLaw(
        means=freeze_matrix(np.concatenate(fit.means[places])),
        covariances=tuple(freeze_matrix(c) for k in places for c in fit.covariances[k]),
        weights=tuple(weights[places].ravel().tolist()),
        labels=tuple(i for i in range(len(places)) for _ in range(fit.wanted.components)),
    )

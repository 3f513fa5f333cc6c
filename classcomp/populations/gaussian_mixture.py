"""Mixtures of Gaussians as populations, and the named ones of docs/protocol.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
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
)
from classcomp.populations.bayes_risk import mixture_bayes_risk
from classcomp.populations.mixture_law import Covariance, MixtureLaw, freeze_matrix
from classcomp.populations.rendering import bump_images, check_rendering, frame, plane_images
from classcomp.populations.restoration import (
    least_error_of_bumps,
    least_error_of_points,
    restored_bumps,
    restored_points,
)
from classcomp.populations.seen_mixture import SeenMixture


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianMixture:
    """A `Population` (see base.py) of points whose classes are mixtures of Gaussians.

    Attributes:
        label: name and parameters of the undistorted law.
        law: the law as it is now, distortions included.
        rendering: "bump", "plane" or "none" (points only).
        size: pixels per side.
        channels: of the pictures.
        label_noise: flip probability of training labels.
        feature_noise: tau of the noise that is in the law.
        origin: the law before distortions; None: there were none.
    """

    label: str
    law: MixtureLaw
    rendering: str
    size: int = 8
    channels: int = 1
    label_noise: float = 0.0
    feature_noise: float = 0.0
    origin: "GaussianMixture | None" = None

    @property
    def num_classes(self) -> int:
        return self.law.num_classes

    @property
    def prior(self) -> Float64[np.ndarray, " classes"]:
        return self.law.prior

    @property
    def vector_shape(self) -> tuple[int, ...]:
        return (self.law.dim,)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        return None if self.rendering == "none" else (self.channels, self.size, self.size)

    @property
    def has_unit_pixels(self) -> bool:
        return self.rendering == "bump"

    @property
    def has_pixels(self) -> bool:
        return False

    @property
    def pixel_range(self) -> tuple[float, float]:
        raise ValueError(f"{self.label}: points have no pixels")

    @property
    def frame(self) -> tuple[tuple[float, float], ...]:
        """What a bump picture shows: all but 1e-6 of the mass of the law as distorted."""
        return frame(self.law)

    def sample(self, num: int, rng: np.random.Generator, *, split: str = "test") -> Sample:
        check_split(split)
        check_num(num)
        x, labels = self.law.sample(num, rng)
        return Sample(x=x, labels=labels)

    def num_available(self, split: str) -> int | None:
        check_split(split)
        return None

    def posterior(self, x: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n classes"]:
        return self.law.posterior(x)

    def log_density(self, x: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"] | None:
        return self.law.log_density(x) if self.rendering == "none" else None

    def seen_mixture(self) -> SeenMixture | None:
        """A bump's picture is none."""
        if self.rendering == "bump":
            return None
        plane = (self.size, self.channels) if self.rendering == "plane" else None
        return SeenMixture(law=self.law, plane=plane)

    def bayes_risk(self) -> BayesRisk:
        return mixture_bayes_risk(self.law)

    def vectors(self, x: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
        return np.asarray(x, dtype=np.float32)

    def images(self, x: Float[np.ndarray, "n d"]) -> Float32[np.ndarray, "n channels height width"]:
        if self.rendering == "none":
            raise ValueError(f"{self.label}: rendering = 'none' makes no images")
        if self.rendering == "bump":
            return bump_images(x, self.frame, self.size, self.channels)
        return plane_images(x, self.size, self.channels)

    def with_feature_noise(self, tau: float) -> "GaussianMixture":
        total = math.hypot(self.feature_noise, check_feature_noise(tau))
        return replace(self._moved(self.law.noised(tau)), feature_noise=total)

    def without_feature_noise(self) -> "GaussianMixture":
        return replace(self, law=self.law.denoised(self.feature_noise), feature_noise=0.0)

    def restored(self, x: Float[np.ndarray, "n d"], *, as_images: bool) -> Restored:
        """Of a plane picture all that is not in the plane is nothing, and is known."""
        tau = self.feature_noise
        if as_images and self.rendering == "bump":
            found = restored_bumps(self.law, tau, x, self.frame, self.size)
            return replace(found, mean=np.repeat(found.mean, self.channels, axis=1))
        found = restored_points(self.law, tau, x)
        if not as_images:
            return found
        share = self.law.dim / (self.channels * self.size**2)
        return Restored(mean=self.images(found.mean), spread=share * found.spread)

    def least_error(self, *, as_images: bool) -> BayesRisk:
        tau = self.feature_noise
        if as_images and self.rendering == "bump":
            return least_error_of_bumps(self.law, tau, self.frame, self.size)
        found = least_error_of_points(self.law, tau)
        share = self.law.dim / (self.channels * self.size**2) if as_images else 1.0
        return BayesRisk(value=share * found.value, standard_error=share * found.standard_error)

    @property
    def undistorted(self) -> "GaussianMixture":
        return self.origin or self

    def _moved(self, law: MixtureLaw) -> "GaussianMixture":
        return replace(self, law=law, origin=self.undistorted)

    def with_imbalance(self, odds: float) -> "GaussianMixture":
        return self._moved(self.law.tilted(check_odds(odds)))

    def with_overlap(self, s: float) -> "GaussianMixture":
        """Components that share one mean, as in `concentric`, are not changed by this."""
        return self._moved(self.law.drawn_together(check_overlap(s)))

    def with_shift(self, most: float) -> "GaussianMixture":
        """Points are refused: a picture of a point is what convolutional families see of it."""
        check_shift_of(self, most)
        return self

    def with_label_noise(self, rho: float) -> "GaussianMixture":
        total = combine_label_noise(self.label_noise, check_label_noise(rho), self.num_classes)
        return replace(self, label_noise=total)


def gaussians(
    means: Sequence[Sequence[float]],
    covariances: Sequence[float | Sequence[Sequence[float]]],
    labels: Sequence[int],
    weights: Sequence[float] | None = None,
    *,
    rendering: str | None = None,
    size: int = 8,
    channels: int = 1,
) -> GaussianMixture:
    """Any labelled mixture of C Gaussians in d dimensions.

    Args:
        means: C points of d coordinates.
        covariances: per component a variance (isotropic) or a d x d positive definite matrix.
        labels: C whole numbers; every class 0..K-1 occurs, K >= 2.
        weights: C positive numbers, taken relative to their sum; None: equal.
        rendering: "bump" (d = 2), "plane", "none"; None: bump for d = 2, else plane.
        size: pixels per side, 8 to 64.
        channels: of the pictures.

    Raises:
        ValueError: a parameter is out of its range.
    """
    law = _checked_law(means, covariances, labels, weights)
    parameters = {"means": means, "covariances": covariances, "labels": labels, "weights": weights}
    return _population("gaussians", parameters, law, rendering, size, channels)


def two_gaussians(
    delta: float,
    dim: int = 2,
    prior: float = 0.5,
    *,
    rendering: str | None = None,
    size: int = 8,
    channels: int = 1,
) -> GaussianMixture:
    """N(-delta/2 e1, I) against N(+delta/2 e1, I) in `dim` dimensions; `prior` = P(y=1)."""
    half = check_number("delta", delta, low=0) / 2
    dim = check_integer("dim", dim, low=1, high=4096)
    prior = check_number("prior", prior, low=0, high=1)
    rest = (0.0,) * (dim - 1)
    law = MixtureLaw(
        means=((-half, *rest), (half, *rest)),
        covariances=(1.0, 1.0),
        weights=(1 - prior, prior),
        labels=(0, 1),
    )
    parameters = {"delta": delta, "dim": dim, "prior": prior}
    return _population("two_gaussians", parameters, law, rendering, size, channels)


def xor(
    sigma: float = 0.5, *, rendering: str | None = None, size: int = 8, channels: int = 1
) -> GaussianMixture:
    """Class 1 at (1, -1), (-1, 1), class 0 at (1, 1), (-1, -1), covariances sigma^2 I."""
    return _grid_population("xor", {"sigma": sigma}, 2, sigma, rendering, size, channels)


def checkerboard(
    cells: int = 4,
    sigma: float = 0.5,
    *,
    rendering: str | None = None,
    size: int = 8,
    channels: int = 1,
) -> GaussianMixture:
    """`cells` x `cells` Gaussians N(., sigma^2 I), 2 apart, around the origin; labels alternate.

    All components weigh the same, so an odd number of cells has one more component of class 0.
    """
    check_integer("cells", cells, low=2, high=16)
    parameters = {"cells": cells, "sigma": sigma}
    return _grid_population("checkerboard", parameters, cells, sigma, rendering, size, channels)


def concentric(
    scale: float = 2.0,
    dim: int = 2,
    *,
    rendering: str | None = None,
    size: int = 8,
    channels: int = 1,
) -> GaussianMixture:
    """N(0, I) (class 0) against N(0, scale^2 I) (class 1) in `dim` dimensions."""
    variance = check_number("scale", scale, low=0) ** 2
    if variance == 1.0:
        raise ValueError(f"scale = {scale!r}: must differ from 1, or the classes are the same")
    dim = check_integer("dim", dim, low=1, high=4096)
    law = MixtureLaw(
        means=((0.0,) * dim,) * 2,
        covariances=(1.0, variance),
        weights=(0.5, 0.5),
        labels=(0, 1),
    )
    parameters = {"scale": scale, "dim": dim}
    return _population("concentric", parameters, law, rendering, size, channels)


def _grid_population(
    name: str,
    parameters: dict[str, Any],
    cells: int,
    sigma: float,
    rendering: str | None,
    size: int,
    channels: int,
) -> GaussianMixture:
    """The grid behind `xor` (two cells per side) and `checkerboard`."""
    variance = check_number("sigma", sigma, low=0) ** 2
    steps = [(i, j) for i in range(cells) for j in range(cells)]
    law = MixtureLaw(
        means=tuple((2.0 * i - cells + 1, 2.0 * j - cells + 1) for i, j in steps),
        covariances=(variance,) * len(steps),
        weights=(1 / len(steps),) * len(steps),
        labels=tuple((i + j) % 2 for i, j in steps),
    )
    return _population(name, parameters, law, rendering, size, channels)


def _population(
    name: str,
    parameters: dict[str, Any],
    law: MixtureLaw,
    rendering: str | None,
    size: int,
    channels: int,
) -> GaussianMixture:
    resolved = check_rendering(rendering, law.dim, size, channels)
    is_default = resolved == check_rendering(None, law.dim, 64, 64)
    options = {
        "rendering": None if is_default else resolved,
        "size": None if size == 8 else size,
        "channels": None if channels == 1 else channels,
    }
    label = canonical_label(name, parameters | options)
    return GaussianMixture(
        label=label, law=law, rendering=resolved, size=int(size), channels=int(channels)
    )


def _checked_law(means: Any, covariances: Any, labels: Any, weights: Any) -> MixtureLaw:
    try:
        points = np.array(means, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.size == 0 or not np.isfinite(points).all():
        raise ValueError(f"means = {means!r}: must be a list of points, all of one dimension")
    num, dim = points.shape
    lists = {"covariances": covariances, "labels": labels, "weights": weights}
    for key, given in lists.items():
        if given is not None and (not isinstance(given, Sequence) or len(given) != num):
            raise ValueError(f"{key} = {given!r}: must be a list of {num}, one per mean")
    classes = [check_integer("labels", k, low=0) for k in labels]
    num_classes = len(set(classes))
    if num_classes < 2 or max(classes) != num_classes - 1:
        raise ValueError(f"labels = {labels!r}: must hold every class 0..K-1, K at least 2")
    shares = np.array([check_number("weights", w, low=0) for w in weights or [1] * num])
    return MixtureLaw(
        means=freeze_matrix(points),
        covariances=tuple(_checked_covariance(c, dim) for c in covariances),
        weights=tuple(float(w) for w in shares / shares.sum()),
        labels=tuple(classes),
    )


def _checked_covariance(covariance: Any, dim: int) -> Covariance:
    if not isinstance(covariance, Sequence | np.ndarray):
        return check_number("covariances", covariance, low=0)
    try:
        matrix = np.array(covariance, dtype=np.float64)
        is_symmetric = matrix.shape == (dim, dim) and np.array_equal(matrix, matrix.T)
        if is_symmetric and np.isfinite(matrix).all():
            np.linalg.cholesky(matrix)
            return freeze_matrix(matrix)
    except (TypeError, ValueError, np.linalg.LinAlgError):
        pass  # the one line below says it
    raise ValueError(
        f"covariances: {covariance!r} must be a variance or a symmetric positive definite "
        f"{dim} x {dim} matrix"
    )

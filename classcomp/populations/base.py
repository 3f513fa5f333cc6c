"""What every population promises, and the checks that its parameters pass."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

SPLITS = ("train", "validation", "whole_train", "test")


class Damage(Protocol):
    """The distortion of a sample's x, drawn as often as it is asked for."""

    def __call__(
        self, chosen: Int64[np.ndarray, " b"], rng: np.random.Generator
    ) -> Float[np.ndarray, " b *shape"]:
        """Draw examples `chosen` of the sample anew.

        What `rng` gives to a place of `chosen` depends on how many are chosen, and not on which.
        """
        ...

    def of(self, kept: Int64[np.ndarray, " kept"]) -> "Damage":
        """Return that of the examples `kept` alone, in their order."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Draws of (x, y).

    Attributes:
        x: points `(d,)` in float64, or images `(C, H, W)` in float32.
        labels: clean.
        damage: where x is one draw of a distortion that can be drawn again: real images are
            there without their noise. None where x is a draw of the law itself.
    """

    x: Float[np.ndarray, " n *shape"]
    labels: Int64[np.ndarray, " n"]
    damage: Damage | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BayesRisk:
    """The smallest possible risk; `standard_error` is 0 unless it came from Monte Carlo."""

    value: float
    standard_error: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What is known of clean examples given noisy ones, both as a family sees them.

    Attributes:
        mean: E[x | z], what the rule of the least mean squared error says.
        spread: E |x - E[x | z]|^2 / d given z, in squared input units: what no rule can restore.
    """

    mean: Float[np.ndarray, " n *shape"]
    spread: Float64[np.ndarray, " n"]


class Embeds(Protocol):
    """A law of x with a closed form under the kernel exp(-|x - y|^2 / (2 bandwidth^2))."""

    @property
    def total_variance(self) -> float:
        """The trace of the covariance of x, half of E |x - x'|^2."""

    def mean_embedding(
        self, x: Float[np.ndarray, "n D"], bandwidth: float
    ) -> Float64[np.ndarray, " n"]:
        """E k(x, x') over x' of the law, at any points x."""

    def self_embedding(self, bandwidth: float) -> float:
        """E k(x, x') over independent x, x' of the law."""


class Population(Protocol):
    """A law of (x, y), possibly distorted; values of this type are immutable."""

    def __hash__(self) -> int:
        """Equal laws are one key."""

    @property
    def label(self) -> str:
        """Name and parameters of the undistorted law, e.g. `xor(sigma=0.5)`."""

    @property
    def num_classes(self) -> int:
        """K."""

    @property
    def prior(self) -> Float64[np.ndarray, " classes"]:
        """Class priors."""

    @property
    def label_noise(self) -> float:
        """Probability that a *training* label is flipped; the law itself stays clean."""

    @property
    def feature_noise(self) -> float:
        """tau of the noise that is in x."""

    @property
    def vector_shape(self) -> tuple[int, ...]:
        """Shape of one row of `vectors`."""

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """`(C, H, W)`, or None where points are not rendered."""

    @property
    def has_unit_pixels(self) -> bool:
        """Whether pixels of `images` lie in [0, 1] for certain, so that they have a peak, 1."""

    @property
    def has_pixels(self) -> bool:
        """Whether examples are images themselves, in x too: not points, rendered or not."""

    @property
    def pixel_range(self) -> tuple[float, float]:
        """What counts as black and as white, of examples that have pixels."""

    def sample(self, num: int, rng: np.random.Generator, *, split: str = "test") -> Sample:
        """Draw `num` examples; synthetic laws ignore `split`, real ones draw without replacement.

        Raises:
            ValueError: `split` is unknown, or holds fewer than `num` examples.
        """

    def num_available(self, split: str) -> int | None:
        """How many examples `sample` can give; None where there is no limit."""

    def posterior(
        self, x: Float[np.ndarray, " n *shape"]
    ) -> Float64[np.ndarray, "n classes"] | None:
        """Class probabilities given x; None where the law is unknown."""

    def log_density(self, x: Float[np.ndarray, " n *shape"]) -> Float64[np.ndarray, " n"] | None:
        """Log density in nats of x as a generative model sees it, labels averaged out.

        That is of `images(x)`, or of `vectors(x)` where points are not rendered. None where the
        law is unknown, and for rendered points: their pictures have no density, since they fill
        a surface of the points' dimension only.
        """

    def seen_mixture(self) -> Embeds | None:
        """The law of x as a generative model sees it, where that is a mixture of Gaussians.

        Of `images(x)`, or of `vectors(x)` where points are not rendered; None of any other law.
        """

    def bayes_risk(self) -> BayesRisk | None:
        """The law's 0-1 Bayes risk; None where the law is unknown."""

    def restored(self, x: Float[np.ndarray, " n *shape"], *, as_images: bool) -> Restored | None:
        """What `images` (or `vectors`) of noisy x say of those without the feature noise.

        None where the law is unknown.
        """

    def least_error(self, *, as_images: bool) -> BayesRisk | None:
        """The mean of `Restored.spread`: the least mean squared error of a coordinate."""

    def vectors(self, x: Float[np.ndarray, " n *shape"]) -> Float32[np.ndarray, "n d"]:
        """Points as they are, images flattened."""

    def images(
        self, x: Float[np.ndarray, " n *shape"]
    ) -> Float32[np.ndarray, "n channels height width"]:
        """Points rendered, images as they are."""

    def with_feature_noise(self, tau: float) -> Self:
        """x + tau N(0, I)."""

    def without_feature_noise(self) -> Self:
        """What `with_feature_noise` was asked of."""

    @property
    def undistorted(self) -> Self:
        """The law as it was before any distortion of x and the priors."""

    def with_imbalance(self, odds: float) -> Self:
        """Multiply the prior odds of class 1 against every other class by `odds`."""

    def with_overlap(self, s: float) -> Self:
        """Means together by a factor 1 - s; real images blended with another class's."""

    def with_shift(self, most: float) -> "Population":
        """Images moved by whole pixels, uniform on [-most, most] down and right, and around.

        Raises:
            ValueError: examples are no images, are too small, or nobody knows the posterior then.
        """

    def with_label_noise(self, rho: float) -> Self:
        """Training labels flip with probability `rho`."""


def check_split(split: str) -> None:
    """Raise ValueError unless `split` is one of SPLITS."""
    if split not in SPLITS:
        raise ValueError(f"split = {split!r}: must be one of {', '.join(SPLITS)}")


def check_num(num: int) -> None:
    """Raise ValueError unless `num` is a count of examples."""
    check_integer("num", num, low=0)


def check_number(
    key: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    closed_low: bool = False,
) -> float:
    """Return `value` as a float, or raise ValueError naming key, value and the open interval."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    is_finite = is_number and not isinstance(value, bool) and math.isfinite(value)
    if is_finite and (low <= value if closed_low else low < value) and value < high:
        return float(value)
    bracket = "[" if closed_low else "("
    raise ValueError(f"{key} = {value!r}: must be a number in {bracket}{low:g}, {high:g})")


def check_integer(key: str, value: Any, *, low: int, high: int | None = None) -> int:
    """Return `value` as an int, or raise ValueError naming key, value and the allowed range."""
    is_integer = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if is_integer and value >= low and (high is None or value <= high):
        return int(value)
    allowed = f"at least {low}" if high is None else f"from {low} to {high}"
    raise ValueError(f"{key} = {value!r}: must be a whole number {allowed}")


def canonical_label(name: str, parameters: Mapping[str, Any]) -> str:
    """`name(key=value, ...)` in the order given, parameters that are None left out."""
    said = [f"{k}={_format(v)}" for k, v in parameters.items() if v is not None]
    return f"{name}({', '.join(said)})" if said else name


def _format(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence | np.ndarray):
        return f"[{', '.join(_format(v) for v in value)}]"
    # %g reads best, but must not give two laws that differ in the 7th digit one name.
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def tilt_prior(
    prior: Float64[np.ndarray, " classes"], odds: float
) -> Float64[np.ndarray, " classes"]:
    """Multiply the odds of class 1 against every other class; `odds` = 1 changes no bit."""
    if odds == 1.0:
        return prior
    tilted = prior.copy()
    tilted[1] *= odds
    tilted /= tilted.sum()
    return tilted


def combine_label_noise(first: float, second: float, num_classes: int) -> float:
    """Flip probability of two independent flips to a uniformly drawn other class, in a row."""
    if second == 0.0:
        return first
    share = num_classes / (num_classes - 1)
    return (1 - (1 - first * share) * (1 - second * share)) / share


def named_seed(*names: object) -> int:
    """A 64-bit seed that is a function of its name only (sha256)."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def check_label_noise(rho: Any) -> float:
    """The range of label noise: [0, 1/2)."""
    return check_number("label_noise", rho, low=0, high=0.5, closed_low=True)


def check_feature_noise(tau: Any) -> float:
    """The range of feature noise: tau >= 0."""
    return check_number("feature_noise", tau, low=0, closed_low=True)


def check_odds(odds: Any) -> float:
    """Odds are positive."""
    return check_number("imbalance odds", odds, low=0)


def check_overlap(s: Any) -> float:
    """The range of overlap: [0, 1)."""
    return check_number("overlap", s, low=0, high=1, closed_low=True)


def check_shift(most: Any) -> int:
    """The range of shifts: whole numbers of pixels, 0 among them."""
    number = check_number("shift", most)
    if number < 0 or not number.is_integer():
        raise ValueError(f"shift = {most!r}: must be a whole number of pixels, 0 or more")
    return int(number)


def check_shift_of(population: Population, most: Any) -> int:
    """The range of shifts of a population's images: below half their shorter side; else 0 alone."""
    shift = check_shift(most)
    if shift == 0:
        return shift
    if not population.has_pixels:
        raise ValueError(
            f"shift = {most:g}: {population.label} has points, rendered or not; allowed with "
            "images: gaussian_images, fitted_images and real images"
        )
    assert population.image_shape is not None
    side = min(population.image_shape[1:])
    if 2 * shift >= side:
        raise ValueError(
            f"shift = {most:g}: images of {population.label} have {side} pixels a side; allowed "
            f"are 0 to {(side - 1) // 2}"
        )
    return shift

"""Real data as populations.

Their posterior and Bayes risk are unknown. Draws are without replacement.
"""

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Float, Float32, Float64

from classcomp.populations.base import (
    Population,
    Sample,
    check_feature_noise,
    check_integer,
    check_label_noise,
    check_num,
    check_odds,
    check_overlap,
    check_shift_of,
    combine_label_noise,
    tilt_prior,
)
from classcomp.populations.damage import PixelDamage, to_floats
from classcomp.populations.parts import Parts, Pool, is_small, pool
from classcomp.populations.staging import Arrays


class DataSource(Protocol):
    """Where the examples of a `RealData` come from; values are immutable and hashable."""

    @property
    def name(self) -> str:
        """Names the validation part: the same name and labels, the same part."""

    @property
    def shape(self) -> tuple[int, ...]:
        """`(C, H, W)` of images, `(d,)` of points."""

    @property
    def num_classes(self) -> int:
        """K, before classes are chosen."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """K names; empty where classes are numbers."""

    @property
    def white(self) -> int:
        """The value of a uint8 pixel that becomes 1.0."""

    @property
    def pixel_range(self) -> tuple[float, float]:
        """Black and white of images: of uint8 ones 0 and 1, else the least and the largest."""

    @property
    def has_test(self) -> bool:
        """Whether the data came with a test part, which is then never mixed with the rest."""

    def arrays(self) -> Arrays:
        """The data, read once per process.

        Raises:
            DataUnavailable: they are not to be had.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class RealData:
    """A `Population` (see base.py) of real images, pixels in [0, 1] before any noise, or points.

    A user's own images of floats and points are taken as they are. Distortions apply in a fixed
    order: resampling, blending, shifting, noise.

    Attributes:
        label: name and parameters of the undistorted law.
        source: the examples.
        classes: original classes kept, in the order of the new labels; None: all.
        odds: factor on the prior odds of class 1.
        blend: overlap s; x becomes (1 - s/2) x + (s/2) x', x' of another class.
        feature_noise: standard deviation of what is added to every pixel or coordinate.
        shift: pixels that an image is moved by at most.
        label_noise: flip probability of training labels.
        num_test: examples of the test part that are scored on, at most; None: all.
        split_seed: which parts it is divided into (see parts.py); None: the data's own.
    """

    label: str
    source: DataSource
    classes: tuple[int, ...] | None = None
    odds: float = 1.0
    blend: float = 0.0
    feature_noise: float = 0.0
    shift: int = 0
    label_noise: float = 0.0
    num_test: int | None = None
    split_seed: int | None = None

    @property
    def num_classes(self) -> int:
        return self.source.num_classes if self.classes is None else len(self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that are kept, in the order of the labels; empty: they have none."""
        names = self.source.class_names
        return names if self.classes is None or not names else tuple(names[c] for c in self.classes)

    @property
    def prior(self) -> Float64[np.ndarray, " classes"]:
        """Class shares of the whole training split, imbalance included."""
        labels = self._pool("whole_train").labels
        shares = np.bincount(labels, minlength=self.num_classes) / len(labels)
        return tilt_prior(shares, self.odds)

    @property
    def vector_shape(self) -> tuple[int, ...]:
        return (math.prod(self.source.shape),)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        if len(self.source.shape) == 1:
            return None
        num_channels, height, width = self.source.shape
        return (num_channels, height, width)

    @property
    def has_unit_pixels(self) -> bool:
        """Of images without noise; of a user's own floats where all of them do."""
        if self.image_shape is None or self.feature_noise > 0:
            return False
        arrays = self.source.arrays()
        return all(
            images.dtype == np.uint8 or (images.min() >= 0 and images.max() <= 1)
            for images in (arrays.train_images, arrays.test_images)
        )

    @property
    def has_pixels(self) -> bool:
        return self.image_shape is not None

    @property
    def pixel_range(self) -> tuple[float, float]:
        return self.source.pixel_range

    def sample(self, num: int, rng: np.random.Generator, *, split: str = "test") -> Sample:
        check_num(num)
        pool = self._pool(split)
        available = self.num_available(split)
        if num > available:
            raise ValueError(
                f"{self.label}: {num} examples asked of split {split!r}, which has {available}"
            )
        candidates = self._rebalanced(pool.labels, rng)
        chosen = rng.permutation(candidates)[:num]
        raw, labels = pool.x[pool.places[chosen]], pool.labels[chosen]
        if self.blend == 0 and self.feature_noise == 0 and self.shift == 0:
            return Sample(x=to_floats(raw, self.source.white), labels=labels)
        damage = PixelDamage(
            raw=raw,
            white=self.source.white,
            labels=labels,
            blend=self.blend,
            noise=self.feature_noise,
            shift=self.shift,
        )
        return Sample(x=damage(np.arange(num), rng), labels=labels, damage=damage)

    def num_available(self, split: str) -> int:
        """Without replacement; under imbalance as many as the scarcer class allows.

        Raises:
            ValueError: the test part has fewer than `num_test`.
        """
        num = int(self._class_counts(self._pool(split).labels).sum())
        if split != "test" or self.num_test is None:
            return num
        if self.num_test > num:
            raise ValueError(
                f"num_test = {self.num_test}: the test part has {num} examples; "
                f"allowed are 1 to {num}"
            )
        return self.num_test

    @property
    def parts(self) -> Parts:
        """How many examples train and test, imbalance not counted, and who divided them."""
        splits = ("whole_train", "validation", "test")
        num_train, num_validation, num_test = (len(self._pool(s).labels) for s in splits)
        num_test = num_test if self.num_test is None else self.num_test
        return Parts(
            num_train=num_train,
            num_validation=num_validation,
            num_test=num_test,
            is_resplit=self.is_resplit,
        )

    @property
    def is_resplit(self) -> bool:
        """Whether every split seed divides the set anew; a set with a test part is as it came."""
        return not self.source.has_test and is_small(self.source.arrays())

    def posterior(self, x: Float[np.ndarray, " n *shape"]) -> None:
        return None

    def log_density(self, x: Float[np.ndarray, " n *shape"]) -> None:
        return None

    def seen_mixture(self) -> None:
        return None

    def bayes_risk(self) -> None:
        return None

    def restored(self, x: Float[np.ndarray, " n *shape"], *, as_images: bool) -> None:
        return None

    def least_error(self, *, as_images: bool) -> None:
        return None

    def vectors(self, x: Float[np.ndarray, " n *shape"]) -> Float32[np.ndarray, "n d"]:
        return np.asarray(x, dtype=np.float32).reshape(len(x), -1)

    def images(
        self, x: Float[np.ndarray, " n *shape"]
    ) -> Float32[np.ndarray, "n channels height width"]:
        if self.image_shape is None:
            raise ValueError(f"{self.label}: points make no images")
        return np.asarray(x, dtype=np.float32)

    def with_feature_noise(self, tau: float) -> "RealData":
        total = float(np.hypot(self.feature_noise, check_feature_noise(tau)))
        return replace(self, feature_noise=total)

    def without_feature_noise(self) -> "RealData":
        return replace(self, feature_noise=0.0)

    @property
    def undistorted(self) -> "RealData":
        return replace(self, odds=1.0, blend=0.0, feature_noise=0.0, shift=0)

    def with_imbalance(self, odds: float) -> "RealData":
        return replace(self, odds=self.odds * check_odds(odds))

    def with_overlap(self, s: float) -> "RealData":
        if self.blend > 0 and check_overlap(s) > 0:
            raise ValueError(f"overlap = {s!r}: examples are blended already ({self.blend:g})")
        return replace(self, blend=max(self.blend, check_overlap(s)))

    def with_shift(self, most: float) -> "RealData":
        if self.shift > 0 and most > 0:
            raise ValueError(
                f"shift = {most:g}: images are shifted already (by up to {self.shift})"
            )
        return replace(self, shift=max(self.shift, check_shift_of(self, most)))

    def with_label_noise(self, rho: float) -> "RealData":
        total = combine_label_noise(self.label_noise, check_label_noise(rho), self.num_classes)
        return replace(self, label_noise=total)

    def _pool(self, split: str) -> Pool:
        source, classes = self.source, self.classes
        seed = self.split_seed
        return pool(source.arrays(), source.name, source.num_classes, classes, split, seed)

    def _class_counts(self, labels: np.ndarray) -> np.ndarray:
        """`(K,)` examples of each class that resampling to the tilted prior can keep."""
        counts = np.bincount(labels, minlength=self.num_classes)
        if self.odds == 1.0:
            return counts
        target = tilt_prior(counts / counts.sum(), self.odds)
        total = int((counts / target).min() * (1 + 1e-12))  # 1e-12: 119.99999999999999 is 120
        # Largest remainders: whole numbers within 1 of total * target that sum to total.
        kept = np.floor(total * target).astype(np.int64)
        by_remainder = np.argsort(kept - total * target, kind="stable")
        kept[by_remainder[: total - kept.sum()]] += 1
        there: np.ndarray = np.minimum(kept, counts)
        return there

    def _rebalanced(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Indices into the pool, thinned at random to the tilted class counts."""
        if self.odds == 1.0:
            return np.arange(len(labels))
        kept = [
            rng.permutation(np.flatnonzero(labels == k))[:count]
            for k, count in enumerate(self._class_counts(labels))
        ]
        return np.concatenate(kept)


def resplit(population: Population, seed: int) -> Population:
    """A population with the parts of a split seed, if it is small data that came whole.

    Laws and other data are returned unchanged.
    """
    if isinstance(population, RealData) and population.parts.is_resplit:
        return replace(population, split_seed=check_integer("split seed", seed, low=0))
    return population

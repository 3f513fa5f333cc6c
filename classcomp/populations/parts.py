"""Which examples of a real data set train, validate and test: the data's own parts, or a seed's.

Data that came with a test part keep it, however few they are: who divided them may have had a
reason (other patients, a later year) that a mixed test part would undo. So do large data. Small
data that came whole are divided anew by every split seed: what one division of few examples says
is that division's luck as well.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Int64, Real

from classcomp.populations.base import check_split
from classcomp.populations.staging import TEST_SHARE, Arrays, DataUnavailable, stratified_share

VALIDATION_SHARE = 1 / 6  # of the training part, in every class
RESPLIT_BELOW = 10_000  # examples, training and test together


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """How a real population is divided.

    Attributes:
        num_train: examples outside the test part.
        num_validation: of those, the ones that a search validates on and no sample is drawn from.
        num_test: examples of the test part.
        is_resplit: whether every split seed has parts of its own, of these sizes.
    """

    num_train: int
    num_validation: int
    num_test: int
    is_resplit: bool

    @property
    def num_shared(self) -> int:
        """Examples that the samples of two seeds are both drawn from."""
        if self.is_resplit:
            return self.num_train + self.num_test
        return self.num_train - self.num_validation


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pool:
    """The examples of one split.

    Attributes:
        x: of the data, this split and others.
        places: of this split's examples in x.
        labels: theirs, after classes were chosen.
    """

    x: Real[np.ndarray, " all *shape"]
    places: Int64[np.ndarray, " n"]
    labels: Int64[np.ndarray, " n"]


def is_small(arrays: Arrays) -> bool:
    """Whether data are too few for one division to stand for all."""
    return len(arrays.train_labels) + len(arrays.test_labels) < RESPLIT_BELOW


@lru_cache(maxsize=256)
def pool(
    arrays: Arrays,
    name: str,
    num_classes: int,
    classes: tuple[int, ...] | None,
    split: str,
    seed: int | None,
) -> Pool:
    """The examples of a split.

    Parts are divided before classes are chosen, so that every choice of classes has the same ones.
    Of a seed's parts the sizes by class, and the order of the labels, are every other seed's: what
    is kept of a rule by place in the test part has the same class there under every seed.

    Args:
        arrays: the data.
        name: names the parts.
        num_classes: K, before classes are chosen.
        classes: those kept, in the order of the new labels; None: all.
        split: one of SPLITS.
        seed: None: the data's own parts.

    Raises:
        ValueError: the split is unknown.
        DataUnavailable: a class has no example in it.
    """
    check_split(split)
    if seed is not None:
        x, labels = _together(arrays)
        inside = _divided(labels, name, seed)[split]
    elif split == "test":
        x, labels = arrays.test_images, arrays.test_labels
        inside = np.ones(len(labels), dtype=bool)
    else:
        x, labels = arrays.train_images, arrays.train_labels
        inside = stratified_share(labels, VALIDATION_SHARE, "classcomp", name, "validation")
        inside = {"train": ~inside, "validation": inside}.get(split, np.ones_like(inside))
    new_label = np.full(num_classes, -1)
    kept = range(num_classes) if classes is None else classes
    new_label[list(kept)] = np.arange(len(kept))
    places = np.flatnonzero(inside & (new_label[labels] >= 0))
    relabelled = new_label[labels[places]].astype(np.int64)
    if len(np.unique(relabelled)) < len(kept):
        raise DataUnavailable(f"{name}: split {split!r} lacks examples of some class")
    if seed is not None:
        by_class = np.argsort(relabelled, kind="stable")
        places, relabelled = places[by_class], relabelled[by_class]
    return Pool(x=x, places=places, labels=relabelled)


def _divided(
    labels: Int64[np.ndarray, " n"], name: str, seed: int
) -> dict[str, Bool[np.ndarray, " n"]]:
    """Where each split is, of all examples together."""
    test = stratified_share(labels, TEST_SHARE, "classcomp", name, "test", seed)
    validation = np.zeros_like(test)
    validation[~test] = stratified_share(
        labels[~test], VALIDATION_SHARE, "classcomp", name, "validation", seed
    )
    return {
        "train": ~test & ~validation,
        "validation": validation,
        "whole_train": ~test,
        "test": test,
    }


@lru_cache(maxsize=4)
def _together(arrays: Arrays) -> tuple[Real[np.ndarray, " all *shape"], Int64[np.ndarray, " all"]]:
    x = np.concatenate([arrays.train_images, arrays.test_images])
    labels = np.concatenate([arrays.train_labels, arrays.test_labels])
    x.flags.writeable = labels.flags.writeable = False
    return x, labels

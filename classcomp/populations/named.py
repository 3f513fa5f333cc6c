"""The named data sets as populations: digits, Fashion-MNIST, MNIST and CIFAR-10."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from classcomp.populations.base import Population, canonical_label, check_integer
from classcomp.populations.real import RealData
from classcomp.populations.staging import DATA_SETS, Arrays, load, stage

NUM_CLASSES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedSource:
    """A key of `staging.DATA_SETS`; where its files lie is no part of the identity."""

    name: str
    data_dir: str | None = field(default=None, compare=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        return DATA_SETS[self.name].shape

    @property
    def num_classes(self) -> int:
        return NUM_CLASSES

    @property
    def class_names(self) -> tuple[str, ...]:
        return DATA_SETS[self.name].class_names

    @property
    def white(self) -> int:
        return DATA_SETS[self.name].white

    @property
    def pixel_range(self) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def has_test(self) -> bool:
        return DATA_SETS[self.name].has_test

    def arrays(self) -> Arrays:
        return load(stage(self.name, self.data_dir))


def other_classes(population: Population) -> RealData:
    """Return the classes that a population of real data leaves out, undistorted.

    Raises:
        ValueError: it is a law, or leaves fewer than two out.
    """
    if not isinstance(population, RealData):
        raise ValueError(f"weights = other_classes: {population.label} is a law, and has no others")
    kept = population.classes or tuple(range(population.source.num_classes))
    others = tuple(k for k in range(population.source.num_classes) if k not in kept)
    if len(others) < 2:
        raise ValueError(
            f"weights = other_classes: {population.label} leaves {len(others)} classes out, and "
            "at least two are needed to learn from, as with classes = [0, 2, 4, 6, 8]"
        )
    label = canonical_label(population.label.partition("(")[0], {"classes": others})
    return RealData(label=label, source=population.source, classes=others)


def digits(classes: Sequence[int] | None = None, *, data_dir: str | Path | None = None) -> RealData:
    """scikit-learn's 1,797 digits, 8 x 8; a fixed stratified third is the test split."""
    return _real("digits", classes, None, data_dir)


def fashion_mnist(
    classes: Sequence[int] | None = None,
    num_test: int | None = None,
    *,
    data_dir: str | Path | None = None,
) -> RealData:
    """Fashion-MNIST (Xiao et al. 2017), 28 x 28, 60,000 + 10,000."""
    return _real("fashion_mnist", classes, num_test, data_dir)


def mnist(
    classes: Sequence[int] | None = None,
    num_test: int | None = None,
    *,
    data_dir: str | Path | None = None,
) -> RealData:
    """MNIST (LeCun et al. 1998), 28 x 28, 60,000 + 10,000."""
    return _real("mnist", classes, num_test, data_dir)


def cifar10(
    classes: Sequence[int] | None = None,
    num_test: int | None = None,
    *,
    data_dir: str | Path | None = None,
) -> RealData:
    """CIFAR-10 (Krizhevsky 2009), 3 x 32 x 32, 50,000 + 10,000."""
    return _real("cifar10", classes, num_test, data_dir)


def _real(
    name: str,
    classes: Sequence[int] | None,
    num_test: int | None,
    data_dir: str | Path | None,
) -> RealData:
    classes = check_classes(classes)
    if num_test is not None:
        num_test = check_integer("num_test", num_test, low=1)
    return RealData(
        label=canonical_label(name, {"classes": classes, "num_test": num_test}),
        source=NamedSource(name=name, data_dir=None if data_dir is None else str(data_dir)),
        classes=classes,
        num_test=num_test,
    )


def check_classes(classes: Any) -> tuple[int, ...] | None:
    """Return the classes that are kept; None: all. Raise ValueError, in one line, of others."""
    if classes is None:
        return None
    if not isinstance(classes, Sequence) or isinstance(classes, str):
        raise ValueError(f"classes = {classes!r}: must be a list of classes from 0 to 9")
    kept = tuple(check_integer("classes", k, low=0, high=NUM_CLASSES - 1) for k in classes)
    if len(kept) < 2 or len(set(kept)) < len(kept):
        raise ValueError(f"classes = {list(kept)}: must be two or more different classes")
    return kept

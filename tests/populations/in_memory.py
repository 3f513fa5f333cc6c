"""Real data that lie in memory, for tests."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from classcomp.populations.real import RealData
from classcomp.populations.staging import Arrays


@dataclass(frozen=True, kw_only=True)
class InMemory:
    """A `DataSource`."""

    held: Arrays
    has_test: bool = False
    name: str = "held"
    white: int = 255

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.held.train_images.shape[1:])

    @property
    def num_classes(self) -> int:
        return int(self.held.train_labels.max()) + 1

    def arrays(self) -> Arrays:
        return self.held


def held(x: np.ndarray, y: np.ndarray, num_test: int, **facts: Any) -> RealData:
    """The last `num_test` examples are the test part."""
    end = len(y) - num_test
    arrays = Arrays(
        train_images=x[:end], train_labels=y[:end], test_images=x[end:], test_labels=y[end:]
    )
    return RealData(label="held", source=InMemory(held=arrays, **facts))

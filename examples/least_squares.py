"""Least squares as a classifier, whose second descent is known.

`python -m study.run examples/least_squares.toml`. Of all weights that come nearest to the labels -1
and 1 the shortest, without a constant term: with as many inputs as examples, or more, it
interpolates. On two Gaussians its expected risk is known for every number of examples
(tests/statistical/test_least_squares_classifier.py; docs/regimes.md).
"""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class LeastSquares(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Two classes, of labels 0 and 1; `coef_` (d,) is what it has fitted."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Fit inputs (n, d) and labels (n,)."""
        self.classes_ = np.array([0, 1])
        self.coef_ = np.linalg.lstsq(x, 2.0 * y - 1, rcond=None)[0]
        return self

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Return (n, 2): the fitted value as a probability, cut off at 0 and 1."""
        one = np.clip((x @ self.coef_ + 1) / 2, 0, 1)
        return np.stack([1 - one, one], axis=1)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return (n,): the sign."""
        return (x @ self.coef_ > 0).astype(np.int64)

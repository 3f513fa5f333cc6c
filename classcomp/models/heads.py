"""Classifiers on top of a network's features that scikit-learn fits."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float64, Int, Int64, Real
from scipy.optimize import linear_sum_assignment, minimize
from scipy.special import log_softmax, softmax

from classcomp.models.architecture import check_integer, check_real

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture
    from sklearn.svm import SVC

COVARIANCES = ("full", "diag")
RIDGE = 1e-6
"""Of a mixture's variances, in units of the mean variance of a feature."""
_LEAST_RIDGE = 1e-12


@dataclass(kw_only=True, eq=False)
class Head(ABC):
    """A classifier on features `(n, F)` of K classes, not all of which a sample need have.

    Its fields are its hyperparameters; what `fit` finds are further attributes. scikit-learn is
    imported where it is used: it takes a second, which workers on other families save.

    Attributes:
        num_classes: K.

    Raises:
        ValueError: a value is out of range.
    """

    num_classes: int

    @abstractmethod
    def fit(
        self,
        features: Float64[np.ndarray, "n features"],
        labels: Int64[np.ndarray, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit it to a sample anew; what it draws is `generator`'s."""

    @abstractmethod
    def predict(self, features: Float64[np.ndarray, "n features"]) -> Int64[np.ndarray, " n"]:
        """Return the classes decided for."""

    @abstractmethod
    def predict_proba(
        self, features: Float64[np.ndarray, "n features"]
    ) -> Float64[np.ndarray, "n classes"]:
        """Return class probabilities; the likeliest class need not be the one decided for."""


def drawn_seed(generator: torch.Generator) -> int:
    """Return a seed for what knows no generators."""
    return int(torch.randint(2**31 - 1, (1,), generator=generator, device=generator.device))


def spread(
    seen: Float64[np.ndarray, "n present"],
    present: Int64[np.ndarray, " present"],
    num_fitted: int,
    num_classes: int,
) -> Float64[np.ndarray, "n classes"]:
    """Return probabilities of all K classes: 1/(N + K) of each that is not among the N fitted."""
    absent_mass = 1 / (num_fitted + num_classes)
    proba = np.full((len(seen), num_classes), absent_mass)
    proba[:, present] = seen * (1 - absent_mass * (num_classes - len(present)))
    return proba


def fit_calibration(
    scores: Float64[np.ndarray, "n values"],
    classes: Int[np.ndarray, " n"],
    num_classes: int,
) -> Float64[np.ndarray, "values+1 classes"]:
    """Return softmax weights, bias last, from decision values.

    Platt's (1999) smoothed targets, (N_k + 1)/(N_k + 2) for the own class and the rest spread
    evenly, under a multinomial logistic model; at K = 2 this is his sigmoid.
    """
    design = np.column_stack((scores, np.ones(len(scores))))
    counts = np.bincount(classes, minlength=num_classes)
    own = ((counts + 1) / (counts + 2))[classes]
    targets = np.repeat(((1 - own) / (num_classes - 1))[:, None], num_classes, axis=1)
    targets[np.arange(len(classes)), classes] = own

    def cross_entropy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        logits = design @ flat.reshape(-1, num_classes)
        gradient = design.T @ (softmax(logits, axis=1) - targets) / len(design)
        value = -(targets * log_softmax(logits, axis=1)).sum() / len(design)
        return value, gradient.ravel()

    start = np.zeros(design.shape[1] * num_classes)
    weights: np.ndarray = minimize(cross_entropy, start, jac=True, method="L-BFGS-B").x
    return weights.reshape(-1, num_classes)


def decision_values(
    machine: "SVC", features: Float64[np.ndarray, "n features"]
) -> Float64[np.ndarray, "n values"]:
    """Return a machine's values of each example: a single one where there are two classes."""
    values: np.ndarray = machine.decision_function(features)
    return values.reshape(len(features), -1)


@dataclass(kw_only=True, eq=False)
class SupportVectors(Head):
    """An SVM with a radial basis kernel, gamma = 1 / (F Var): Cortes and Vapnik (1995).

    `predict` is the machine's decision; `predict_proba` is Platt's (1999) calibration of its
    decision values on the sample, which takes longer and is left to who first asks for
    probabilities. Classes absent from the sample are never decided for: see `spread`.

    Attributes:
        svm_c: C, the penalty on margin violations.
    """

    svm_c: float = 10.0

    def __post_init__(self) -> None:
        check_real("svm_c", self.svm_c, 0.0, above=True)

    def fit(
        self,
        features: Float64[np.ndarray, "n features"],
        labels: Int64[np.ndarray, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit the machine; nothing is drawn. A sample of a single class needs none."""
        from sklearn.svm import SVC

        self.present, classes = np.unique(labels, return_inverse=True)
        self.num_fitted = len(labels)
        self.machine: SVC | None = None
        self.calibration: Float64[np.ndarray, "values+1 present"] | None = None
        if len(self.present) > 1:
            self.machine = SVC(C=self.svm_c, gamma="scale").fit(features, classes)
            self.fitted = decision_values(self.machine, features), classes

    def predict(self, features: Float64[np.ndarray, "n features"]) -> Int64[np.ndarray, " n"]:
        """Return the machine's decisions."""
        decided = np.zeros(len(features), dtype=np.int64)
        if self.machine is not None:
            decided = self.machine.predict(features)
        found: np.ndarray = self.present[decided]
        return found

    def predict_proba(
        self, features: Float64[np.ndarray, "n features"]
    ) -> Float64[np.ndarray, "n classes"]:
        """Return calibrated probabilities."""
        seen = np.ones((len(features), 1))
        if self.machine is not None:
            if self.calibration is None:
                self.calibration = fit_calibration(*self.fitted, len(self.present))
            values = decision_values(self.machine, features)
            design = np.column_stack((values, np.ones(len(values))))
            seen = softmax(design @ self.calibration, axis=1)
        return spread(seen, self.present, self.num_fitted, self.num_classes)


def assign_clusters(counts: Real[np.ndarray, "clusters classes"]) -> Int64[np.ndarray, " clusters"]:
    """Return the class of each cluster, from counts of cluster and class.

    Clusters and classes are paired one to one so that most examples agree (Kuhn 1955, the
    Hungarian method); clusters left over get their majority class, empty ones the sample's.
    """
    majority = counts.sum(axis=0).argmax()
    assigned: np.ndarray = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), majority)
    clusters, classes = linear_sum_assignment(counts, maximize=True)
    assigned[clusters] = classes
    return assigned


@contextmanager
def whatever_converges() -> Iterator[None]:
    """Points apart by rounding only may still merge; an empty cluster does no harm here."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@dataclass(kw_only=True, eq=False)
class NamedClusters(Head):
    """k-means (Lloyd 1982, ten starts); labels only name the clusters.

    No more clusters than distinct points. `predict` is the class assigned to the nearest cluster;
    `predict_proba` is the class frequencies in it with one added to each count (Laplace).

    Attributes:
        clusters_per_class: clusters are this many times the number of classes.
    """

    clusters_per_class: int = 1

    def __post_init__(self) -> None:
        check_integer("clusters_per_class", self.clusters_per_class, 1)

    def fit(
        self,
        features: Float64[np.ndarray, "n features"],
        labels: Int64[np.ndarray, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit the clusters and name them; starts are drawn from `generator`."""
        from sklearn.cluster import KMeans

        distinct = len(np.unique(features, axis=0))
        num = min(self.clusters_per_class * self.num_classes, distinct)
        clusters = KMeans(n_clusters=num, n_init=10, random_state=drawn_seed(generator))
        with whatever_converges():
            self.clusters: KMeans = clusters.fit(features)
        counts = np.zeros((num, self.num_classes))
        np.add.at(counts, (self.clusters.labels_, labels), 1)
        self.assigned = assign_clusters(counts)
        self.frequencies = (counts + 1) / (counts + 1).sum(axis=1, keepdims=True)

    def predict(self, features: Float64[np.ndarray, "n features"]) -> Int64[np.ndarray, " n"]:
        """Return the class assigned to each example's cluster."""
        found: np.ndarray = self.assigned[self.clusters.predict(features)]
        return found

    def predict_proba(
        self, features: Float64[np.ndarray, "n features"]
    ) -> Float64[np.ndarray, "n classes"]:
        """Return the smoothed class frequencies of each example's cluster."""
        found: np.ndarray = self.frequencies[self.clusters.predict(features)]
        return found


@dataclass(kw_only=True, eq=False)
class ClassMixtures(Head):
    """Bayes' rule by a Gaussian mixture for each class and the classes' shares as the prior.

    Hastie and Tibshirani (1996). With one full component a class it is quadratic discriminant
    analysis, variances by maximum likelihood. Fitted by EM from k-means; each class has no more
    components than distinct points. `RIDGE` is added to the variances.

    Attributes:
        components: of each class.
        covariance: one of `COVARIANCES`: what a component's matrix may be.
    """

    components: int = 1
    covariance: str = "full"

    def __post_init__(self) -> None:
        check_integer("components", self.components, 1)
        if self.covariance not in COVARIANCES:
            allowed = ", ".join(COVARIANCES)
            raise ValueError(f"covariance must be one of {allowed}, got {self.covariance!r}")

    def fit(
        self,
        features: Float64[np.ndarray, "n features"],
        labels: Int64[np.ndarray, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit a mixture to each class; starts are drawn from `generator`."""
        self.present, counts = np.unique(labels, return_counts=True)
        self.num_fitted = len(labels)
        self.log_shares = np.log(counts / len(labels))
        seed, ridge = drawn_seed(generator), max(RIDGE * features.var(axis=0).mean(), _LEAST_RIDGE)
        self.mixtures = [self._mixture(features[labels == k], ridge, seed) for k in self.present]

    def _mixture(
        self, points: Float64[np.ndarray, "n features"], ridge: float, seed: int
    ) -> "GaussianMixture":
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(
            n_components=min(self.components, len(np.unique(points, axis=0))),
            covariance_type=self.covariance,
            reg_covar=ridge,
            random_state=seed,
        )
        if len(points) == 1:  # twice, which is the same law: a single point is refused
            points = points.repeat(2, axis=0)
        with whatever_converges():
            return mixture.fit(points)

    def predict(self, features: Float64[np.ndarray, "n features"]) -> Int64[np.ndarray, " n"]:
        """Return the likeliest classes."""
        found: np.ndarray = self.present[self._log_joint(features).argmax(axis=1)]
        return found

    def predict_proba(
        self, features: Float64[np.ndarray, "n features"]
    ) -> Float64[np.ndarray, "n classes"]:
        """Return the posterior; of classes absent from the sample see `spread`."""
        seen: np.ndarray = softmax(self._log_joint(features), axis=1)
        return spread(seen, self.present, self.num_fitted, self.num_classes)

    def _log_joint(self, features: np.ndarray) -> np.ndarray:
        found = [mixture.score_samples(features) for mixture in self.mixtures]
        return np.stack(found, axis=1) + self.log_shares


@dataclass(kw_only=True, eq=False)
class NearestNeighbours(Head):
    """The majority among the k nearest of the sample, by Euclidean distance: Cover and Hart (1967).

    Of classes that tie the first is decided for. `predict_proba` is their shares with one added to
    each count (Laplace). A sample of fewer than k points has as many neighbours as points.

    Attributes:
        neighbours: k.
    """

    neighbours: int = 5

    def __post_init__(self) -> None:
        check_integer("neighbours", self.neighbours, 1)

    def fit(
        self,
        features: Float64[np.ndarray, "n features"],
        labels: Int64[np.ndarray, " n"],
        generator: torch.Generator,
    ) -> None:
        """Keep the sample; nothing is drawn."""
        from sklearn.neighbors import KNeighborsClassifier

        self.num_used = min(self.neighbours, len(labels))
        self.found: KNeighborsClassifier = KNeighborsClassifier(self.num_used).fit(features, labels)

    def predict(self, features: Float64[np.ndarray, "n features"]) -> Int64[np.ndarray, " n"]:
        """Return the majority classes."""
        decided: np.ndarray = self.found.predict(features)
        return decided

    def predict_proba(
        self, features: Float64[np.ndarray, "n features"]
    ) -> Float64[np.ndarray, "n classes"]:
        """Return the smoothed shares."""
        counts = np.zeros((len(features), self.num_classes))
        counts[:, self.found.classes_] = self.num_used * self.found.predict_proba(features)
        return (counts + 1) / (self.num_used + self.num_classes)


HEADS: dict[str, type[Head]] = {
    "svm": SupportVectors,
    "kmeans": NamedClusters,
    "gaussian_mixture": ClassMixtures,
    "knn": NearestNeighbours,
}

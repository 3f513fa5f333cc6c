"""Variational autoencoder, then k-means clusters of its latent means named after classes."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int, Int64, Real
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from classcomp.models.base import check_integer
from classcomp.models.vae import VAE, VAEConfig

if TYPE_CHECKING:
    from sklearn.cluster import KMeans


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(VAEConfig):
    """The autoencoder's configuration and the clusters'.

    Attributes:
        clusters_per_class: clusters are this many times the number of classes.

    Raises:
        ValueError: a value is out of range.
    """

    clusters_per_class: int = 1

    def __post_init__(self) -> None:
        VAEConfig.__post_init__(self)
        check_integer("clusters_per_class", self.clusters_per_class, 1)


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


def fit_clusters(
    latents: Float64[np.ndarray, "n latents"], num_clusters: int, seed: int
) -> "KMeans":
    """Return k-means (Lloyd 1982, ten starts) with no more clusters than distinct points."""
    # Here: scikit-learn takes a second to import, which workers on other families save.
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    distinct = len(np.unique(latents, axis=0))
    model = KMeans(n_clusters=min(num_clusters, distinct), n_init=10, random_state=seed)
    with warnings.catch_warnings():
        # Points apart by rounding only may still merge; an empty cluster does no harm here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(latents)


class VAEKMeans(VAE):
    """A VAE whose head is k-means on the latent means; labels only name the clusters.

    Fitted on at most `vae.NUM_HEAD_EXAMPLES` examples. `predict` is the class assigned to the
    nearest cluster; `predict_proba` is the class frequencies in it with one added to each
    count (Laplace), so its largest entry need not be the class assigned.
    """

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config, width)
        self.num_clusters = config.clusters_per_class * config.num_classes
        self.clusters: KMeans | None = None
        self.assigned: Int64[np.ndarray, " clusters"] | None = None
        self.frequencies: Float64[np.ndarray, "clusters classes"] | None = None

    def fit_head(
        self,
        inputs: Float[Tensor, " n *shape"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit the clusters and name them; starts and subsample are drawn from `generator`."""
        latents, kept = (part.numpy() for part in self.head_sample(inputs, labels, generator))
        seed = torch.randint(2**31 - 1, (1,), generator=generator, device=generator.device)
        self.clusters = fit_clusters(latents, self.num_clusters, int(seed))
        counts = np.zeros((self.clusters.n_clusters, self.num_classes))
        np.add.at(counts, (self.clusters.labels_, kept), 1)
        self.assigned = assign_clusters(counts)
        self.frequencies = (counts + 1) / (counts + 1).sum(axis=1, keepdims=True)

    def nearest_cluster(self, inputs: Float[Tensor, " batch *shape"]) -> Int[np.ndarray, " batch"]:
        """Return the index of each example's cluster.

        Raises:
            RuntimeError: `fit_head` has not been called.
        """
        if self.clusters is None:
            raise RuntimeError("vae_kmeans: call fit_head before predicting")
        nearest: np.ndarray = self.clusters.predict(self.latent_points(inputs))
        return nearest

    def predict(self, inputs: Float[Tensor, " batch *shape"]) -> Int64[Tensor, " batch"]:
        """Return the class assigned to each example's cluster."""
        nearest = self.nearest_cluster(inputs)
        assert self.assigned is not None
        return torch.from_numpy(self.assigned[nearest]).to(inputs.device)

    def predict_proba(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> Float32[Tensor, "batch classes"]:
        """Return the smoothed class frequencies of each example's cluster."""
        nearest = self.nearest_cluster(inputs)
        assert self.frequencies is not None
        return torch.from_numpy(self.frequencies[nearest]).float().to(inputs.device)

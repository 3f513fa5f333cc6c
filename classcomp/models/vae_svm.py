"""Variational autoencoder, then a support vector machine on its latent means."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int, Int64
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from torch import Tensor

from classcomp.models.base import check_real
from classcomp.models.vae import VAE, VAEConfig

if TYPE_CHECKING:
    from sklearn.svm import SVC


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(VAEConfig):
    """The autoencoder's configuration and the machine's.

    Attributes:
        svm_c: C, the penalty on margin violations.

    Raises:
        ValueError: a value is out of range.
    """

    svm_c: float = 10.0

    def __post_init__(self) -> None:
        VAEConfig.__post_init__(self)
        check_real("svm_c", self.svm_c, 0.0, above=True)


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
    machine: "SVC", latents: Float64[np.ndarray, "n latents"]
) -> Float64[np.ndarray, "n values"]:
    """Return a machine's values of each example: a single one where there are two classes."""
    values: np.ndarray = machine.decision_function(latents)
    return values.reshape(len(latents), -1)


class VAESVM(VAE):
    """A VAE whose head is an SVM with a radial basis kernel, gamma = 1 / (L Var).

    Cortes and Vapnik (1995) on at most `vae.NUM_HEAD_EXAMPLES` latent means. `predict` is the
    machine's decision; `predict_proba` is Platt's (1999) calibration of its decision values on
    the training sample, so its largest entry need not be the decision. Classes absent from the
    sample are never decided for and share a probability of 1/(N + K) each.
    """

    def __init__(self, config: Config, width: float) -> None:
        super().__init__(config, width)
        self.svm_c = config.svm_c
        # Classes of the head's sample, sorted.
        self.present: Int64[np.ndarray, " present"] | None = None
        self.num_fitted = 0
        self.machine: SVC | None = None  # None also where the sample has a single class
        # Its decision values and the classes, in places of `present`, of what it was fitted on.
        self.fitted: tuple[Float64[np.ndarray, "n values"], Int64[np.ndarray, " n"]] | None = None
        self.calibration: Float64[np.ndarray, "values+1 present"] | None = None

    def fit_head(
        self,
        inputs: Float[Tensor, " n *shape"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit the machine; draws from `generator` only to subsample.

        Its calibration, which takes longer, is left to whoever asks for probabilities.
        """
        latents, kept = (part.numpy() for part in self.head_sample(inputs, labels, generator))
        self.present, classes = np.unique(kept, return_inverse=True)
        self.num_fitted = len(kept)
        self.machine = self.calibration = None
        if len(self.present) > 1:
            from sklearn.svm import SVC  # see vae_kmeans.fit_clusters

            self.machine = SVC(C=self.svm_c, gamma="scale").fit(latents, classes)
            self.fitted = decision_values(self.machine, latents), classes

    def predict(self, inputs: Float[Tensor, " batch *shape"]) -> Int64[Tensor, " batch"]:
        """Return the machine's decisions.

        Raises:
            RuntimeError: `fit_head` has not been called.
        """
        present = self._fitted_classes()
        if self.machine is None:
            decided = np.zeros(len(inputs), dtype=np.int64)
        else:
            decided = self.machine.predict(self.latent_points(inputs))
        return torch.from_numpy(present[decided]).to(inputs.device)

    def predict_proba(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> Float32[Tensor, "batch classes"]:
        """Return calibrated probabilities.

        Raises:
            RuntimeError: `fit_head` has not been called.
        """
        present = self._fitted_classes()
        absent_mass = 1 / (self.num_fitted + self.num_classes)
        proba = np.full((len(inputs), self.num_classes), absent_mass)
        seen = np.ones((len(inputs), 1))
        if self.machine is not None:
            values = decision_values(self.machine, self.latent_points(inputs))
            design = np.column_stack((values, np.ones(len(values))))
            seen = softmax(design @ self._calibrated(), axis=1)
        proba[:, present] = seen * (1 - absent_mass * (self.num_classes - len(present)))
        return torch.from_numpy(proba).float().to(inputs.device)

    def _calibrated(self) -> Float64[np.ndarray, "weights present"]:
        """Return the calibration of the machine as it was fitted last."""
        if self.calibration is None:
            assert self.fitted is not None
            self.calibration = fit_calibration(*self.fitted, len(self._fitted_classes()))
        return self.calibration

    def _fitted_classes(self) -> Int64[np.ndarray, " present"]:
        if self.present is None:
            raise RuntimeError("vae_svm: call fit_head before predicting")
        return self.present

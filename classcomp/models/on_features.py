"""A network whose features are classified by a head that scikit-learn fits."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from classcomp.models.base import Classifier
from classcomp.models.heads import Head

NUM_HEAD_EXAMPLES = 4096  # heads see at most this many: an SVM's time grows with the square
_ENCODING_BATCH = 512


class OnFeatures(Classifier):
    """A classifier by a head on `features`, fitted on at most `NUM_HEAD_EXAMPLES` examples.

    Without a `head` it is a network of logits, as every other one.
    """

    needs_head: ClassVar[bool] = True
    head: Head | None = None
    is_fitted: bool = False

    def features(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch features"]:
        """Return what the head sees."""
        raise NotImplementedError

    def fit_head(
        self,
        inputs: Float[Tensor, " n *shape"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit the head; a subsample, and what it draws itself, are `generator`'s."""
        if self.head is not None:
            features, kept = self.head_sample(inputs, labels, generator)
            self.head.fit(features.numpy(), kept.numpy(), generator)
            self.is_fitted = True

    def predict(self, inputs: Float[Tensor, " batch *shape"]) -> Int64[Tensor, " batch"]:
        """Return the head's decisions.

        Raises:
            RuntimeError: `fit_head` has not been called.
        """
        if self.head is None:
            return super().predict(inputs)
        decided = self._fitted(self.head).predict(self._points(inputs))
        return torch.from_numpy(decided).to(inputs.device)

    def predict_proba(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> Float32[Tensor, "batch classes"]:
        """Return the head's probabilities.

        Raises:
            RuntimeError: `fit_head` has not been called.
        """
        if self.head is None:
            return super().predict_proba(inputs)
        proba = self._fitted(self.head).predict_proba(self._points(inputs))
        return torch.from_numpy(proba).float().to(inputs.device)

    def decide(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> tuple[Int64[Tensor, " batch"], Float32[Tensor, "batch classes"]]:
        """Return `predict` and `predict_proba`; a head may not decide for the likeliest class."""
        if self.head is None:
            return super().decide(inputs)
        return self.predict(inputs), self.predict_proba(inputs)

    def head_sample(
        self,
        inputs: Float[Tensor, " n *shape"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> tuple[Float64[Tensor, "kept features"], Int64[Tensor, " kept"]]:
        """Return features and labels of at most `NUM_HEAD_EXAMPLES` examples.

        Drawn without replacement; on the CPU, in evaluation mode.
        """
        if len(inputs) > NUM_HEAD_EXAMPLES:
            order = torch.randperm(len(inputs), generator=generator, device=generator.device)
            chosen = order[:NUM_HEAD_EXAMPLES].to(inputs.device)
            inputs, labels = inputs[chosen], labels[chosen.to(labels.device)]
        return torch.cat(list(self._feature_batches(inputs))), labels.cpu()

    def _points(self, inputs: Tensor) -> Float64[np.ndarray, "batch features"]:
        return self.features(inputs).detach().double().cpu().numpy()

    def _feature_batches(self, inputs: Tensor) -> Iterator[Tensor]:
        was_training = self.training
        self.eval()
        with torch.no_grad():
            for batch in inputs.split(_ENCODING_BATCH):
                yield self.features(batch).double().cpu()
        self.train(was_training)

    def _fitted(self, head: Head) -> Head:
        if not self.is_fitted:
            raise RuntimeError("a head on features: call fit_head before predicting")
        return head

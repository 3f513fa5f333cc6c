"""What every family of classifiers must keep; its test class inherits `FamilyContract`."""

import dataclasses
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from classcomp.models import Classifier, Model
from classcomp.models.base import Decides, Encodes
from classcomp.testing.model import (
    ModelContract,
    batch_of,
    fit,
    generator,
    random_batch,
    risk,
)

C = TypeVar("C", bound=Classifier)


class FamilyContract(ModelContract[C]):
    """Subclass as `class TestX(FamilyContract)` and set `ModelContract`'s attributes."""

    kind = Classifier  # type: ignore[assignment]  # a narrower contract says more
    overfit_steps = 400

    def output(self, model: Model, inputs: Tensor) -> Tensor:
        """Return class probabilities."""
        assert isinstance(model, Decides)
        return model.decide(inputs)[1]

    def overfit_hyperparameters(self) -> dict[str, Any]:
        """Return hyperparameters that let the family fit 32 points."""
        return {}

    def overfit_sample(self) -> tuple[Tensor, Tensor]:
        """Return 32 points that the family must classify without a mistake."""
        return random_batch(32, self.shape, 2)[0], torch.randint(2, (32,), generator=generator(3))

    def test_shapes_and_probabilities(self) -> None:
        for depth, shape, classes in self.grid:
            model, inputs, _ = self.ready(shape, classes, depth)
            assert isinstance(model, Encodes)
            with torch.no_grad():
                proba, decided = model.predict_proba(inputs), model.predict(inputs)
                features = model.features(inputs)
            case = f"depth={depth} shape={shape} classes={classes}"
            assert proba.shape == (12, classes), case
            assert proba.dtype == torch.float32, case
            assert (proba >= 0).all(), case  # false for NaN too
            torch.testing.assert_close(proba.sum(1), torch.ones(12), rtol=0, atol=1e-5, msg=case)
            assert decided.shape == (12,), case
            assert decided.dtype == torch.int64, case
            assert set(decided.tolist()) <= set(range(classes)), case
            assert features.flatten(1).shape == features.shape, case
            assert len(features) == 12, case

    def test_its_rules_learn_from_probabilities(self) -> None:
        """The best rule is sought by them: certain ones are as good as labels."""
        inputs, labels = random_batch(12, self.shape, 3)
        model = self.make(2, self.shape, 3)
        if not model.objectives():
            pytest.skip("fitted, not trained")
        network = model.rule_of_class(generator(1)).train()
        hard, certain = batch_of(inputs, labels), F.one_hot(labels, 3).float()
        soft = dataclasses.replace(hard, labels=torch.zeros_like(labels), targets=certain)
        found, expected = network.loss(soft, generator(0)), network.loss(hard, generator(0))
        torch.testing.assert_close(found, expected)
        found.backward()
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        assert sum(float(gradient.abs().sum()) for gradient in gradients) > 0

    def test_overfits_32_points(self) -> None:
        inputs, labels = self.overfit_sample()
        assert len(inputs) == 32
        assert 8 <= labels.sum() <= 24
        for depth in (1, 3):
            model = self.make(depth, self.shape, 2, **self.overfit_hyperparameters())
            fit(model, inputs, labels, steps=self.overfit_steps)
            assert risk(model, inputs, labels) == 0.0, depth

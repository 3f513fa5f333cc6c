"""What every family must keep that takes noise off; its test class inherits `DenoisingContract`."""

from typing import Any, Protocol

import torch
from torch import Tensor

from classcomp.models import Denoiser, Model, family_of
from classcomp.models.base import Decides, Denoises, Encodes, Reconstructs
from classcomp.testing.model import ModelContract, batch_of, fit, generator, random_batch


class _Coder(Encodes, Denoises, Protocol):
    """What the contract asks of a model."""


class DenoisingContract(ModelContract[Denoiser]):
    """Subclass as `class TestX(DenoisingContract)` and set `ModelContract`'s attributes."""

    kind = Denoiser
    budget_shapes = (((1, 8, 8), 2), ((3, 64, 64), 2))

    def output(self, model: Model, inputs: Tensor) -> Tensor:
        """Return what is made of noisy inputs."""
        assert isinstance(model, Denoises)
        return model.denoise(inputs)

    def targets(self, inputs: Tensor) -> Tensor:
        """Return the half of the inputs: E[x | x + e] of N(0, I) both."""
        return inputs / 2

    def test_shapes_of_what_is_denoised_and_of_features(self) -> None:
        assert family_of(self.family, self.network).task == "denoising"
        for depth, shape, classes in self.grid:
            model, inputs, _ = self.ready(shape, classes, depth)
            case = f"depth={depth} shape={shape}"
            assert isinstance(model, Encodes), case
            assert not isinstance(model, Decides | Reconstructs), case
            with torch.no_grad():
                found, features = model.denoise(inputs), model.features(inputs)
            assert found.shape == inputs.shape, case
            assert found.dtype == torch.float32, case
            assert torch.isfinite(found).all(), case
            assert features.flatten(1).shape == features.shape, case
            assert len(features) == 12, case

    def test_the_objective_is_the_squared_error_of_the_targets(self) -> None:
        for depth, shape, classes in self.grid:
            inputs, labels = random_batch(12, shape, classes)
            model, targets = self.make(depth, shape, classes).eval(), torch.randn(inputs.shape)
            with torch.no_grad():
                found = model.loss(batch_of(inputs, labels, targets), generator(0))
                by_hand = (model.denoise(inputs) - targets).square().mean()
            torch.testing.assert_close(found, by_hand)

    def test_labels_play_no_part(self) -> None:
        losses = []
        for classes, order in ((3, 1), (3, -1), (7, 1)):
            inputs, labels = random_batch(12, self.shape, 3)
            model = self.make(2, self.shape, classes).train()
            labels = labels if order > 0 else labels.flip(0)
            batch = batch_of(inputs, labels, self.targets(inputs))
            losses.append(model.loss(batch, generator(4)).item())
        assert losses[0] == losses[1] == losses[2]

    def test_its_best_rule_is_looked_for_in_itself(self) -> None:
        model = self.make(2, self.shape, 2)
        assert model.rule_of_class(generator(1)) is model

    def test_a_plane_is_found_in_noise(self) -> None:
        """Of 64 clean inputs on a plane and their noise: below half of the noise's mean square."""
        flat = torch.randn(2, *self.shape, generator=generator(5)).flatten(1)
        clean: Tensor = (torch.randn(64, 2, generator=generator(6)) @ flat).unflatten(1, self.shape)
        clean /= clean.square().mean().sqrt()
        noisy = clean + torch.randn(clean.shape, generator=generator(7))
        for depth in (1, 3):
            model = self.make(depth, self.shape, 2, **self.learning_hyperparameters())
            for _ in range(8):
                fit(model, noisy, torch.arange(64) % 2, steps=50, targets=clean)
                with torch.no_grad():
                    error = (model.eval().denoise(noisy) - clean).square().mean()
                if error < 0.5:
                    break
            assert error < 0.5, depth

    def learning_hyperparameters(self) -> dict[str, Any]:
        """Return hyperparameters that let the family learn a plane."""
        return {}

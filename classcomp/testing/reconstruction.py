"""What every family must keep that gives its inputs back; inherit `ReconstructionContract`."""

from typing import Any, Protocol

import pytest
import torch
from torch import Tensor

from classcomp.models import Model, family_of
from classcomp.models.base import Decides, Decodes, Encodes, Reconstructs
from classcomp.testing.model import (
    ModelContract,
    batch_of,
    fit,
    generator,
    random_batch,
)


class _Coder(Encodes, Reconstructs, Protocol):
    """What the contract asks of a model."""


class ReconstructionContract(ModelContract[Model]):
    """Subclass as `class TestX(ReconstructionContract)` and set `ModelContract`'s attributes."""

    kind = Model
    budget_shapes = (((1, 8, 8), 2), ((3, 64, 64), 2))

    def output(self, model: Model, inputs: Tensor) -> Tensor:
        """Return reconstructions."""
        assert isinstance(model, Reconstructs)
        found: Tensor = model.reconstruct(inputs)
        return found

    def sheet(self, num: int = 64) -> Tensor:
        """Return inputs that lie on a plane through the origin, of mean square 1."""
        flat = torch.randn(2, *self.shape, generator=generator(5)).flatten(1)
        weights = torch.randn(num, 2, generator=generator(6))
        inputs: Tensor = (weights @ flat).unflatten(1, self.shape)
        inputs /= inputs.square().mean().sqrt()
        return inputs

    def test_shapes_of_reconstructions_and_latents(self) -> None:
        assert family_of(self.family, self.network).task == "reconstruction"
        for depth, shape, classes in self.grid:
            model, inputs, _ = self.ready(shape, classes, depth)
            case = f"depth={depth} shape={shape}"
            assert isinstance(model, Reconstructs), case
            assert isinstance(model, Encodes), case
            assert not isinstance(model, Decides), case
            with torch.no_grad():
                found, latents = model.reconstruct(inputs), model.features(inputs)
            assert found.shape == inputs.shape, case
            assert found.dtype == torch.float32, case
            assert torch.isfinite(found).all(), case
            assert latents.shape == (12, self.num_latents(depth, shape)), case

    def test_what_comes_back_is_decoded_from_the_features(self) -> None:
        for depth, shape, classes in self.grid:
            model, inputs, _ = self.ready(shape, classes, depth)
            assert isinstance(model, Decodes), f"depth={depth} shape={shape}"
            assert isinstance(model, Reconstructs), f"depth={depth} shape={shape}"
            with torch.no_grad():
                found = model.decode(model.features(inputs))
                torch.testing.assert_close(found, model.reconstruct(inputs))

    def test_latent_dim_is_the_bottleneck(self) -> None:
        for latents in (1, 3):
            model = self.make(2, self.shape, 2, latent_dim=latents).eval()
            assert isinstance(model, Encodes)
            assert model.features(random_batch(12, self.shape, 2)[0]).shape == (12, latents)
        for wrong in (0, 1.5, True):
            with pytest.raises(ValueError, match="latent_dim"):
                self.make(1, self.shape, 2, latent_dim=wrong)

    def test_labels_play_no_part(self) -> None:
        losses, networks = [], []
        for classes, order in ((3, 1), (3, -1), (7, 1)):
            inputs, labels = random_batch(12, self.shape, 3)
            model = self.make(2, self.shape, classes).train()
            labels = labels if order > 0 else labels.flip(0)
            losses.append(model.loss(batch_of(inputs, labels), generator(4)).item())
            networks.append([tuple(p.shape) for p in model.parameters()])
        assert losses[0] == losses[1] == losses[2]
        assert networks[0] == networks[2]

    def test_a_plane_is_learned(self) -> None:
        inputs = self.sheet()
        for depth in (1, 3):
            model = self.make(depth, self.shape, 2, **self.learning_hyperparameters())
            assert isinstance(model, Reconstructs)
            for _ in range(8):
                fit(model, inputs, torch.arange(64) % 2, steps=50)
                with torch.no_grad():
                    error = (model.eval().reconstruct(inputs) - inputs).square().mean()
                if error < 0.1:
                    break
            assert error < 0.1, depth

    def num_latents(self, depth: int, shape: tuple[int, ...]) -> int:
        """Return how many numbers the bottleneck holds by default."""
        return 8

    def learning_hyperparameters(self) -> dict[str, Any]:
        """Return hyperparameters that let the family learn a plane."""
        return {}

import pytest
import torch

from classcomp.models import count_parameters, meets_budget
from classcomp.testing import (
    IMAGE_GRID,
    VECTOR_GRID,
    ReconstructionContract,
    batch_of,
    generator,
    make,
    random_batch,
)


class TestLinearAutoencoder(ReconstructionContract):
    family = "linear_autoencoder"
    grid = IMAGE_GRID[:4] + VECTOR_GRID
    budget_shapes = (((2,), 2), ((64,), 10), ((1, 8, 8), 2))

    @pytest.mark.parametrize("depth", [1, 3])
    def test_is_affine_of_the_bottleneck_s_rank(self, depth):
        model = make(self.family, depth, (1, 5, 4), 2, latent_dim=3).double()
        with torch.no_grad():
            offset = model.reconstruct(torch.zeros(1, 1, 5, 4).double())
            basis = torch.eye(20).double().unflatten(1, (1, 5, 4))
            matrix = (model.reconstruct(basis) - offset).flatten(1)
            inputs = torch.randn(9, 1, 5, 4, generator=generator(0)).double()
            by_hand = (inputs.flatten(1) @ matrix).unflatten(1, (1, 5, 4)) + offset
            torch.testing.assert_close(model.reconstruct(inputs), by_hand)
        assert torch.linalg.matrix_rank(matrix) == 3

    def test_the_objective_is_the_risk(self):
        model = make(self.family, 2, (4,), 2).train()
        inputs, labels = random_batch(12, (4,), 2)
        found = model.loss(batch_of(inputs, labels), generator(0))
        torch.testing.assert_close(found, (model.reconstruct(inputs) - inputs).square().mean())

    def test_rank_goes_before_the_budget(self):
        model = make(self.family, 1, (1, 64, 64), 2, latent_dim=16)
        assert model.encoder[0].out_features == model.decoder[0].out_features == 16
        assert count_parameters(model) == 2 * 4096 * 16 + 2 * 16 * 16 + 4096
        assert not meets_budget(model, 1)

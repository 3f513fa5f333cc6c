import pytest
import torch

from classcomp.models import count_parameters, meets_budget
from classcomp.testing import (
    IMAGE_GRID,
    VECTOR_GRID,
    DenoisingContract,
    generator,
    make,
    random_batch,
)


class TestLinearDenoiser(DenoisingContract):
    family = "linear_denoiser"
    grid = IMAGE_GRID[:3] + VECTOR_GRID[:3] + VECTOR_GRID[4:]
    budget_shapes = (((2,), 2), ((1, 5, 5), 2))

    @pytest.mark.parametrize("depth", [1, 3])
    def test_is_affine_of_full_rank(self, depth):
        model = make(self.family, depth, (1, 5, 4), 2).double()
        with torch.no_grad():
            model.out.weight.add_(0.1 * torch.randn(model.out.weight.shape, generator=generator(1)))
            model.out.bias.fill_(0.5)
            offset = model.denoise(torch.zeros(1, 1, 5, 4).double())
            basis = torch.eye(20).double().unflatten(1, (1, 5, 4))
            matrix = (model.denoise(basis) - offset).flatten(1)
            inputs = torch.randn(9, 1, 5, 4, generator=generator(0)).double()
            by_hand = (inputs.flatten(1) @ matrix).unflatten(1, (1, 5, 4)) + offset
            torch.testing.assert_close(model.denoise(inputs), by_hand)
        assert torch.linalg.matrix_rank(matrix) == 20

    @pytest.mark.parametrize("depth", [1, 4])
    def test_at_first_inputs_come_back_as_they_are(self, depth):
        model, inputs = make(self.family, depth, (1, 8, 8), 2), random_batch(12, (1, 8, 8), 2)[0]
        with torch.no_grad():
            torch.testing.assert_close(model.denoise(inputs), inputs, rtol=0, atol=1e-5)

    def test_rank_goes_before_the_budget(self):
        model = make(self.family, 1, (1, 28, 28), 2)
        assert model.hidden[0].out_features == 784
        assert count_parameters(model) == 2 * 784**2 + 784
        assert not meets_budget(model, 1)

import pytest
import torch

from classcomp.models import count_parameters, meets_budget
from classcomp.testing import VECTOR_GRID, FamilyContract, generator, make


class TestLinear(FamilyContract):
    family = "linear"
    grid = VECTOR_GRID
    budget_shapes = (((1,), 2), ((2,), 2), ((64,), 10), ((784,), 2))
    shape = (6,)
    wrong_shape = (1, 8, 8)

    def overfit_sample(self):
        inputs = torch.randn(32, 6, generator=generator(1))
        score = inputs[:, 0] - inputs[:, 1]
        inputs[:, 0] += 0.5 * score.sign()  # a margin between the classes
        return inputs, (score > 0).long()

    @pytest.mark.parametrize("depth", [1, 3, 5])
    def test_is_affine_and_of_full_rank(self, depth):
        model = make("linear", depth, (5,), 4).double()
        with torch.no_grad():
            offset = model(torch.zeros(1, 5).double())
            matrix = model(torch.eye(5).double()) - offset
            inputs = torch.randn(20, 5, generator=generator(0)).double()
            torch.testing.assert_close(model(inputs), inputs @ matrix + offset)
        assert torch.linalg.matrix_rank(matrix) == 4

    def test_orthogonal_start_keeps_lengths_at_any_depth(self):
        model = make("linear", 5, (2,), 2)
        inputs = torch.randn(20, 2, generator=generator(0))
        with torch.no_grad():
            torch.testing.assert_close(model.features(inputs).norm(dim=1), inputs.norm(dim=1))

    def test_rank_goes_before_the_budget(self):
        model = make("linear", 1, (12288,), 10)
        assert model.hidden[0].out_features == 10
        assert count_parameters(model) == 12288 * 10 + 10 * 10 + 10
        assert not meets_budget(model, 1)

import numpy as np
import pytest
import torch

from classcomp.models import count_parameters
from classcomp.testing import IMAGE_GRID, VECTOR_GRID, GenerationContract, generator, make


class TestGaussianGenerator(GenerationContract):
    family = "gaussian_generator"
    grid = IMAGE_GRID[:5] + VECTOR_GRID[:3]

    def test_loss_is_a_finite_scalar_whose_gradient_reaches_every_parameter(self) -> None:
        """There is neither: what it is fitted to is a buffer."""
        model = self.make(2, self.shape, 2)
        assert list(model.parameters()) == []
        assert {name for name, _ in model.named_buffers()} == {"mean", "root"}

    def test_budget_is_met_at_every_depth_and_grows(self) -> None:
        """There is nothing to be counted: it has no parameter that a gradient moves."""
        for depth in range(1, 6):
            model = self.make(depth, self.shape, 2)
            assert count_parameters(model) == 0
            assert model.objectives() == ()

    def test_more_coordinates_than_it_fits(self) -> None:
        self.make(1, (1, 64, 64), 2)
        with pytest.raises(ValueError, match=r"^input_shape must have 4096 coordinates at most"):
            self.make(1, (3, 64, 64), 2)


def test_samples_have_the_mean_and_covariance_of_the_sample():
    """Against numpy's, by the law of large numbers: six standard errors of either."""
    mixing = torch.randn(3, 3, generator=generator(1))
    inputs = torch.randn(500, 3, generator=generator(2)) @ mixing + torch.tensor([1.0, 2, -3])
    model = make("gaussian_generator", 1, (3,), 2)
    model.fit_head(inputs, torch.zeros(500, dtype=torch.int64), generator(0))
    made = model.sample(200_000, generator(3)).double().numpy()
    mean, cov = inputs.double().mean(dim=0).numpy(), np.cov(inputs.double().numpy().T, bias=True)
    assert (np.abs(made.mean(axis=0) - mean) < 6 * np.sqrt(np.diag(cov) / 200_000)).all()
    noise = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / 200_000)
    assert (np.abs(np.cov(made.T) - cov) < 6 * noise).all()


def test_fewer_examples_than_coordinates_span_what_it_makes():
    inputs = torch.randn(5, 40, generator=generator(1))
    model = make("gaussian_generator", 1, (40,), 2)
    model.fit_head(inputs, torch.zeros(5, dtype=torch.int64), generator(0))
    made = model.sample(100, generator(0)) - inputs.mean(dim=0)
    assert torch.linalg.matrix_rank(made, rtol=1e-3) == 4
    one = make("gaussian_generator", 1, (40,), 2)
    one.fit_head(inputs[:1], torch.zeros(1, dtype=torch.int64), generator(0))
    torch.testing.assert_close(one.sample(3, generator(0)), inputs[:1].expand(3, 40))

import math

import torch

from classcomp.models.gaussian_latents import gaussian_kl, normal_log_density
from classcomp.testing import generator


def test_gaussian_kl_in_closed_form():
    mean, logvar = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, math.log(4.0)]])
    expected = 0.5 + 0.5 * (4 - 1 - math.log(4.0))
    torch.testing.assert_close(gaussian_kl(mean, logvar), torch.tensor([expected]))


def test_normal_log_density_against_torch():
    x, mean, logvar = torch.randn(3, 5, 4, generator=generator(0))
    normal = torch.distributions.Normal(mean, (0.5 * logvar).exp())
    torch.testing.assert_close(normal_log_density(x, mean, logvar), normal.log_prob(x).sum(-1))

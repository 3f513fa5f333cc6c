"""Variational auto-decoders: the contract with each law, and a posterior that is known."""

import math

import pytest
import torch

from classcomp.models.base import DrawsLatents
from classcomp.testing import fit, generator
from tests.models.test_auto_decoder import SHAPE, FittedContract, with_plane


class TestGaussian(FittedContract):
    family = "variational_auto_decoder"

    def learning_hyperparameters(self):
        return {"beta": 0.1}

    @pytest.mark.parametrize("value", ["laplace", 1, None])
    def test_a_law_that_there_is_not(self, value):
        with pytest.raises(ValueError, match="law must be one of gaussian, exponential, uniform"):
            self.make(1, SHAPE, 2, law=value)

    @pytest.mark.parametrize("value", [-1.0, math.inf, True])
    def test_beta_out_of_range(self, value):
        with pytest.raises(ValueError, match="beta"):
            self.make(1, SHAPE, 2, beta=value)

    def test_draws_are_of_the_law_that_is_found(self):
        model, inputs, _ = self.ready()
        assert isinstance(model, DrawsLatents)
        with torch.no_grad():
            rows = model.found(inputs).unflatten(1, (-1, model.latent_dim))
            noise = model.law.noise(12, model.latent_dim, generator(1))
            drawn = model.draw_latents(inputs, generator(1))
            assert torch.equal(drawn, model.law.draw(rows, noise))
            assert not torch.equal(drawn, model.features(inputs))


@pytest.mark.parametrize("law", ["exponential", "uniform"])
def test_other_laws_learn_a_plane_and_are_found_for_new_examples(law):
    contract = TestGaussian()
    inputs = contract.sheet()
    model = contract.make(1, SHAPE, 2, law=law, beta=0.1)
    model.prepare(inputs)
    fit(model, inputs, torch.arange(64) % 2, steps=150)
    model.eval()
    with torch.no_grad():
        recalled = (model.recall(inputs, torch.arange(64)) - inputs).square().mean()
        found = (model.decode(model.infer(inputs, steps=64)) - inputs).square().mean()
        images = model.sample(5, generator(0))
    assert max(recalled, found) < 0.9 * inputs.square().mean()
    assert images.shape == (5, *SHAPE)
    assert torch.isfinite(images).all()


def test_laws_found_for_a_linear_decoder_are_the_best_ones_of_the_posterior():
    """Means of the exact posterior; variances v / (v + |w_k|^2) of independent coordinates."""
    model = with_plane("variational_auto_decoder", inference_steps=4_000)
    inputs = torch.randn(6, *SHAPE, generator=generator(4))
    matrix = model.decoder.matrix.detach()
    with torch.no_grad():
        mean, log_sd = model.found(inputs).unflatten(1, (2, 4)).unbind(1)
    inverse = torch.linalg.inv(matrix @ matrix.T + 0.05 * torch.eye(4))
    expected = inputs.flatten(1) @ matrix.T @ inverse
    torch.testing.assert_close(mean, expected, atol=0.03, rtol=0)
    variances = 0.05 / (0.05 + matrix.square().sum(dim=1))
    torch.testing.assert_close(log_sd, (variances.log() / 2).expand(6, 4), atol=0.15, rtol=0)


def test_the_objective_is_minus_the_elbo_in_the_risk_s_unit():
    """With columns at right angles the ELBO's maximum is log p(x), known of a linear decoder."""
    model = with_plane("variational_auto_decoder")
    with torch.no_grad():
        model.decoder.matrix.copy_(0.5 * torch.linalg.qr(model.decoder.matrix.T).Q.T)
    inputs = torch.randn(6, *SHAPE, generator=generator(4))
    matrix, variance = model.decoder.matrix.detach(), 0.05
    posterior = variance / (variance + 0.25)
    mean = inputs.flatten(1) @ matrix.T / (0.25 + variance)
    rows = torch.cat([mean, torch.full_like(mean, math.log(posterior) / 2)], dim=1)
    with torch.no_grad():
        terms = torch.stack(
            [model.terms(inputs, rows, model.law.noise(6, 4, generator(k))) for k in range(4_000)]
        )
    covariance = matrix.T @ matrix + variance * torch.eye(64)
    law = torch.distributions.MultivariateNormal(torch.zeros(64), covariance)
    constant = 32 * math.log(2 * math.pi * variance)
    expected = 2 * variance / 64 * (-law.log_prob(inputs.flatten(1)) - constant)
    error = 4 * terms.std(dim=0) / math.sqrt(len(terms))
    assert ((terms.mean(dim=0) - expected).abs() <= error + 1e-6).all()

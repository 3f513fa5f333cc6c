import math

import pytest
import torch

from classcomp.models.base import Generates, HasDensity
from classcomp.models.gaussian_latents import gaussian_kl
from classcomp.testing import ReconstructionContract, batch_of, generator, make, random_batch

SHAPE = (1, 8, 8)
BATCH = batch_of(*random_batch(12, SHAPE, 2))


class TestBetaVAE(ReconstructionContract):
    family = "beta_vae"
    learning_steps = 600

    def learning_hyperparameters(self):
        return {"beta": 0.1}

    @pytest.mark.parametrize("value", [-1.0, float("inf"), True])
    def test_beta_out_of_range(self, value):
        with pytest.raises(ValueError, match="beta"):
            self.make(1, SHAPE, 2, beta=value)

    def test_samples_and_densities(self):
        model, inputs, _ = self.ready()
        assert isinstance(model, Generates)
        assert isinstance(model, HasDensity)
        with torch.no_grad():
            drawn = model.sample(5, generator(0))
            assert drawn.shape == (5, *SHAPE)
            assert torch.equal(drawn, model.sample(5, generator(0)))
            density = model.log_density(inputs, generator(0))
        assert density.dtype == torch.float64
        assert density.shape == (12,)
        assert torch.isfinite(density).all()

    def test_reconstructions_are_of_the_mean(self):
        model, inputs, _ = self.ready()
        with torch.no_grad():
            mean, _ = model.encode(inputs)
            assert torch.equal(model.features(inputs), mean)
            assert torch.equal(model.reconstruct(inputs), model.decode(mean))


def test_loss_is_minus_the_mean_elbo_with_kl_weighted():
    models = [make("beta_vae", 2, SHAPE, 2, beta=beta).eval() for beta in (1.0, 3.0)]
    with torch.no_grad():
        one, three = (m.loss(BATCH, generator(0)) for m in models)
        kl = gaussian_kl(*models[0].encode(BATCH.inputs)).mean()
        torch.testing.assert_close(three - one, 2 * kl)
        elbo = models[0].elbo(BATCH.inputs, generator(0)).mean()
        torch.testing.assert_close(one, -elbo)


def test_at_one_width_and_seed_it_starts_as_the_autoencoder():
    plain = make("autoencoder", 2, SHAPE, 2, width=6).state_dict()
    held = make("beta_vae", 2, SHAPE, 2, width=6).state_dict()
    assert plain.keys() <= held.keys()
    for name, value in plain.items():
        assert torch.equal(held[name], value), name


def test_at_beta_zero_nothing_is_drawn_and_the_gradient_is_the_autoencoder_s():
    """d/2 log mse: its gradient is the mean squared error's, times d / (2 mse)."""
    model = make("beta_vae", 1, SHAPE, 2, width=6, beta=0.0).train()
    plain = make("autoencoder", 1, SHAPE, 2, width=6).train()
    loss, error = model.loss(BATCH, generator(0)), plain.loss(BATCH, generator(1))
    by_hand = 32 * (torch.log(2 * math.pi * error) + 1)
    torch.testing.assert_close(loss, by_hand)
    loss.backward()
    error.backward()
    for name, parameter in plain.named_parameters():
        found = model.get_parameter(name).grad
        torch.testing.assert_close(found, parameter.grad * 32 / error.item(), rtol=1e-4, atol=1e-4)
    assert model.log_variance.weight.grad is None

import pytest
import torch

from classcomp.models.base import Generates, HasDensity
from classcomp.testing import ReconstructionContract, batch_of, fit, generator, make, random_batch

SHAPE = (1, 8, 8)
BATCH = batch_of(*random_batch(12, SHAPE, 2))


class TestBetaVAE(ReconstructionContract):
    family = "beta_vae"

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


def test_the_gradient_is_minus_the_elbo_s_in_the_risk_s_unit():
    """Times 2 v / 64: against the ELBO of `GaussianLatents`, whose v is profiled out."""
    for beta in (1.0, 3.0):
        first, second = (make("beta_vae", 1, SHAPE, 2, beta=beta).train() for _ in range(2))
        first.loss(BATCH, generator(0)).backward()
        (-second.elbo(BATCH.inputs, generator(0), beta=beta).mean()).backward()
        with torch.no_grad():
            error = (second.observation_variance - 0.75) / 0.25  # of this batch alone
        for name, parameter in second.named_parameters():
            expected = parameter.grad * 2 * error / 64
            torch.testing.assert_close(
                first.get_parameter(name).grad, expected, rtol=1e-3, atol=1e-5, msg=name
            )


def test_the_loss_by_hand():
    model = make("beta_vae", 2, SHAPE, 2, beta=3.0).eval()
    with torch.no_grad():
        mean, logvar = model.encode(BATCH.inputs)
        noise = torch.randn(12, 8, generator=generator(0))
        error = model.decode(mean + (logvar / 2).exp() * noise) - BATCH.inputs
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1).mean()
        by_hand = error.square().mean() + 2 * 3.0 * 1.0 / 64 * kl  # v is 1 at first
        torch.testing.assert_close(model.loss(BATCH, generator(0)), by_hand)


def test_at_beta_zero_it_is_the_autoencoder_step_by_step():
    """At one width and seed: bit for bit, dropout and flips included."""
    shared = {"width": 6, "dropout": 0.2, "flips": True, "l2": 1e-3}
    plain = make("autoencoder", 2, SHAPE, 2, **shared)
    model = make("beta_vae", 2, SHAPE, 2, beta=0.0, **shared)
    assert plain.state_dict().keys() <= model.state_dict().keys()
    for network in (plain, model):
        fit(network, BATCH.inputs, BATCH.labels, steps=5)
    held = model.state_dict()
    for name, value in plain.state_dict().items():
        assert torch.equal(held[name], value), name
    with torch.no_grad():
        found = [m.eval().reconstruct(BATCH.inputs) for m in (plain, model)]
    assert torch.equal(*found)


def test_a_small_beta_is_near_the_autoencoder():
    """Drawn noise shrinks as it should: from beta 1 to 0 the error falls to the autoencoder's."""
    inputs = torch.randn(64, 3, generator=generator(5)) @ torch.randn(3, 64, generator=generator(6))
    inputs = (inputs / inputs.square().mean().sqrt()).unflatten(1, SHAPE)
    errors = []
    for beta in (1.0, 0.01, 0.0):
        model = make("beta_vae", 1, SHAPE, 2, beta=beta, latent_dim=3)
        fit(model, inputs, torch.arange(64) % 2, steps=200)
        with torch.no_grad():
            errors.append((model.eval().reconstruct(inputs) - inputs).square().mean().item())
    assert errors[2] < 0.1
    assert errors[1] < errors[2] + 0.1
    assert errors[0] > errors[1]

import math
from typing import ClassVar

import pytest
import torch
from torch.distributions import Cauchy, Normal, kl_divergence

from classcomp.draws import Examples
from classcomp.models import FAMILIES, count_parameters
from classcomp.models.base import Generates, HasDensity
from classcomp.models.robust_loss import ALPHAS
from classcomp.models.robust_vae import ADAPTIVE, ALPHA_ENDS, LOSSES, AdaptiveLoss
from classcomp.populations import make as make_population
from classcomp.scores.reconstruction import loss_shape_columns
from classcomp.tasks import Evaluation
from classcomp.testing import (
    IMAGE_GRID,
    ReconstructionContract,
    batch_of,
    fit,
    generator,
    make,
    random_batch,
)
from search_spaces.family import ROBUST_LOSSES

SHAPE = (1, 8, 8)
BATCH = batch_of(*random_batch(12, SHAPE, 2))
C = 0.3


class TestRobustVAE(ReconstructionContract):
    family = "robust_vae"

    def learning_hyperparameters(self):
        return {"scale": 1.0, "beta": 0.1}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *(("loss", "huber"), ("loss", 2.0), ("loss", None)),
            *(("scale", 0.0), ("scale", -1.0), ("scale", math.inf), ("scale", True)),
            *(("beta", -1.0), ("beta", math.nan), ("latent_dim", 0), ("dropout", 1.0)),
        ],
    )
    def test_a_wrong_hyperparameter_is_one_line(self, name, value):
        with pytest.raises(ValueError, match=f"^{name} must be") as caught:
            self.make(1, SHAPE, 2, **{name: value})
        assert "\n" not in str(caught.value)


class TestAdaptive(ReconstructionContract):
    """What is learned of the loss is no part of the network's budget: at 64x64 it exceeds it."""

    family = "robust_vae"
    hyperparameters: ClassVar = {"loss": ADAPTIVE}
    grid = IMAGE_GRID[:2]

    def learning_hyperparameters(self):
        return {"scale": 1.0, "beta": 0.1}

    def test_budget_is_met_at_every_depth_and_grows(self):
        for shape, depth in (((1, 8, 8), 1), ((3, 64, 64), 2)):
            model, plain = self.make(depth, shape, 2), self.make(depth, shape, 2, loss="l2")
            network = {name: p.shape for name, p in plain.named_parameters()}
            found = {name: p.shape for name, p in model.named_parameters()}
            assert found.items() >= network.items()
            assert count_parameters(model) - count_parameters(plain) == 2 * math.prod(shape)


def drawn(model):
    """The posterior, and what comes back of the loss's own draws from it."""
    hidden = model.encoder(BATCH.inputs)
    posterior = Normal(model.latent(hidden), (model.log_variance(hidden) / 2).exp())
    noise = torch.randn(12, 8, generator=generator(0))
    return posterior, model.decoder(posterior.mean + posterior.stddev * noise)


def kl_of(posterior):
    return kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1).mean()


def test_losses_are_the_same_words_everywhere():
    assert LOSSES == ROBUST_LOSSES


def test_l2_is_the_gaussian_vae_of_variance_c_squared():
    """Minus its ELBO in nats, but for the density's constant; and `beta_vae` at that variance."""
    model = make("robust_vae", 2, SHAPE, 2, loss="l2", scale=C, beta=1.0).eval()
    twin = make("beta_vae", 2, SHAPE, 2, beta=1.0).eval()
    own = model.state_dict()
    variance = {"observation_variance": torch.tensor(C**2)}
    twin.load_state_dict({**twin.state_dict(), **own, **variance})
    with torch.no_grad():
        loss = model.loss(BATCH, generator(0))
        posterior, back = drawn(model)
        log_density = Normal(back, C).log_prob(BATCH.inputs).flatten(1).sum(dim=1).mean()
        elbo = log_density - kl_of(posterior)
        constant = 64 * (math.log(C) + math.log(2 * math.pi) / 2)
        torch.testing.assert_close(loss * 64 / (2 * C**2), -elbo - constant)
        torch.testing.assert_close(loss, twin.loss(BATCH, generator(0)))


def test_cauchy_is_minus_the_elbo_of_its_law():
    model = make("robust_vae", 1, SHAPE, 2, loss="cauchy", scale=C, beta=2.0).eval()
    with torch.no_grad():
        posterior, back = drawn(model)
        law = Cauchy(back, C * math.sqrt(2))
        nats = -law.log_prob(BATCH.inputs).flatten(1).sum(dim=1).mean() + 2 * kl_of(posterior)
        constant = 64 * math.log(math.pi * C * math.sqrt(2))
        found = model.loss(BATCH, generator(0)) * 64 / (2 * C**2)
        torch.testing.assert_close(found, nats - constant)


@pytest.mark.parametrize(
    ("loss", "formula"),
    [
        ("charbonnier", lambda s: (s + 1).sqrt() - 1),
        ("geman_mcclure", lambda s: 2 * s / (s + 4)),
        ("welsch", lambda s: 1 - (-s / 2).exp()),
    ],
)
def test_other_losses_by_their_formulas(loss, formula):
    model = make("robust_vae", 1, SHAPE, 2, loss=loss, scale=C, beta=0.5).eval()
    with torch.no_grad():
        posterior, back = drawn(model)
        rho = formula(((back - BATCH.inputs) / C).square()).flatten(1).sum(dim=1).mean()
        expected = (rho + 0.5 * kl_of(posterior)) * 2 * C**2 / 64
        torch.testing.assert_close(model.loss(BATCH, generator(0)), expected)


@pytest.mark.parametrize("loss", ALPHAS)
def test_at_a_large_scale_without_kl_it_is_the_autoencoder(loss):
    """In the risk's unit: the loss and all its gradients, at the same draws."""
    shared = {"width": 6, "dropout": 0.2, "flips": True}
    plain = make("autoencoder", 2, SHAPE, 2, **shared)
    model = make("robust_vae", 2, SHAPE, 2, loss=loss, scale=1e3, beta=0.0, **shared)
    held = model.state_dict()
    assert all(torch.equal(held[name], value) for name, value in plain.state_dict().items())
    losses = [network.train().loss(BATCH, generator(0)) for network in (plain, model)]
    torch.testing.assert_close(*losses, rtol=1e-5, atol=0)
    for value in losses:
        value.backward()
    for name, parameter in plain.named_parameters():
        expected = parameter.grad
        torch.testing.assert_close(model.get_parameter(name).grad, expected, rtol=1e-4, atol=1e-6)


def test_an_adaptive_loss_starts_as_charbonnier_s_likelihood():
    model = make("robust_vae", 1, SHAPE, 2, loss=ADAPTIVE, scale=C)
    assert isinstance(model.observation, AdaptiveLoss)
    torch.testing.assert_close(model.observation.alphas, torch.ones(64))
    torch.testing.assert_close(model.observation.scales, torch.full((64,), C))
    assert sum(ALPHA_ENDS) / 2 == 1


def test_shapes_are_told_where_they_are_learned():
    model = make("robust_vae", 1, SHAPE, 2, loss=ADAPTIVE, scale=C)
    examples = Examples(inputs=BATCH.inputs, labels=BATCH.labels)
    asked = {"examples": examples, "population": make_population("two_gaussians", delta=2.0)}
    with torch.no_grad():
        model.observation.raw_alpha[:32] = 50.0
        model.observation.raw_scale[:32] = 50.0  # a softplus is a line there
    found = loss_shape_columns(Evaluation(model=model, **asked))
    assert found["mean_alpha"] == pytest.approx((1 + ALPHA_ENDS[1]) / 2, rel=1e-5)
    assert found["mean_scale"] == pytest.approx(C * (1 + 50 + math.log(math.e - 1)) / 2, rel=1e-4)
    assert loss_shape_columns(Evaluation(model=make("robust_vae", 1, SHAPE, 2), **asked)) == {}


def test_adaptive_learns_which_pixels_have_outliers_and_how_large_errors_are():
    """Half of the pixels are N(0, .2^2), half of Cauchy's law of scale .05."""
    draws = generator(1)
    light = 0.2 * torch.randn(2_048, 8, generator=draws)
    heavy = 0.05 * torch.tan(math.pi * (torch.rand(2_048, 8, generator=draws) - 0.5))
    learned = AdaptiveLoss(C, 16)
    learned.reset()
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        learned(torch.cat([light, heavy], dim=1)).sum(dim=1).mean().backward()
        optimizer.step()
    with torch.no_grad():
        alphas, scales = learned.alphas.unflatten(0, (2, 8)), learned.scales.unflatten(0, (2, 8))
    assert (alphas[0] > 1.6).all()
    assert (alphas[1] < 0.3).all()
    assert scales[0].mean().item() == pytest.approx(0.2, rel=0.1)
    assert scales[1].mean().item() == pytest.approx(0.05 * math.sqrt(0.5), rel=0.1)


@pytest.mark.slow
def test_robust_losses_keep_what_outliers_take_from_l2():
    """One image in five lies on another plane, four times as far: which plane is learned?"""
    plane = torch.randn(2, 64, generator=generator(5))
    other = torch.randn(2, 64, generator=generator(6)) * 4
    near = torch.randn(64, 2, generator=generator(7)) @ plane
    far = torch.randn(16, 2, generator=generator(8)) @ other
    inputs = torch.cat([near, far]).unflatten(1, SHAPE)
    errors = {}
    for loss in ("l2", "cauchy", "geman_mcclure"):
        model = make("robust_vae", 1, SHAPE, 2, loss=loss, scale=1.0, beta=0.01, latent_dim=2)
        fit(model, inputs, torch.arange(80) % 2, steps=300)
        with torch.no_grad():
            back = model.eval().reconstruct(inputs[:64])
        errors[loss] = (back - inputs[:64]).square().mean().item()
    assert errors["cauchy"] < 0.5 * errors["l2"]
    assert errors["geman_mcclure"] < 0.5 * errors["l2"]


def test_it_generates_and_claims_no_density():
    model = make("robust_vae", 1, SHAPE, 2).eval()
    assert isinstance(model, Generates)
    assert not isinstance(model, HasDensity)  # there is none where rho is bounded
    with torch.no_grad():
        first, again = (model.sample(5, generator(0)) for _ in range(2))
    assert first.shape == (5, *SHAPE)
    assert torch.equal(first, again)


def test_all_losses_have_one_network():
    shapes = [
        [tuple(p.shape) for name, p in model.named_parameters() if "raw" not in name]
        for model in (make("robust_vae", 2, SHAPE, 2, loss=loss) for loss in LOSSES)
    ]
    assert all(found == shapes[0] for found in shapes)
    assert FAMILIES["robust_vae"].task == "reconstruction"

"""Laws of a latent: divergences against quadrature and Monte Carlo, draws against moments."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.integrate import quad

from classcomp.models.latent_laws import LAWS, Exponential, Gaussian, Point, Uniform
from classcomp.testing import generator

NUM = 200_000
CASES = {
    "gaussian": [(0.0, 0.0), (1.3, -0.7), (-2.0, 0.4)],
    "exponential": [(0.0,), (1.1,), (-0.8,)],
    "uniform": [(0.0, 2.0), (1.5, -1.0), (-3.0, 0.3)],
}
NAMED = pytest.mark.parametrize(("name", "own"), [(n, own) for n in CASES for own in CASES[n]])


def known(name, own):
    """The law as scipy has it, and the standard member."""
    if name == "gaussian":
        return stats.norm(own[0], math.exp(own[1])), stats.norm()
    if name == "exponential":
        return stats.expon(scale=math.exp(-own[0])), stats.expon()
    place, length = (1 / (1 + math.exp(-x)) for x in own)
    return stats.uniform((1 - length) * place, length), stats.uniform()


def parameters_of(own, num=1, latents=1):
    """Those of all latents alike (num, P, latents), in double precision."""
    return torch.tensor(own, dtype=torch.float64)[None, :, None].expand(num, -1, latents)


@NAMED
def test_the_divergence_is_the_integral(name, own):
    law, standard = known(name, own)
    low, high = law.ppf(1e-14), law.ppf(1 - 1e-14)
    expected, _ = quad(
        lambda z: law.pdf(z) * (law.logpdf(z) - standard.logpdf(z)), low, high, limit=200
    )
    found = LAWS[name].divergence(parameters_of(own, latents=3))
    assert found.item() == pytest.approx(3 * expected, abs=1e-6)


@NAMED
def test_the_divergence_is_the_mean_over_draws(name, own):
    law, standard = known(name, own)
    z = drawn(name, own)
    terms = law.logpdf(z) - standard.logpdf(z)
    found = LAWS[name].divergence(parameters_of(own)).item()
    # a constant, as the uniform's is, has no standard error but rounding
    assert abs(terms.mean() - found) <= 4 * terms.std() / math.sqrt(NUM) + 1e-6


@NAMED
def test_draws_are_of_the_law(name, own):
    law, _ = known(name, own)
    z = drawn(name, own)
    assert stats.kstest(z, law.cdf).pvalue > 1e-4
    mean = LAWS[name].mean(parameters_of(own)).item()
    assert mean == pytest.approx(law.mean(), abs=1e-12)


def drawn(name, own):
    noise = LAWS[name].noise(NUM, 1, generator(3)).double()
    return LAWS[name].draw(parameters_of(own, NUM), noise)[:, 0].numpy()


@NAMED
def test_gradients_of_draws_are_those_of_expectations(name, own):
    """d E z^2 / d parameter by reparametrised draws, against differences of the law's moment."""
    rows = parameters_of(own).clone().requires_grad_()
    noise = LAWS[name].noise(NUM, 1, generator(4)).double()
    squares = LAWS[name].draw(rows.expand(NUM, -1, -1), noise)[:, 0].square()
    for k in range(len(own)):
        by_draw = derivatives(name, own, k, noise)
        step = [0.0] * len(own)
        step[k] = 1e-5
        ends = [known(name, tuple(np.add(own, np.multiply(sign, step))))[0] for sign in (1, -1)]
        expected = (ends[0].moment(2) - ends[1].moment(2)) / 2e-5
        (gradient,) = torch.autograd.grad(squares.mean(), rows, retain_graph=True)
        error = 4 * by_draw.std() / math.sqrt(NUM) + 1e-6
        assert abs(gradient[0, k, 0].item() - expected) <= error


def derivatives(name, own, k, noise):
    rows = parameters_of(own, NUM).clone().requires_grad_()
    squares = LAWS[name].draw(rows, noise).square().sum()
    return torch.autograd.grad(squares, rows)[0][:, k, 0].numpy()


@pytest.mark.parametrize("name", list(LAWS))
def test_the_standard_member_is_the_prior(name):
    _, standard = known(name, CASES[name][0])
    z = LAWS[name].standard(NUM, 1, generator(5))[:, 0].numpy()
    assert stats.kstest(z, standard.cdf).pvalue > 1e-4


def test_no_divergence_from_itself():
    assert Gaussian().divergence(parameters_of((0.0, 0.0))).item() == 0
    assert Exponential().divergence(parameters_of((0.0,))).item() == 0
    assert Uniform().divergence(parameters_of((0.0, 40.0))).item() == pytest.approx(0, abs=1e-15)


def test_a_point_has_its_density_s_exponent():
    z = torch.tensor([[[0.5, -2.0]]], dtype=torch.float64)
    expected = stats.norm.logpdf(0) * 2 - stats.norm.logpdf([0.5, -2.0]).sum()
    assert Point().divergence(z).item() == pytest.approx(expected, abs=1e-12)
    assert torch.equal(Point().draw(z, torch.zeros(1, 2)), z[:, 0])

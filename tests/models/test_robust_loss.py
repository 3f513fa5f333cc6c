"""Barron's loss against its special cases and the formula itself in sixty digits; its density
against quadrature of that formula."""

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import kv
from scipy.stats import cauchy, norm

from classcomp.models.robust_loss import ALPHAS, log_partition, robust_loss, robust_nll
from classcomp.testing import generator

INF = math.inf
X = (0.0, 1e-9, 1e-3, -0.3, 0.9, 2.5, -30.0, 1e4)
NEAR_SPECIAL = (
    *(2.0, 2 - 1e-12, 2 + 1e-12, 2 - 1e-5, 1.999, 1.5, 1.4999999, 1.0, 0.3, 2.2, 3.0),
    *(0.0, 1e-300, -1e-12, 1e-7, -1e-3, -2.0, -17.5, -1e4, -1e12),
)
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6}


def exact(x: Decimal, alpha: Decimal, c: Decimal) -> Decimal:
    """Barron's eq. 13 as it stands: sixty digits leave fifty where its terms cancel."""
    s = (x / c) ** 2
    if alpha.is_infinite():
        return 1 - (-s / 2).exp()
    if alpha == 2:
        return s / 2
    if alpha == 0:
        return (s / 2 + 1).ln()
    b = abs(alpha - 2)
    return b / alpha * (((s / b + 1).ln() * alpha / 2).exp() - 1)


def slope(x: float, alpha: float, c: float, number: int) -> float:
    """By a central difference over 2e-18, of which 1e-36 is left out."""
    ends = []
    for step in (Decimal("1e-18"), Decimal("-1e-18")):
        arguments = [Decimal(x), Decimal(alpha), Decimal(c)]
        arguments[number] += step
        ends.append(exact(*arguments))
    return float((ends[0] - ends[1]) / Decimal("2e-18"))


@pytest.fixture(autouse=True)
def digits():
    getcontext().prec = 360  # 1e-300 is among the shapes
    yield
    getcontext().prec = 28


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("l2", lambda s: s / 2),
        ("charbonnier", lambda s: (s + 1).sqrt() - 1),
        ("cauchy", lambda s: (s / 2).log1p()),
        ("geman_mcclure", lambda s: 2 * s / (s + 4)),
        ("welsch", lambda s: 1 - (-s / 2).exp()),
    ],
)
def test_losses_with_a_name_are_their_own_formulas(name, formula):
    for c in (0.1, 1.0, 7.0):
        x = torch.linspace(-5, 5, 101, dtype=torch.float64, requires_grad=True)
        found, expected = robust_loss(x, ALPHAS[name], c), formula((x / c) ** 2)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
        slopes = [torch.autograd.grad(y.sum(), x, retain_graph=True)[0] for y in (found, expected)]
        torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("alpha", [*NEAR_SPECIAL, -INF])
def test_values_and_gradients_are_exact_at_every_shape(alpha, dtype):
    c = 0.7
    shape, scale = (torch.tensor(v, dtype=dtype, requires_grad=True) for v in (alpha, c))
    kept_alpha, kept_c = shape.item(), scale.item()  # as the format holds them
    for value in X:
        if kept_alpha > 2 and abs(value) > 100:
            continue  # grows like x^alpha: no residual is met there
        x = torch.tensor(value, dtype=dtype, requires_grad=True)
        kept_x = x.item()
        found = robust_loss(x, shape, scale)
        close = {"rel": TOLERANCE[dtype], "abs": 1e-30}
        of = (kept_x, kept_alpha, kept_c)
        assert found.item() == pytest.approx(float(exact(*map(Decimal, of))), **close), value
        by_x, by_alpha, by_c = torch.autograd.grad(found, (x, shape, scale))
        assert by_x.item() == pytest.approx(slope(*of, 0), **close), value
        assert by_c.item() == pytest.approx(slope(*of, 2), **close), value
        if alpha == -INF:
            assert by_alpha == 0
        elif kept_alpha != 2:
            # Two terms cancel where s is small beside b: an error of digits of s, then.
            s = (kept_x / kept_c) ** 2
            room = TOLERANCE[dtype] * (s / abs(kept_alpha - 2) + 1e-30)
            expected = slope(*of, 1)
            assert by_alpha.item() == pytest.approx(expected, rel=1e-5, abs=room), value


def test_at_two_there_is_no_gradient_by_alpha():
    """Its slope grows by s / 4 log 10 with every decade nearer, on either side."""
    s = 2.25
    for side in (-1, 1):
        slopes = []
        for decade in (6, 7, 8):
            alpha = torch.tensor(2 + side * 10.0**-decade, dtype=torch.float64, requires_grad=True)
            robust_loss(torch.tensor(1.5, dtype=torch.float64), alpha, 1.0).backward()
            slopes.append(alpha.grad.item())
        assert np.diff(slopes) == pytest.approx(s / 4 * math.log(10), rel=1e-4)
    alpha = torch.tensor(2.0, requires_grad=True)
    x = torch.tensor([0.0, 1.5])
    by_alpha = [torch.autograd.grad(robust_loss(v, alpha, 1.0), alpha)[0] for v in x]
    assert [g.item() for g in by_alpha] == [0.0, INF]


def test_shapes_of_a_tensor_may_differ_from_pixel_to_pixel():
    x = torch.randn(3, 6, dtype=torch.float64, generator=generator(0))
    alpha = torch.tensor([2.0, 1.0, 0.0, -2.0, -INF, 1.9], dtype=torch.float64)
    c = torch.tensor([0.5, 1, 2, 0.1, 1, 3], dtype=torch.float64)
    together = robust_loss(x, alpha, c)
    alone = [robust_loss(x[:, i], alpha[i].item(), c[i].item()) for i in range(6)]
    torch.testing.assert_close(together, torch.stack(alone, dim=1), rtol=1e-14, atol=0)


def test_gradients_of_a_batch_are_finite_differences():
    x = torch.randn(4, 5, dtype=torch.float64, generator=generator(1), requires_grad=True)
    alpha = torch.tensor([1.7, 1.2, 0.0, -0.7, -9.0], dtype=torch.float64, requires_grad=True)
    c = torch.tensor([0.5, 1.0, 2.0, 0.3, 1.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(robust_loss, (x, alpha, c))
    inside = torch.tensor([1.7, 1.2, 0.4, 0.01, 1.99], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(robust_nll, (x, inside, c))


def test_no_outlier_breaks_a_gradient():
    x = torch.tensor([0.0, 1e-30, 1e10, -1e15], requires_grad=True)
    for alpha in (2.0, 1.999, 1.0, 0.0, -2.0, -INF):
        shape, c = (torch.tensor(v, requires_grad=alpha != 2.0) for v in (alpha, 0.1))
        robust_loss(x, shape, c).sum().backward()
        held = [x.grad] + ([shape.grad, c.grad] if alpha != 2.0 else [])
        assert all(torch.isfinite(gradient).all() for gradient in held), alpha


def test_partition_functions_in_closed_form():
    found = log_partition(torch.tensor([0.0, 1.0, 2.0], dtype=torch.float64)).exp()
    closed = [math.pi * math.sqrt(2), 2 * math.e * kv(1, 1), math.sqrt(2 * math.pi)]
    assert found.tolist() == pytest.approx(closed, rel=1e-8)


@pytest.mark.parametrize(
    "alpha", [1e-3, 0.01, 0.04, 0.11, 0.25, 0.5, 0.77, 1.3, 1.6, 1.9, 1.99, 1.999, 1.999999]
)
def test_the_partition_function_is_the_integral(alpha):
    """x = sinh(v): near alpha = 0 half of a millionth of the integral lies beyond x = 1e6."""

    def height(v):
        s, b = math.sinh(v) ** 2, 2 - alpha
        return math.exp(-b / alpha * ((s / b + 1) ** (alpha / 2) - 1)) * math.cosh(v)

    parts = [quad(height, i, i + 1, epsabs=1e-14, epsrel=1e-12)[0] for i in range(40)]
    at = torch.tensor(alpha, dtype=torch.float64, requires_grad=True)
    found = log_partition(at)
    assert found.item() == pytest.approx(math.log(2 * sum(parts)), abs=2e-8)
    # The derivative is minus the mean of rho's own, which this module is not asked for.
    found.backward()
    mean = 0.0
    for i in range(40):
        mean += quad(
            lambda v: height(v) * slope_by_alpha(math.sinh(v), alpha), i, i + 1, epsabs=1e-11
        )[0]
    assert at.grad.item() == pytest.approx(-mean / sum(parts), rel=1e-4, abs=1e-6)


def slope_by_alpha(x, alpha):
    """Of eq. 8 by hand, alpha in (0, 2)."""
    b = 2 - alpha
    log = math.log1p(x * x / b)
    grown = math.exp(alpha / 2 * log)
    inner = log / 2 + alpha / 2 * x * x / (b * (b + x * x))
    return -2 / alpha**2 * (grown - 1) + b / alpha * grown * inner


def test_densities_are_the_normal_and_cauchy_s():
    x = torch.linspace(-20, 20, 81, dtype=torch.float64)
    normal, heavy = (robust_nll(x, alpha, 0.4) for alpha in (2.0, 0.0))
    np.testing.assert_allclose(normal, -norm.logpdf(x, scale=0.4), rtol=1e-9)
    np.testing.assert_allclose(heavy, -cauchy.logpdf(x, scale=0.4 * math.sqrt(2)), rtol=1e-7)


@pytest.mark.parametrize("alpha", [-1e-6, 2.000001, math.nan])
def test_where_there_is_no_density_none_is_given(alpha):
    with pytest.raises(ValueError, match="alpha must lie in \\[0, 2\\]"):
        robust_nll(torch.zeros(2), alpha, 1.0)


def test_of_a_sample_the_likelihood_is_steepest_where_it_was_drawn():
    """Scores of alpha and c have mean 0 there, and not beside it; drawn by inversion."""
    rng, grid = np.random.default_rng(0), np.sinh(np.linspace(-8, 8, 40_001))
    for alpha in (0.5, 1.2):
        heights = np.exp(-minus_log(grid, alpha))
        mass = np.concatenate([[0], np.cumsum((heights[1:] + heights[:-1]) / 2 * np.diff(grid))])
        x = torch.from_numpy(0.3 * np.interp(rng.random(20_000) * mass[-1], mass, grid))
        assert np.abs(scores_of(x, alpha, 0.3)).max() < 4
        assert np.abs(scores_of(x, alpha + 0.15, 0.3))[0] > 4
        assert np.abs(scores_of(x, alpha, 0.33))[1] > 4


def minus_log(x, alpha):
    b = 2 - alpha
    return b / alpha * ((x * x / b + 1) ** (alpha / 2) - 1)


def scores_of(x, alpha, c):
    """Means of the derivatives by alpha and c, in standard errors."""
    at = [torch.full_like(x, v, requires_grad=True) for v in (alpha, c)]
    slopes = torch.autograd.grad(robust_nll(x, *at).sum(), at)
    return [float(g.mean() / g.std() * math.sqrt(len(g))) for g in slopes]

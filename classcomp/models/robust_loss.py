"""Barron's robust loss: one function from the squared error to what forgets outliers.

Barron (2019), "A General and Adaptive Robust Loss Function", arXiv 1701.03077; equation numbers are
its.
"""

import math
from functools import cache
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.autograd.function import once_differentiable

ALPHAS = MappingProxyType(
    {
        "l2": 2.0,
        "charbonnier": 1.0,
        "cauchy": 0.0,
        "geman_mcclure": -2.0,
        "welsch": -math.inf,
    }
)
"""Shapes with names of their own: what Barron's eq. 8 is at them."""
NEAR = 0.5
"""How near to alpha = 2 the formula is written around the parabola; see `_Rho`."""
NUM_KNOTS = 257
QUADRATURE_STEP, QUADRATURE_END = 1 / 32, 24.0
_TERMS = 20  # of series where |t| < 1: the next is below 1e-18


def robust_loss(
    x: Float[Tensor, "*shape"],
    alpha: Float[Tensor, "*#shape"] | float,
    c: Float[Tensor, "*#shape"] | float,
) -> Float[Tensor, "*shape"]:
    """Return rho(x, alpha, c) (eq. 8), without unit; near 0 it is (x / c)^2 / 2 at every alpha.

    Values and gradients are exact at alpha = 2, 0 and -inf (`_Rho`). By alpha there is no gradient
    at 2: with s = (x / c)^2 it grows like s / 4 log(s / |alpha - 2|), and at 2 it comes out as
    infinite. Who learns alpha must keep it away from there, as Barron does.

    Args:
        x: residuals.
        alpha: shape, of all reals and both infinities: the smaller, the less an outlier counts.
        c: scale above 0, in the unit of x: residuals below it count by their squares.
    """
    alpha = torch.as_tensor(alpha, dtype=x.dtype, device=x.device)
    found: Tensor = _Rho.apply((x / c).square(), alpha)
    return found


def robust_nll(
    x: Float[Tensor, "*shape"],
    alpha: Float[Tensor, "*#shape"] | float,
    c: Float[Tensor, "*#shape"] | float,
) -> Float[Tensor, "*shape"]:
    """Return -log p(x | alpha, c) in nats: rho + log c + log Z(alpha) (eq. 16).

    At alpha = 2 p is N(0, c^2), at 0 Cauchy's law of scale c sqrt(2).

    Raises:
        ValueError: an alpha outside [0, 2].
    """
    alpha = torch.as_tensor(alpha, dtype=x.dtype, device=x.device)
    c = torch.as_tensor(c, dtype=x.dtype, device=x.device)
    return robust_loss(x, alpha, c) + c.log() + log_partition(alpha)


def log_partition(alpha: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return log Z(alpha), Z the integral of exp(-rho(x, alpha, 1)) over the line (eq. 17).

    Below alpha = 0 there is none: rho is bounded. By a cubic spline through integrals, in
    (2 - alpha)^(1/4), since log Z has a term b log b at b = 2 - alpha = 0; its knots are those of
    Chebyshev, since near alpha = 0 the derivatives grow fast. Its error is below 1e-8.

    Raises:
        ValueError: an alpha outside [0, 2], above which nothing is learned here.
    """
    if not bool(((alpha >= 0) & (alpha <= 2)).all()):
        raise ValueError("alpha must lie in [0, 2]: below 0 there is no density")
    knots, coefficients = (table.to(alpha) for table in _spline())
    place = (2 - alpha).pow(0.25)
    piece = torch.searchsorted(knots, place.detach(), right=True).clamp(1, len(knots) - 1) - 1
    inside = place - knots[piece]
    found = torch.zeros_like(inside)
    for coefficient in coefficients:
        found = found * inside + coefficient[piece]
    return found


class _Rho(torch.autograd.Function):
    """rho of s = (x / c)^2 and alpha.

    With b = |alpha - 2| and k = b log(1 + s / b) / 2, which lies between 0 and s / 2, rho is

        (exp(r k) - 1) / r, r = alpha / b   or   [s + (b + s) (exp(-k) - 1)] / alpha

    (+k above alpha = 2). The first has no singularity at r = 0, the second none at b = 0; infinite
    alpha is r = -1 or 1 and k = s / 2. By s the derivative is exp(-k) / 2 at all of them.
    """

    @staticmethod
    def forward(ctx: Any, s: Tensor, alpha: Tensor) -> Tensor:
        ctx.save_for_backward(s, alpha)
        b, k, _, sign = _parts(s, alpha)
        ratio = torch.where(alpha.isinf(), alpha.sign(), alpha / b)
        elsewhere = k * _mean_power(ratio * k, 0)
        return torch.where(b < NEAR, (s + (b + s) * torch.expm1(-sign * k)) / alpha, elsewhere)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:
        s, alpha = ctx.saved_tensors
        b, k, log, sign = _parts(s, alpha)
        kept = torch.exp(-sign * k)
        by_s = (grad * kept / 2).sum_to_size(s.shape)
        if not ctx.needs_input_grad[1]:
            return by_s, None
        k_by_b = torch.where(s > 0, log - s / (b + s), 0) / 2
        t = alpha / b * k
        elsewhere = sign * (2 * (k / b).square() * _mean_power(t, 1) - t.exp() * k_by_b)
        value = (s + (b + s) * torch.expm1(-sign * k)) / alpha
        near = (sign * -torch.expm1(-sign * k) - value + (b + s) * kept * k_by_b) / alpha
        by_alpha = torch.where(b < NEAR, near, torch.where(alpha.isinf(), 0, elsewhere))
        return by_s, (grad * by_alpha).sum_to_size(alpha.shape)


def _parts(s: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """b, k and log(1 + s / b) of `_Rho`; and 1 up to alpha = 2, -1 above."""
    b, sign = (alpha - 2).abs(), torch.where(alpha > 2, -1.0, 1.0).to(alpha)
    log = torch.log1p(s / b)
    k = torch.where(b > 0, b * log / 2, 0)
    return b, torch.where(alpha.isinf(), s / 2, k), log, sign


def _mean_power(t: Tensor, power: int) -> Tensor:
    """The integral of u^power exp(t u) over [0, 1], power 0 or 1.

    (exp(t) - 1) / t and its derivative: near t = 0, where terms cancel, by their series.
    """
    series = torch.ones_like(t)
    for n in reversed(range(1, _TERMS)):
        series = 1 + t * series * (n + power) / (n * (n + 1 + power))
    grown = torch.expm1(t)
    direct = grown / t if power == 0 else (t * grown - grown + t) / t.square()
    return torch.where(t.abs() < 1, series / (1 + power), direct)


@cache
def _spline() -> tuple[Float[Tensor, " knots"], Float[Tensor, "4 pieces"]]:
    """Knots (2 - alpha)^(1/4) from 0 up, and the coefficients of log Z from each to the next."""
    angles = torch.linspace(0, math.pi, NUM_KNOTS, dtype=torch.float64)
    knots = 2**0.25 * (1 - angles.cos()) / 2
    spline = CubicSpline(knots.numpy(), _integrated(2 - knots**4).log().numpy())
    return knots, torch.from_numpy(spline.c)


def _integrated(alpha: Float[Tensor, " knots"]) -> Float[Tensor, " knots"]:
    """Z by the trapezoidal rule after x = sqrt(2) sinh(v): Cauchy's tail is exponential in v."""
    v = torch.arange(0, QUADRATURE_END, QUADRATURE_STEP, dtype=torch.float64)
    x = math.sqrt(2) * v.sinh()
    heights = torch.exp(-robust_loss(x, alpha[:, None].clamp(min=0), 1.0)) * v.cosh()
    sums = heights.sum(dim=1) - heights[:, 0] / 2
    return 2 * math.sqrt(2) * QUADRATURE_STEP * sums

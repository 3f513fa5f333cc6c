"""Bayes risks of Gaussian mixtures: closed forms, else quadrature, else Monte Carlo."""

import math
from functools import lru_cache

import numpy as np
import scipy  # its parts are loaded as they are used

from classcomp.populations.base import BayesRisk, named_seed
from classcomp.populations.mixture_law import MixtureLaw, freeze_matrix
from classcomp.populations.quadrature import quadrature_risk

NUM_MONTE_CARLO = 2**20
_MAX_NONCENTRALITY = 1e6
_SAME = 1e-12  # relative; below it two lengths or variances of a law are one


@lru_cache(maxsize=4096)
def mixture_bayes_risk(law: MixtureLaw) -> BayesRisk:
    """Bayes risk of a labelled Gaussian mixture, computed once per process and law.

    Closed forms: two components of equal covariance, two isotropic ones, a rectangle with equal
    weights (XOR). Else 1-D or 2-D quadrature (see `quadrature_risk` for its accuracy), also where
    covariances are equal and the means span a plane. Else Monte Carlo with a fixed seed.
    """
    for closed_form in (_equal_covariances, _two_isotropic, _rectangle):
        value = closed_form(law)
        if value is not None:
            return BayesRisk(value=value, standard_error=0.0)
    flat = _flattened(law)
    value = quadrature_risk(flat) if flat.dim <= 2 else None
    if value is not None:
        return BayesRisk(value=value, standard_error=0.0)
    return monte_carlo_risk(law, NUM_MONTE_CARLO)


def linear_pair_risk(delta: float, prior: float) -> float:
    """Two Gaussians of equal covariance at Mahalanobis distance `delta`; `prior` of one of them.

    pi Phi(-D/2 - l/D) + (1-pi) Phi(-D/2 + l/D), l = ln(pi / (1-pi)) (Fisher 1936).
    """
    if delta == 0.0:
        return min(prior, 1 - prior)
    shift = math.log(prior / (1 - prior)) / delta
    low, high = scipy.special.ndtr(-delta / 2 - shift), scipy.special.ndtr(-delta / 2 + shift)
    return float(prior * low + (1 - prior) * high)


def isotropic_pair_risk(
    distance: float, variance0: float, variance1: float, prior1: float, dim: int
) -> float:
    """N(m0, v0 I) against N(m1, v1 I), |m1 - m0| = `distance`, P(y=1) = `prior1`.

    The Bayes rule says "wider" outside a ball, so both errors are noncentral chi-square
    probabilities. Where the noncentrality is so large that those lose digits (variances nearly
    equal), the distance from the line of means is integrated out instead.
    """
    if variance0 == variance1:
        return linear_pair_risk(distance / math.sqrt(variance0), prior1)
    narrow, wide, wide_prior = variance0, variance1, prior1
    if narrow > wide:
        narrow, wide, wide_prior = wide, narrow, 1 - prior1
    gap = wide - narrow
    log_term = dim * math.log1p(gap / narrow) - 2 * math.log(wide_prior / (1 - wide_prior))
    square_radius = (log_term + distance**2 / gap) * narrow * wide / gap
    if square_radius <= 0:
        return 1 - wide_prior  # the ball is empty: always "wider"
    if distance**2 * wide / gap**2 > _MAX_NONCENTRALITY:
        terms = (log_term, distance, narrow, wide)
        false_wide = _wide_probability(*terms, variance=narrow, mean=0.0, dim=dim)
        true_wide = _wide_probability(*terms, variance=wide, mean=distance, dim=dim)
        return (1 - wide_prior) * false_wide + wide_prior * (1 - true_wide)
    # The ball's centre lies on the line of means, beyond the narrow one.
    to_narrow, to_wide = distance * narrow / gap, distance * wide / gap
    inside_narrow = scipy.special.chndtr(square_radius / narrow, dim, to_narrow**2 / narrow)
    inside_wide = scipy.special.chndtr(square_radius / wide, dim, to_wide**2 / wide)
    return float((1 - wide_prior) * (1 - inside_narrow) + wide_prior * inside_wide)


def _wide_probability(
    log_term: float,
    distance: float,
    narrow: float,
    wide: float,
    *,
    variance: float,
    mean: float,
    dim: int,
) -> float:
    """P("wider" is said) for x ~ N(mean e1, variance I); exact along e1, Gauss-Legendre across.

    "Wider" where A z^2 + 2bz + c > 0: z along the line of means, c growing with the squared
    distance from it, which is variance times chi-square(dim - 1).
    """
    radius, weight = np.zeros(1), np.ones(1)
    if dim > 1:
        centre = math.sqrt(dim - 1)
        low, high = max(0.0, centre - 9), centre + 9
        nodes, weight = np.polynomial.legendre.leggauss(200)
        radius = low + (high - low) * (1 + nodes) / 2
        log_density = (dim - 2) * np.log(radius) - radius**2 / 2
        weight = weight * np.exp(log_density - log_density.max())
    curvature = (wide - narrow) / (narrow * wide)
    b = distance / wide
    c = curvature * variance * radius**2 - distance**2 / wide - log_term
    discriminant = b**2 - curvature * c
    root = np.sqrt(np.maximum(discriminant, 0.0))
    near, far = -c / (b + root), -(b + root) / curvature
    sd = math.sqrt(variance)
    tails = scipy.special.ndtr((mean - near) / sd) + scipy.special.ndtr((far - mean) / sd)
    said = np.where(discriminant > 0, tails, 1.0)
    return float(weight @ said / weight.sum())


def monte_carlo_risk(law: MixtureLaw, num: int) -> BayesRisk:
    """E[1 - max_k eta_k(x)] over `num` draws of a fixed, named stream."""
    rng = np.random.default_rng(named_seed("classcomp", "bayes_risk", "monte_carlo"))
    chunk = max(1, 2**22 // max(law.dim, len(law.weights)))
    terms = []
    for start in range(0, num, chunk):
        x, _ = law.sample(min(chunk, num - start), rng)
        terms.append(1 - law.posterior(x).max(axis=1))
    joined = np.concatenate(terms)
    error = joined.std(ddof=1) / math.sqrt(num)
    return BayesRisk(value=float(joined.mean()), standard_error=float(error))


def _equal_covariances(law: MixtureLaw) -> float | None:
    if law.labels not in ((0, 1), (1, 0)) or law.covariances[0] != law.covariances[1]:
        return None
    difference = np.subtract(law.means[1], law.means[0])
    cov = law.covariances[0]
    if isinstance(cov, float):
        delta = math.hypot(*difference) / math.sqrt(cov)
    else:
        delta = math.sqrt(difference @ np.linalg.solve(np.array(cov), difference))
    return linear_pair_risk(delta, law.weights[0])


def _two_isotropic(law: MixtureLaw) -> float | None:
    if law.labels not in ((0, 1), (1, 0)):
        return None
    first, second = law.covariances
    if not (isinstance(first, float) and isinstance(second, float)):
        return None
    distance = math.dist(*law.means)
    return isotropic_pair_risk(distance, first, second, law.weights[1], law.dim)


def _rectangle(law: MixtureLaw) -> float | None:
    """XOR: corners of a rectangle, classes on its diagonals, one variance, equal weights.

    With sides a, b the two sign errors are independent: qa(1-qb) + qb(1-qa), q = Phi(-side/2s).
    """
    if sorted(law.labels) != [0, 0, 1, 1] or len(set(law.covariances)) != 1:
        return None
    variance = law.covariances[0]
    if not isinstance(variance, float) or max(law.weights) - min(law.weights) > _SAME:
        return None
    means, labels = np.array(law.means), np.array(law.labels)
    (p, r), (q, s) = means[labels == 0], means[labels == 1]
    size = np.linalg.norm(p - r)
    same_centre = np.linalg.norm(p + r - q - s) <= _SAME * size
    if not same_centre or abs(size - np.linalg.norm(q - s)) > _SAME * size:
        return None
    sides = np.linalg.norm(p - q), np.linalg.norm(p - s)
    qa, qb = (scipy.special.ndtr(-side / 2 / math.sqrt(variance)) for side in sides)
    return float(qa * (1 - qb) + qb * (1 - qa))


def _flattened(law: MixtureLaw) -> MixtureLaw:
    """The same decision problem in the span of the means, where all covariances are equal.

    Outside of that span (after whitening) x is independent of the label.
    """
    if law.dim <= 2 or len(set(law.covariances)) != 1:
        return law
    factor = np.linalg.cholesky(law.covariance_matrices()[0])
    white = np.linalg.solve(factor, (np.array(law.means) - law.means[0]).T).T
    _, singular, basis = np.linalg.svd(white, full_matrices=False)
    rank = max(1, int((singular > 1e-10 * max(singular[0], 1e-300)).sum()))
    return MixtureLaw(
        means=freeze_matrix(white @ basis[:rank].T),
        covariances=(1.0,) * len(law.weights),
        weights=law.weights,
        labels=law.labels,
    )

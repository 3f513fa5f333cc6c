"""Power laws: exact where the data are, and intervals that cover where seeds are few."""

from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.crossed import crossed_mean
from study.analysis.learning_curves import mean_weights
from study.analysis.moments import Part, crossed_parts, half_widths
from study.analysis.power_law import (
    RATES,
    Accepted,
    Means,
    distance_interval,
    fit_power_law,
    lack_of_fit,
    rate_interval,
    reference,
    with_exact_zero,
)

Array = np.ndarray[Any, np.dtype[np.float64]]


@pytest.mark.parametrize(("c", "a", "b"), [(0.2, 3.0, 1.0), (0.0, 0.5, 0.3), (0.4, -1.0, 2.0)])
def test_exact_curves_are_found_exactly(c: float, a: float, b: float) -> None:
    sizes = np.array([50.0, 100.0, 400.0, 1600.0])
    values = (c + a * sizes**-b)[None]
    fit = fit_power_law(sizes, values, np.array([1.0, 0.5, 0.7, 2.0]))
    assert fit.b[0] == pytest.approx(b, rel=1e-4)
    assert fit.c[0] == pytest.approx(c, abs=1e-4)
    assert fit.a[0] * reference(sizes) ** b == pytest.approx(a, rel=1e-2)
    # and so they are with the asymptote as a point of its own
    longer, limits = np.append(sizes, np.inf), np.append(values, [[c]], axis=1)
    anchored = fit_power_law(longer, limits, np.array([1.0, 0.5, 0.7, 2.0, 1e4]))
    assert anchored.b[0] == pytest.approx(b, rel=1e-4)


def test_weights_count() -> None:
    """A point of weight zero bends nothing."""
    sizes = np.array([50.0, 100.0, 200.0, 400.0, 800.0])
    bent = 0.1 + 2 / sizes
    bent[1] += 0.05
    fit = fit_power_law(sizes, bent[None], np.array([1.0, 1e-12, 1.0, 1.0, 1.0]))
    assert fit.b[0] == pytest.approx(1.0, abs=1e-3)
    assert abs(fit_power_law(sizes, bent[None], np.ones(5)).b[0] - 1.0) > 0.05


def test_a_floor_holds_c_and_is_the_best_there_is() -> None:
    """Against a brute search over c at or above the floor, b and a."""
    sizes = np.array([64.0, 128.0, 256.0, 512.0, 1024.0])
    values = 0.1 + 2 * sizes**-0.5 + np.array([0.004, -0.003, 0.0, 0.003, -0.002])
    fit = fit_power_law(sizes, values[None], np.ones(5), floor=0.15)
    assert fit.c[0] == 0.15
    best = np.inf
    for c in np.linspace(0.15, 0.2, 26):
        for b in np.geomspace(*RATES, 800):
            x = sizes**-b
            a = x @ (values - c) / (x @ x)
            best = min(best, float(((values - c - a * x) ** 2).sum()))
    x = (sizes / reference(sizes)) ** -fit.b[0]
    assert ((values - fit.c[0] - fit.a[0] * x) ** 2).sum() == pytest.approx(best, rel=1e-3)


def test_contrasts_have_the_variance_of_crossed_means() -> None:
    """A contrast of four sizes and a limit: by its matrices, and as one mean of terms."""
    rng = np.random.default_rng(20260701)
    terms = rng.standard_normal((4, 5, 60)) + rng.standard_normal((4, 5, 1))
    terms += rng.standard_normal((4, 1, 60))
    limit = rng.standard_normal((3, 60)) + rng.standard_normal((3, 1))
    contrast = np.array([0.5, -0.2, 0.9, -0.3, -0.9])
    parts = crossed_parts([terms, limit[None]])
    assert parts is not None
    variances = [float(contrast @ part.covariance @ contrast) for part in parts]
    mixed = np.tensordot(contrast[:4], terms, axes=1)
    expected = crossed_mean(mixed, 0.9 * limit)
    assert expected.standard_error is not None
    assert sum(variances) == pytest.approx(expected.standard_error**2)
    # rows' parts are whole: the spread of seeds and of restarts as it is
    assert variances[0] == pytest.approx(mixed.mean(axis=1).var(ddof=1) / 5)
    assert variances[1] == pytest.approx((0.9 * limit).mean(axis=1).var(ddof=1) / 3)
    squares = scipy.stats.t.ppf(0.975, [4, 2, 59]) ** 2
    freedom = sum(variances) ** 2 / sum(
        v**2 / d for v, d in zip(variances, (4, 2, 59), strict=True)
    )
    pooled = sum(variances) * scipy.stats.t.ppf(0.975, freedom) ** 2
    found = half_widths(parts, contrast[None], 0.95)
    assert found[0] ** 2 == pytest.approx((pooled + squares @ variances) / 2)
    assert crossed_parts([terms[:, :1], limit[None]]) is None  # one seed has no spread


def _means(sizes: Array, seeds: Array, restarts: Array | None = None) -> Means:
    """Of seeds (S, k), and restarts (K,); evaluation is free of noise here."""
    k = seeds.shape[1]
    covariances = [(np.cov(seeds) / k, k - 1)]
    risks, weights = seeds.mean(axis=1), mean_weights(sizes, seeds)
    if restarts is not None:
        noise = restarts.var(ddof=1) / len(restarts)
        covariances = [(np.pad(covariances[0][0], (0, 1)), k - 1)]
        covariances.append((np.pad([[noise]], (len(sizes), 0)), len(restarts) - 1))
        sizes, risks = np.append(sizes, np.inf), np.append(risks, restarts.mean())
        weights = np.append(weights, 1 / noise)
    parts = [Part(covariance=c, degrees_of_freedom=d) for c, d in covariances]
    return Means(sizes=sizes, risks=risks, weights=weights, parts=parts)


def _curve(
    rng: np.random.Generator, *, num_sizes: int, k: int, rho: float, is_skewed: bool = False
) -> tuple[Array, Array]:
    """R(n) = .2 + 2 n^-.7, k seeds whose noise, 20% of the excess, is correlated across n."""
    sizes = np.geomspace(64.0, 64.0 * 2 ** (num_sizes - 1), num_sizes)

    def drawn(*shape: int) -> Array:
        return rng.exponential(size=shape) - 1 if is_skewed else rng.standard_normal(shape)

    noise = np.sqrt(rho) * drawn(1, k) + np.sqrt(1 - rho) * drawn(num_sizes, k)
    return sizes, 0.2 + 2 * (sizes**-0.7)[:, None] * (1 + 0.2 * noise)


def _holds(found: Accepted | None, truth: float) -> bool:
    assert found is not None
    is_above = found.lo is None or found.lo <= truth
    return is_above and (found.hi is None or truth <= found.hi)


NUM_CURVES = 200


@pytest.mark.long
@pytest.mark.parametrize(
    ("num_sizes", "k", "rho", "is_skewed", "least"),
    [
        (5, 3, 0.0, False, 181),
        (6, 5, 0.8, False, 181),
        (7, 20, 0.4, False, 181),
        (6, 10, 0.3, True, 165),
    ],
)
def test_coverage(num_sizes: int, k: int, rho: float, is_skewed: bool, least: int) -> None:
    """c, b, c - U_A and the rate given U_A are covered by 181 to 199 of 200 intervals.

    A true 95% leaves that range with probability .003. A law that holds is rejected, at 5%, by no
    more than 19 of 200, with probability .995 or more. Seen, of c, b, c - U_A and the rate:
    .97 .94 .97 .95, .96 .96 .98 .96, .96 .97 .95 .94; and where seeds are exponential, whose
    means themselves are covered by fewer, .95 .95 .94 .90.
    """
    rng = np.random.default_rng([20260702, num_sizes, k])
    covered, rejected = np.zeros(4), np.zeros(2)
    for _ in range(NUM_CURVES):
        sizes, seeds = _curve(rng, num_sizes=num_sizes, k=k, rho=rho, is_skewed=is_skewed)
        free = _means(sizes, seeds)
        anchored = _means(sizes, seeds, 0.2 + 0.003 * rng.standard_normal(4))
        fits = [fit_power_law(m.sizes, m.risks[None], m.weights) for m in (free, anchored)]
        c = float(fits[0].c[0])
        covered += [
            _holds(distance_interval(with_exact_zero(free), c), 0.2),
            _holds(rate_interval(free), 0.7),
            _holds(distance_interval(anchored, c - float(anchored.risks[-1])), 0.0),
            _holds(rate_interval(anchored), 0.7),
        ]
        p_values = [
            lack_of_fit(m, float(f.b[0])) for m, f in zip((free, anchored), fits, strict=True)
        ]
        rejected += [p is not None and p < 0.05 for p in p_values]
    print(num_sizes, k, rho, is_skewed, covered / NUM_CURVES, rejected / NUM_CURVES)
    assert (covered >= least).all(), covered
    assert (covered <= 199).all(), covered
    assert (rejected <= 19).all(), rejected


def test_what_is_no_power_law_is_told() -> None:
    rng = np.random.default_rng(20260703)
    sizes, seeds = _curve(rng, num_sizes=6, k=8, rho=0.0)
    bump = np.where(np.arange(6) == 3, 0.05, 0.0)[:, None]
    for extra, is_small in ((0.0, False), (bump, True)):
        means = _means(sizes, seeds + extra)
        fit = fit_power_law(sizes, means.risks[None], means.weights)
        p_value = lack_of_fit(means, float(fit.b[0]))
        assert p_value is not None
        assert (p_value < 0.01) is is_small


def test_what_was_not_measured_is_unknown() -> None:
    sizes, seeds = _curve(np.random.default_rng(20260704), num_sizes=5, k=4, rho=0.0)
    risks = seeds.mean(axis=1)
    means = Means(sizes=sizes, risks=risks, weights=np.ones(5), parts=None)
    assert rate_interval(means) is None
    assert distance_interval(with_exact_zero(means), 0.2) is None
    assert lack_of_fit(means, 0.7) is None


def test_a_rate_that_data_say_nothing_of_is_anything() -> None:
    """A flat curve has every rate."""
    rng = np.random.default_rng(20260705)
    sizes = np.geomspace(64.0, 1024.0, 5)
    found = rate_interval(_means(sizes, 0.3 + 0.01 * rng.standard_normal((5, 6))))
    assert found == Accepted(None, None)

"""The knee of curves whose knee is known, and how often its interval holds it."""

from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.knee import Knee, below_chord, find_knee
from study.analysis.moments import Part

DIMS = np.array([2, 5, 10, 15, 18, 20, 38, 100], dtype=np.float64)
DIM = 128

Array = np.ndarray[Any, np.dtype[np.float64]]


def left_by_components(eigenvalues: Array, dims: Array = DIMS) -> Array:
    """The least risk of a linear autoencoder: sum_{j>k} lambda_j / d (Baldi and Hornik 1989)."""
    return np.array([eigenvalues[int(k) :].sum() for k in dims]) / len(eigenvalues)


def spectrum(gap: int, decay: float, rest: float = 1e-3) -> Array:
    """Eigenvalues j^-decay down to the gap, and next to nothing below it."""
    j = np.arange(1.0, DIM + 1)
    return np.where(j <= gap, j**-decay, rest * gap**-decay)


@pytest.mark.parametrize("gap", [5, 10, 18, 38])
@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_the_knee_of_a_spectrum_with_a_gap_is_the_gap(gap: int, decay: float) -> None:
    found = find_knee(DIMS, left_by_components(spectrum(gap, decay)), None)
    assert found.place is not None
    assert DIMS[found.place] == gap
    assert found.lo is found.hi is found.sharpness_lo is None


def test_the_knee_of_components_that_are_found_in_data_is_the_gap() -> None:
    """2,000 examples of a Gaussian law: each seed's eigenvectors, on examples of its own."""
    scales = np.sqrt(spectrum(10, 0.5))
    rng = np.random.default_rng(16)
    risks = []
    for _ in range(4):
        train, test = (scales * rng.standard_normal((2_000, DIM)) for _ in range(2))
        _, _, axes = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
        left = (test - train.mean(axis=0)) @ axes.T
        risks.append([np.square(left[:, int(k) :]).sum(axis=1).mean() / DIM for k in DIMS])
    found = find_knee(DIMS, *mean_and_parts(np.array(risks).T))
    assert (found.place, found.lo, found.hi) == (2, 2, 2)
    assert found.sharpness_lo is not None
    assert found.sharpness_lo > 0.2


def mean_and_parts(risks: Array) -> tuple[Array, list[Part]]:
    """Of risks (K, k) by seed."""
    k = risks.shape[1]
    return risks.mean(axis=1), [Part(covariance=np.cov(risks) / k, degrees_of_freedom=k - 1)]


def noisy(means: Array, num_seeds: int, noise: float, rng: np.random.Generator) -> Array:
    """Seeds' curves (K, k): half of a seed's variance is common to all k."""
    shared = rng.standard_normal((1, num_seeds)) + rng.standard_normal((len(means), num_seeds))
    found: Array = means[:, None] + noise * np.ptp(means) * shared / np.sqrt(2)
    return found


@pytest.mark.parametrize("unit", [1e-6, 255.0**2])
@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_units_of_the_risk_and_of_k_change_nothing(unit: float, shift: float) -> None:
    risks = noisy(DIMS**-0.5, 5, 0.03, np.random.default_rng(2))
    first = find_knee(DIMS, *mean_and_parts(risks))
    again = find_knee(7 * DIMS, *mean_and_parts(unit * (risks + shift)))
    places = [(found.place, found.lo, found.hi) for found in (first, again)]
    assert places[0] == places[1]
    ends = [(f.sharpness, f.sharpness_lo, f.sharpness_hi) for f in (first, again)]
    assert ends[1] == pytest.approx(ends[0], rel=1e-6)


CURVES = {
    "a gap": left_by_components(spectrum(10, 0.0)),
    "a power law": DIMS**-0.4,  # 18.9% below the chord at 10, 18.5% at 15
    "fashion": np.array([0.0461, 0.0340, 0.0244, 0.0211, 0.0195, 0.0189, 0.0139, 0.0066]),
}


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize("name", CURVES)
def test_the_interval_covers_the_knee(name: str, num_seeds: int) -> None:
    """At least 95% of 600 studies at each of three noises, less 3 standard errors, 2.7%.

    Bonferroni's correction covers more; that it is not all there is, the widths say.
    """
    means = CURVES[name]
    truth = 1 + int((below_chord(DIMS) @ means).argmax())
    widths = []
    for noise in (0.005, 0.05, 0.2):
        rng = np.random.default_rng([num_seeds, int(1_000 * noise)])
        inside = 0
        for _ in range(600):
            found = find_knee(DIMS, *mean_and_parts(noisy(means, num_seeds, noise, rng)))
            if found.place is None:  # all noise: nothing is claimed
                inside += 1
                continue
            assert found.lo is not None
            assert found.hi is not None
            assert found.lo <= found.place <= found.hi
            inside += found.lo <= truth <= found.hi
            widths.append((noise, found.hi - found.lo))
        assert inside >= (0.95 - 0.027) * 600
    narrow = np.mean([width for noise, width in widths if noise == 0.005])
    assert narrow < 2.5


def test_a_straight_line_is_seldom_said_to_have_a_knee() -> None:
    """Of curves straight in log k at most 2.5%, plus 3 standard errors, are sharp for certain."""
    means, rng = 1 - np.log(DIMS) / 5, np.random.default_rng(5)
    sharp = 0
    for _ in range(1_000):
        found = find_knee(DIMS, *mean_and_parts(noisy(means, 4, 0.05, rng)))
        sharp += found.sharpness_lo is not None and found.sharpness_lo > 0
    assert sharp <= 1_000 * (0.025 + 3 * (0.025 * 0.975 / 1_000) ** 0.5)


def test_sharpness_by_hand() -> None:
    """Three points, one t: Fieller's interval is between the roots of a quadratic (1954, eq. 2)."""
    dims, risks = np.array([1.0, 4.0, 16.0]), np.array([[9, 9.2, 9.1], [3, 2.7, 3.6], [1, 1, 1.3]])
    below = (risks[0] + risks[2]) / 2 - risks[1]  # log 4 is half of log 16
    span = risks[0] - risks[2]
    found = find_knee(dims, *mean_and_parts(risks))
    assert (found.place, found.lo, found.hi) == (1, 1, 1)
    assert found.sharpness == pytest.approx(below.mean() / span.mean())
    (bb, bs), (_, ss) = np.cov(below, span) * scipy.stats.t.ppf(0.975, 2) ** 2 / 3
    b, s = below.mean(), span.mean()
    roots = np.sort(np.roots([s**2 - ss, -2 * (b * s - bs), b**2 - bb]))
    assert roots[1] < 1
    assert (found.sharpness_lo, found.sharpness_hi) == pytest.approx(tuple(roots), rel=1e-9)


ENDS = {
    "three k, noise at the last": ([1, 8, 512], [1, 0.1, 0.06], [0.003, 0.003, 0.03]),
    "noise at the last": (
        [1, 2, 4, 8, 16, 32, 64, 128],
        [1, 0.15, 0.1, 0.08, 0.07, 0.06, 0.06, 0.06],
        [0.005] * 7 + [0.05],
    ),
    "noise at the largest risk": (
        [1, 2, 4, 8, 16],
        [1, 0.2, 1.2, 0.5, 0.4],
        [0.002, 0.002, 0.1, 0.002, 0.002],
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_sharpness_is_covered_where_the_range_is_noise(name: str) -> None:
    """95% of 600 studies of ten seeds, less 3 standard errors.

    An interval that covers .88 fails in 99.9% of draws; with the range taken as known these cover
    .08 to .73. And it is an interval of something: less than half as wide as all there could be.
    """
    dims, means, noises = (np.array(held, dtype=np.float64) for held in ENDS[name])
    along = np.log(dims[1:-1] / dims[0]) / np.log(dims[-1] / dims[0])
    truth = (means[0] + along * (means[-1] - means[0]) - means[1:-1]).max() / np.ptp(means)
    rng, inside = np.random.default_rng(9), 0
    for _ in range(600):
        risks = means[:, None] + noises[:, None] * rng.standard_normal((len(dims), 10))
        found = find_knee(dims, *mean_and_parts(risks))
        assert found.sharpness_lo is not None
        assert found.sharpness_hi is not None
        inside += found.sharpness_lo <= truth <= found.sharpness_hi
        assert -1 <= found.sharpness_lo < found.sharpness_hi <= min(1, found.sharpness_lo + 0.5)
    assert inside >= (0.95 - 0.027) * 600


def test_a_knee_is_told_where_a_t_test_says_that_the_curve_is_not_straight() -> None:
    dims, told = np.array([1.0, 4.0, 16.0]), []
    for seed in range(200):
        noise = np.random.default_rng([3, seed]).standard_normal((3, 4))
        risks = np.array([[1.0], [0.42], [0.06]]) + 0.1 * noise
        found = find_knee(dims, *mean_and_parts(risks))
        if found.sharpness_lo is not None:
            is_told = found.sharpness_lo > 0
            below = (risks[0] + risks[2]) / 2 - risks[1]
            assert is_told == (scipy.stats.ttest_1samp(below, 0).pvalue < 0.05)
            told.append(is_told)
    assert 0.1 < np.mean(told) < 0.9


@pytest.mark.parametrize(
    "means",
    [
        [3.0, 2.0],  # two points
        [3.0, 2.9, 2.0],  # above the chord
        [1.0, 1.5, 3.0],  # it rises
        [2.0, 2.0, 2.0],
    ],
)
def test_where_there_is_no_knee(means: list[float]) -> None:
    dims = np.array([1.0, 4.0, 16.0])[: len(means)]
    assert find_knee(dims, np.array(means), None) == Knee()


def test_a_curve_that_rises_again_has_its_knee_where_it_has_fallen() -> None:
    found = find_knee(DIMS, np.array([9.0, 4.0, 2.0, 2.1, 2.0, 2.3, 3.0, 5.0]), None)
    assert found.place == 2

"""Peaks of curves that are known: how often one is told where there is none, and where there is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats

from study.analysis.cross_fitting import cross_fit, divisions
from study.analysis.second_descent import find_second_descent

POINTS = 24
STUDIES = 300

Array = np.ndarray[Any, np.dtype[np.float64]]
Noise = Callable[[np.random.Generator, int], Array]

ALONG = np.linspace(0, 1, POINTS)
WITHOUT: dict[str, Array] = {
    "flat": np.zeros(POINTS),
    "falls": -3 * ALONG,
    "rises, then flat": np.minimum(6 * ALONG, 2.0),
    "flat, then falls": -4 * np.maximum(ALONG - 0.7, 0.0),
    "a valley": 6 * np.abs(ALONG - 0.4),
}
PEAK = 3 * np.abs(ALONG - 0.3) - 5 * np.maximum(ALONG - 0.6, 0.0)
"""A valley at .3, a peak at .6, .9 above it, and a fall of .8 to the end."""


def apart(rng: np.random.Generator, num_seeds: int) -> Array:
    return rng.standard_normal((num_seeds, POINTS))


def wandering(rng: np.random.Generator, num_seeds: int) -> Array:
    """Each seed a walk of its own: a trajectory is where it was, and a step."""
    return np.cumsum(apart(rng, num_seeds), axis=1) / np.sqrt(POINTS)


def skewed(rng: np.random.Generator, num_seeds: int) -> Array:
    return rng.exponential(size=(num_seeds, POINTS)) - 1


NOISES: dict[str, Noise] = {"apart": apart, "wandering": wandering, "skewed": skewed}


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("shape", WITHOUT)
def test_where_there_is_no_peak_one_is_told_in_at_most_5_percent(shape: str, noise: str) -> None:
    for num_seeds in (3, 6):
        rng = np.random.default_rng([num_seeds, *map(ord, shape + noise)])
        found = [
            find_second_descent(WITHOUT[shape] + NOISES[noise](rng, num_seeds))
            for _ in range(STUDIES // 3)
        ]
        assert np.mean([peak.is_peak for peak in found if peak]) <= 0.05


def test_judged_by_those_who_chose_it_every_other_flat_curve_would_have_one() -> None:
    """What the division of the seeds is for: Student's tests of the very same contrasts."""
    rng, flattered = np.random.default_rng(3), 0
    for _ in range(STUDIES):
        values = apart(rng, 6)
        found = find_second_descent(values)
        assert found is not None
        pairs = [(found.place, found.before), (found.place, found.after)]
        tests = [
            scipy.stats.ttest_1samp(values[:, a] - values[:, b], 0, alternative="greater")
            for a, b in pairs
        ]
        flattered += max(test.pvalue for test in tests) < 0.05
    assert flattered / STUDIES > 0.5


@pytest.mark.parametrize("noise", NOISES)
def test_a_peak_is_found_where_it_is_and_its_intervals_hold_its_height(noise: str) -> None:
    """Noise of a sixth of the peak: places near it are chosen, whose heights are near its own."""
    rng = np.random.default_rng([8, *map(ord, noise)])
    place = 3 + int(PEAK[3:].argmax())  # the curve begins high
    valley = int(PEAK[:place].argmin())
    rise, fall = PEAK[place] - PEAK[valley], PEAK[place] - PEAK[-1]
    told, held = [], []
    for _ in range(STUDIES):
        found = find_second_descent(PEAK + 0.15 * NOISES[noise](rng, 5))
        assert found is not None
        told.append(found.is_peak and abs(found.place - place) <= 2)
        held += [e.lo <= truth <= e.hi for e, truth in ((found.rise, rise), (found.fall, fall))]
    assert np.mean(told) > 0.9
    assert np.mean(held) > 0.93


@pytest.mark.parametrize("own", [0.1, 1.0])
def test_noise_that_all_seeds_share_is_told_by_nobody_but_counted(own: float) -> None:
    """Seeds on one evaluation sample, which moves every point for all, each by luck of its own."""
    rng, alone, counted = np.random.default_rng(5), 0, 0
    for _ in range(STUDIES):
        values = own * apart(rng, 5) + apart(rng, 1)
        for noise in (None, np.ones(POINTS)):
            found = find_second_descent(values, noise=noise)
            assert found is not None
            alone += noise is None and found.is_peak
            counted += noise is not None and found.is_peak
    assert alone / STUDIES > 0.3
    assert counted / STUDIES <= 0.05


def test_a_peak_by_hand() -> None:
    """Seeds that agree: nothing is left to chance."""
    curve = np.array([5.0, 3.0, 2.0, 4.0, 6.0, 5.0, 1.0, 2.0])
    found = find_second_descent(np.tile(curve, (3, 1)))
    assert found is not None
    assert (found.before, found.place, found.after, found.is_peak) == (2, 4, 6, True)
    assert (found.rise.value, found.rise.lo, found.rise.hi) == (4.0, 4.0, 4.0)
    assert found.fall.value == 5.0


def test_of_two_seeds_or_two_points_nothing_is_known() -> None:
    assert find_second_descent(np.zeros((2, POINTS))) is None
    assert find_second_descent(np.zeros((5, 2))) is None


def test_choosers_and_judges_share_no_seed() -> None:
    for num, ways in ((3, 3), (4, 6), (5, 10), (10, 252), (11, 256)):
        held = divisions(num)
        assert len(held) == ways
        for choosers, judges in held:
            assert len(choosers) == num // 2
            assert sorted([*choosers, *judges]) == list(range(num))


def test_a_contrast_that_nobody_chooses_has_the_spread_of_its_judges() -> None:
    """One contrast of two points: the mean over divisions is the mean over seeds."""
    values = np.random.default_rng(1).standard_normal((4, 2))
    contrast, noise = np.array([[1.0, -1.0]]), np.array([0.3, 0.5])
    judged = cross_fit(values, lambda _: contrast, num_choices=1, noise=noise)
    differences = values[:, 0] - values[:, 1]
    (estimate,) = judged.estimates
    assert estimate.value == pytest.approx(differences.mean())
    assert judged.seeds == pytest.approx(differences.var(ddof=1) / 2)  # two judges of four seeds
    assert judged.examples == pytest.approx(0.8)

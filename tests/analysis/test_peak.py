"""Peaks of curves that are made by hand, and intervals against a second computation."""

import numpy as np
import pytest
import scipy.stats

from study.analysis.moments import Part, crossed_parts
from study.analysis.peak import find_peak, num_pairs
from tests.analysis.test_other_risks import interaction, spread

SEEDS, EXAMPLES = 6, 200
PEAKED = (0.30, 0.22, 0.34, 0.18, 0.20)


def drawn(means: tuple[float, ...], noise: float, seed: int = 0) -> np.ndarray:
    """Terms (K, S, N) of curves whose points share seeds and examples."""
    rng = np.random.default_rng(seed)
    shared = 0.1 * rng.standard_normal((1, SEEDS, 1)) + 0.3 * rng.standard_normal((1, 1, EXAMPLES))
    own = rng.standard_normal((len(means), SEEDS, 1)) + rng.standard_normal((1, SEEDS, EXAMPLES))
    return np.array(means)[:, None, None] + shared + noise * own


def parts_of(terms: np.ndarray) -> list[Part]:
    found = crossed_parts([terms])
    assert found is not None
    return found


def test_a_peak_is_between_the_smallest_means_on_its_sides() -> None:
    found = find_peak(np.array(PEAKED), None)
    assert found is not None
    assert (found.left, found.place, found.right) == (1, 2, 3)
    assert found.rise.value == pytest.approx(0.12)
    assert found.fall.value == pytest.approx(0.16)
    assert (found.is_told, found.candidates, found.rise.lo, found.fall.hi) == (None,) * 4


def test_the_ends_are_no_peaks_however_high() -> None:
    """The largest mean of all is the first: the peak is the largest of the others."""
    found = find_peak(np.array([0.9, 0.1, 0.2, 0.15, 0.8]), None)
    assert found is not None
    assert (found.left, found.place, found.right) == (1, 2, 3)
    falling = find_peak(np.array([0.5, 0.4, 0.3, 0.2]), None)
    assert falling is not None
    assert falling.place == 1
    assert falling.rise.value == pytest.approx(-0.1)
    assert find_peak(np.array([0.1, 0.2]), None) is None


@pytest.mark.parametrize(("num", "pairs"), [(3, 2), (4, 5), (5, 9)])
def test_pairs_that_could_have_been_chosen_are_counted(num: int, pairs: int) -> None:
    """Every choice of a peak between the ends and another place, each pair once."""
    held = {frozenset((p, q)) for p in range(1, num - 1) for q in range(num) if q != p}
    assert len(held) == pairs == num_pairs(num)


def test_intervals_are_of_paired_differences_at_bonferroni_s_confidence() -> None:
    """By hand: seed by seed and example by example, the two branches never apart."""
    terms = drawn(PEAKED, 0.01)
    found = find_peak(terms.mean(axis=(1, 2)), parts_of(terms))
    assert found is not None
    level = 1 - 0.05 / (2 * 9)
    for other, gap in ((found.left, found.rise), (found.right, found.fall)):
        apart = terms[found.place] - terms[other]
        examples = spread(apart.mean(axis=0)) - interaction(apart)
        parts = [(spread(apart.mean(axis=1)), SEEDS - 1), (max(examples, 0.0), EXAMPLES - 1)]
        total = sum(v for v, _ in parts)
        pooled = total**2 / sum(v**2 / d for v, d in parts)
        apart_too = sum(v * scipy.stats.t.ppf(level, d) ** 2 for v, d in parts)
        reach = np.sqrt((total * scipy.stats.t.ppf(level, pooled) ** 2 + apart_too) / 2)
        assert gap.value == pytest.approx(apart.mean(), rel=1e-9)
        assert gap.hi is not None
        assert gap.hi - apart.mean() == pytest.approx(reach, rel=1e-6)
    assert found.is_told
    assert found.candidates == (2, 2)


def test_noise_leaves_a_place_open_and_no_peak() -> None:
    terms = drawn(PEAKED, 0.3, seed=2)
    found = find_peak(terms.mean(axis=(1, 2)), parts_of(terms))
    assert found is not None
    assert found.is_told is False
    assert found.candidates == (1, 3)


def test_seeds_and_examples_that_all_points_share_widen_nothing() -> None:
    """What a curve moves by as a whole is no part of a difference."""
    terms = drawn(PEAKED, 0.01)
    rng = np.random.default_rng(5)
    moved = terms + 3.0 * rng.standard_normal((1, SEEDS, 1))
    alone, after = (find_peak(t.mean(axis=(1, 2)), parts_of(t)) for t in (terms, moved))
    assert alone is not None
    assert after is not None
    assert after.rise.lo == pytest.approx(alone.rise.lo, rel=1e-6)

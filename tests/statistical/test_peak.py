"""Curves without a peak are called peaked in at most 5%, however peak and ends were chosen."""

from collections.abc import Callable

import numpy as np
import pytest

from study.analysis.moments import crossed_parts
from study.analysis.peak import Peak, find_peak

REPEATS, EXAMPLES = 600, 60
CURVES: dict[str, Callable[[int], np.ndarray]] = {
    "flat": lambda num: np.zeros(num),
    "falling": lambda num: np.linspace(1.0, 0.0, num),
    "rising": lambda num: np.linspace(0.0, 1.0, num),
    "valley": lambda num: np.abs(np.linspace(-1.0, 1.0, num)),
    # The fall is there for certain: all that keeps a peak from being told is the rise.
    "plateau": lambda num: np.array([50.0] * (num - 1) + [0.0]),
    "raised": lambda num: np.array([0.0] + [50.0] * (num - 1)),
}


def found_peaks(means: np.ndarray, seeds: int, seed: int) -> list[Peak]:
    """Peaks of studies whose seeds and examples are drawn anew, correlated along the curve."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(REPEATS):
        of_seed = rng.standard_normal((len(means), seeds, 1)) * np.linspace(0.5, 1.5, len(means))[
            :, None, None
        ] + rng.standard_normal((1, seeds, 1))
        of_example = rng.standard_normal((len(means), 1, EXAMPLES))
        both = 2.0 * rng.standard_normal((len(means), seeds, EXAMPLES))
        terms = means[:, None, None] + 0.2 * of_seed + 0.5 * of_example + both
        peak = find_peak(terms.mean(axis=(1, 2)), crossed_parts([terms]))
        assert peak is not None
        found.append(peak)
    return found


@pytest.mark.parametrize(("num", "seeds"), [(4, 3), (7, 8)])
@pytest.mark.parametrize("name", CURVES)
def test_a_curve_without_a_peak_is_hardly_ever_called_peaked(
    name: str, num: int, seeds: int
) -> None:
    """At most 5%, of a curve that is flat beside one step too."""
    curve = CURVES[name](num)
    told = [peak.is_told for peak in found_peaks(curve, seeds, seed=num)]
    assert np.mean(told) <= 0.05


@pytest.mark.parametrize(("num", "seeds"), [(4, 3), (7, 8)])
def test_intervals_hold_the_difference_of_what_was_chosen(num: int, seeds: int) -> None:
    """Of a flat curve every true difference is 0, and the chosen ones are the largest seen."""
    peaks = found_peaks(np.zeros(num), seeds, seed=10 + num)
    held = [gap.lo <= 0.0 <= gap.hi for peak in peaks for gap in (peak.rise, peak.fall)]  # type: ignore[operator]
    both = np.array(held).reshape(-1, 2).all(axis=1).mean()
    assert both >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / REPEATS)


def test_single_intervals_would_not_hold_it() -> None:
    """The test can fail: 95% of one pair alone is not 95% of the pair that was chosen."""
    num, seeds = 7, 8
    rng = np.random.default_rng(3)
    missed = 0
    for _ in range(REPEATS):
        terms = rng.standard_normal((num, seeds, EXAMPLES))
        peak = find_peak(terms.mean(axis=(1, 2)), crossed_parts([terms]))
        assert peak is not None
        apart = (terms[peak.place] - terms[peak.left]).mean(axis=1)
        missed += abs(apart.mean()) > 2.365 * apart.std(ddof=1) / np.sqrt(seeds)
    assert missed / REPEATS > 0.15


def test_a_peak_that_stands_out_is_told() -> None:
    """Of a rise and a fall of six times the noise of a difference, eight seeds tell most."""
    curve = np.array([0.0, 0.0, 1.6, 0.0, 0.0])
    told = [peak.is_told for peak in found_peaks(curve, 8, seed=1)]
    assert np.mean(told) > 0.8

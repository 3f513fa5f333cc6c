"""What is said of real data before anything starts."""

import numpy as np
import pytest

from study.planning.samples import expected_overlap, overlap_line, sample_lines
from study.request.reading import parse_spec
from tests.populations.own_files import labels, points, write
from tests.small_study import TABLE


def test_every_real_population_has_its_line(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    path = write(
        f"{tmp_path}/mine.npz",
        **{"x": points(), "y": labels(), "x_test": points(9, seed=1), "y_test": labels(9)},
    )
    populations = [
        {"name": "digits", "classes": [3, 8]},
        {"name": "xor", "sigma": 0.5},
        {"name": "arrays", "path": path},
    ]
    spec = parse_spec({**TABLE, "populations": populations, "num_train": [16, 32]}, "test")
    digits, mine = sample_lines(spec, None)
    assert digits == (
        "digits(classes=[3, 8]): 357 examples, divided anew for every seed: samples of 32 overlap "
        "by 9% on average, test parts of 119 by 33%"
    )
    assert mine.startswith("arrays(mine, sha256=")
    assert mine.endswith(
        ": samples of 32 out of 51 training examples overlap by 63% on average; all seeds share 9 "
        "test examples"
    )


def test_overlap_is_what_two_draws_share() -> None:
    """128 of 199: 64.3%; 2,000 pairs leave .06% on the mean, 5 standard deviations."""
    rng = np.random.default_rng(0)
    shared = [
        len(np.intersect1d(*(rng.choice(199, 128, replace=False) for _ in "ab"))) / 128
        for _ in range(2_000)
    ]
    assert np.mean(shared) == pytest.approx(expected_overlap(128, 199), abs=0.003)
    assert expected_overlap(128, 238) == pytest.approx(0.538, abs=5e-4)
    assert (expected_overlap(7, 7), expected_overlap(0, 7)) == (1.0, 0.0)


def test_overlap_is_told_in_one_line() -> None:
    assert overlap_line("mine", 128, num_shared=199, num_test=119, is_resplit=False) == (
        "mine: samples of 128 out of 199 training examples overlap by 64% on average; all seeds "
        "share 119 test examples"
    )
    assert overlap_line("mine", 128, num_shared=357, num_test=119, is_resplit=True) == (
        "mine: 357 examples, divided anew for every seed: samples of 128 overlap by 36% on "
        "average, test parts of 119 by 33%"
    )


@pytest.mark.parametrize(("num", "num_available"), [(8, 7), (-1, 7), (0, 0)])
def test_samples_that_cannot_be_drawn_are_refused(num: int, num_available: int) -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        expected_overlap(num, num_available)

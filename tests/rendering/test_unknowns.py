"""What is not known yet and what it would cost, in numbers worked out by hand."""

import pytest

from study.rendering.faults import FAULTS as PARTS
from study.rendering.unknowns import (
    MOST_SEEDS,
    duration,
    seeds_to_part,
    seeds_to_show,
    unknown_lines,
    unknowns,
)
from tests.rendering.conftest import comparison_frame, landscape_frame, landscape_row, make_record
from tests.rendering.found import LARGE, SMALL, TOTAL, known, parts


def tied(estimation: tuple[float, float, float], num_seeds: int = 4) -> dict[str, object]:
    named = {"total": TOTAL, "approximation": SMALL, "objective": SMALL}
    optimization = (0.04, 0.02, 0.06)
    return landscape_row(
        "vgg", estimation=estimation, optimization=optimization, num_seeds=num_seeds, **named
    )


@pytest.mark.parametrize(
    ("estimation", "more"),
    [
        # .06 ± .04 and .04 ± .02: .06 of half-lengths, .02 apart: 9 times as many seeds
        ((0.06, 0.02, 0.10), 4 * 9 - 4),
        # they part already, but for the rule's other reasons: one more at least
        ((0.09, 0.08, 0.10), 1),
        ((0.0400001, 0.0, 0.08), None),
        ((0.04, 0.0, 0.08), None),
    ],
)
def test_seeds_that_part_two_faults(
    estimation: tuple[float, float, float], more: int | None
) -> None:
    assert seeds_to_part(tied(estimation), ("estimation", "optimization")) == more


def test_what_is_not_the_seeds_is_not_priced() -> None:
    row = tied((0.06, 0.02, 0.10))
    assert seeds_to_part(row, ("objective", "estimation")) is None
    assert seeds_to_part(tied((0.06, 0.02, 0.10), 1), ("estimation", "optimization")) is None


def test_seeds_that_show_one_part_above_zero() -> None:
    """From .02 down to -.04 are .06, three times the value: nine times as many seeds."""
    low = {"estimation": (0.02, -0.04, 0.20), "optimization": (0.01, -0.09, 0.11)}
    row = known("vgg", num_seeds=4, **{**dict.fromkeys(PARTS, (-0.01, -0.02, 0.01)), **low})
    assert seeds_to_show(row) == 4 * 9 - 4
    (one,) = unknowns(*parts(landscape_frame(row), comparison_frame(), []))
    assert (one.between, one.seeds) == ("nobody’s for certain", 32)
    assert seeds_to_show({**row, "num_seeds": 1}) is None
    assert seeds_to_show({**row, "estimation": 1e-4}) == 4 * 100 - 4  # optimization's


def test_what_no_seeds_show_has_another_remedy() -> None:
    nothing = dict.fromkeys(PARTS, (-0.01, -0.02, 0.01))
    for errors, what in (
        ({"objective": (0.01, -0.02, 0.04)}, "restarts of U_A ([limit]"),
        ({}, "no part is estimated to be above zero"),
    ):
        row = known("vgg", num_seeds=4, **{**nothing, **errors})
        (one,) = unknowns(*parts(landscape_frame(row), comparison_frame(), []))
        assert (one.seeds, one.seconds) == (None, None)
        assert what in one.instead


def test_sentences_have_seeds_and_seconds() -> None:
    row = {**tied((0.06, 0.02, 0.10)), "population": "xor(sigma=0.5)", "num_train": 128}
    other = {**row, "family": "resnet"}
    records = [
        make_record(family=family, distortion="none", num_train=128, seed=seed, cpu_s=seconds)
        for family, seconds in (("vgg", 2.0), ("resnet", 3.0))
        for seed in range(2)
    ]
    pair = {
        "first": "resnet",
        "second": "vgg",
        "num_pairs": 5,
        "difference": 0.01,
        "difference_lo": -0.01,
        "difference_hi": 0.03,
        "p_value": 0.2,
        "p_holm": 0.2,
        "significant": False,
    }
    study, results = parts(landscape_frame(row, other), comparison_frame(pair), records)
    found = unknowns(study, results)
    assert [(one.seeds, one.seconds) for one in found] == [(32, 64.0), (32, 96.0), (15, 75.0)]
    faults, pairs = unknown_lines(found)
    assert faults.startswith("Whose fault on xor (undistorted, n = 128): ")
    assert "vgg 1 (the sample’s or the optimizer’s): about 32 seeds more, 64 CPU seconds" in faults
    assert "resnet 1 (the sample’s or the optimizer’s): about 32 seeds more, 96 CPU" in faults
    # a half-length of .02 for a distance of .01: four times as many
    assert "resnet and vgg: about 15 seeds more of every cell, 75 CPU seconds" in pairs
    close = comparison_frame({**pair, "difference": 1e-6})
    *_, last = unknown_lines(unknowns(*parts(landscape_frame(row, other), close, records)))
    assert f"resnet and vgg: so close that {MOST_SEEDS:,} seeds would not tell" in last


def test_what_seeds_do_not_tell_has_another_remedy() -> None:
    """A border of U_H or U_A moves with their own streams."""
    for errors, what in (
        ({"approximation": LARGE, "objective": LARGE}, "U_H ([best_in_class]"),
        ({"objective": LARGE, "estimation": LARGE}, "restarts of U_A ([limit]"),
    ):
        row = known("vgg", **{"estimation": SMALL, **errors})
        (one,) = unknowns(*parts(landscape_frame(row), comparison_frame(), []))
        assert (one.seeds, one.seconds) == (None, None)
        assert what in one.instead


def test_seconds_in_words() -> None:
    assert [duration(s) for s in (2.54, 12.3, 1234.5)] == [
        "2.5 CPU seconds",
        "12 CPU seconds",
        "1,234 CPU seconds",
    ]

"""What is not known yet and what it would cost, in numbers worked out by hand."""

import pytest

from study.analysis.faults import FAULTS as PARTS
from study.analysis.further_seeds import MOST_SEEDS, Seeds, seeds_to_part, seeds_to_show
from study.rendering.unknowns import duration, unknown_lines, unknowns
from tests.rendering.conftest import comparison_frame, landscape_frame, landscape_row, make_record
from tests.rendering.found import LARGE, SMALL, TOTAL, known, parts


def tied(estimation: tuple[float, float, float], num_seeds: int = 4) -> dict[str, object]:
    named = {"total": TOTAL, "approximation": SMALL, "objective": SMALL}
    optimization = (0.04, 0.02, 0.06)
    return landscape_row(
        "vgg",
        estimation=estimation,
        optimization=optimization,
        estimation_num_seeds=num_seeds,
        **named,
    )


@pytest.mark.parametrize(
    ("estimation", "more"),
    [
        # .06 ± .04 and .04 ± .02: .06 of arms, .02 apart. By a table of Student's t a third of
        # t(3) / 2 = 3.182 / 2 is .530: t(15) / 4 = .533 is above it, t(16) / 17^.5 = .514 below.
        ((0.06, 0.02, 0.10), 17 - 4),
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
    """From .02 down to -.04 are .06, three times the value: 17 seeds in all, as above."""
    low = {"estimation": (0.02, -0.04, 0.20), "optimization": (0.01, -0.09, 0.11)}
    row = known(
        "vgg", estimation_num_seeds=4, **{**dict.fromkeys(PARTS, (-0.01, -0.02, 0.01)), **low}
    )
    assert seeds_to_show(row) == 13
    (one,) = unknowns(*parts(landscape_frame(row), comparison_frame(), []))
    assert (one.between, one.seeds) == ("nobody’s for certain", 13)
    assert seeds_to_show({**row, "estimation_num_seeds": 1}) is None
    # Optimization's ten times: t(k - 1) / k^.5 below .1591, at k = 155 for 1.975 and not before.
    assert seeds_to_show({**row, "estimation": 1e-4}) == 155 - 4


def test_seeds_that_divide_the_same_examples_leave_their_overlap() -> None:
    """Of 60 examples 30 are the test part. Three times the value is out of reach: 1/4 + 1/2 falls
    to 1/2 at the most, t(3) = 3.182 to 1.960, so that a length falls to .503."""
    changes = dict.fromkeys(PARTS, (-0.01, -0.02, 0.01)) | {"estimation": (0.02, -0.04, 0.20)}
    row = known("vgg", estimation_num_seeds=4, population="digits", **changes)
    shape = {"population": "digits", "is_resplit": True, "num_available": 60, "num_test": 30}
    records = [make_record(seed=seed, **shape) for seed in range(4)]
    (one,) = unknowns(*parts(landscape_frame(row), comparison_frame(), records))
    assert one.seeds is None
    assert "they divide the same examples" in one.instead
    near = {**row, "estimation_lo": -0.01}
    # 1.5 times: t(k - 1) (1/k + .5)^.5 at most 3.182 * .866 / 1.5 = 1.837; t(6) = 2.447 times
    # .802 is 1.962 at k = 7, t(7) = 2.365 times .791 is 1.870 at 8, t(8) = 2.306 times .782 is
    # 1.803 at 9.
    assert seeds_to_show(near, Seeds(overlap=0.5)) == 9 - 4
    # Seeds of samples of their own: 3.182 / 2 / 1.5 = 1.061; 2.776 / 5^.5 = 1.241 is above it,
    # 2.571 / 6^.5 = 1.050 below.
    assert seeds_to_show(near) == 6 - 4
    # All on the first stage's 3 degrees of freedom: as many as 1.5 squared, 2.25 times four.
    assert seeds_to_show(near, Seeds(first_stage=4)) == 9 - 4


def test_what_no_seeds_show_has_another_remedy() -> None:
    nothing = dict.fromkeys(PARTS, (-0.01, -0.02, 0.01))
    for errors, what in (
        ({"objective": (0.01, -0.02, 0.04)}, "restarts of U_A ([limit]"),
        ({}, "no part is estimated to be above zero"),
    ):
        row = known("vgg", estimation_num_seeds=4, **{**nothing, **errors})
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
    assert [(one.seeds, one.seconds) for one in found] == [(13, 26.0), (13, 39.0), (8, 40.0)]
    faults, pairs = unknown_lines(found)
    assert faults.startswith("Whose fault on xor (undistorted, n = 128): ")
    assert "vgg 1 (the sample’s or the optimizer’s): about 13 seeds more, 26 CPU seconds" in faults
    assert "resnet 1 (the sample’s or the optimizer’s): about 13 seeds more, 39 CPU" in faults
    # Twice the distance: half of t(4) / 5^.5 = 2.776 / 2.236 is .621; t(11) / 12^.5 = .635 is
    # above it, t(12) / 13^.5 = .604 below.
    assert "resnet and vgg: about 8 seeds more of every cell, 40 CPU seconds" in pairs
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

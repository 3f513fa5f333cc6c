"""What is not known yet and what it would cost, in numbers worked out by hand."""

from study.analysis.further_seeds import MOST_SEEDS
from study.rendering.unknowns import duration, unknown_lines, unknowns
from tests.rendering.conftest import comparison_frame, landscape_frame, make_record
from tests.rendering.found import LARGE, SMALL, known, parts, tied, unshown


def test_nobodys_fault_has_a_price() -> None:
    row = unshown(estimation=(0.02, -0.04, 0.20), optimization=(0.01, -0.09, 0.11))
    (one,) = unknowns(*parts(landscape_frame(row), comparison_frame(), []))
    assert (one.between, one.seeds) == ("nobody’s for certain", 13)


def test_seeds_that_divide_the_same_examples_leave_their_overlap() -> None:
    """Of 60 examples 30 are the test part. Three times the value is out of reach: 1/4 + 1/2 falls
    to 1/2 at the most, t(3) = 3.182 to 1.960, so that a length falls to .503."""
    row = unshown(estimation=(0.02, -0.04, 0.20), population="digits")
    shape = {"population": "digits", "is_resplit": True, "num_available": 60, "num_test": 30}
    records = [make_record(seed=seed, **shape) for seed in range(4)]
    (one,) = unknowns(*parts(landscape_frame(row), comparison_frame(), records))
    assert one.seeds is None
    assert "they divide the same examples" in one.instead


def test_what_no_seeds_show_has_another_remedy() -> None:
    for errors, what in (
        ({"objective": (0.01, -0.02, 0.04)}, "restarts of U_A ([limit]"),
        ({}, "no part is estimated to be above zero"),
    ):
        row = unshown(**errors)
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

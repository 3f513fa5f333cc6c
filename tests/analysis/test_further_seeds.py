"""How many seeds more, by hand with a table of Student's t."""

import pytest

from study.analysis.further_seeds import Seeds, seeds_to_part, seeds_to_show
from tests.rendering.found import tied, unshown


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
    row = unshown(estimation=(0.02, -0.04, 0.20), optimization=(0.01, -0.09, 0.11))
    assert seeds_to_show(row) == 13
    assert seeds_to_show({**row, "estimation_num_seeds": 1}) is None
    # Optimization's ten times: t(k - 1) / k^.5 below .1591, at k = 155 for 1.975 and not before.
    assert seeds_to_show({**row, "estimation": 1e-4}) == 155 - 4


def test_seeds_that_share_examples_or_a_first_stage() -> None:
    near = unshown(estimation=(0.02, -0.01, 0.20))
    # 1.5 times: t(k - 1) (1/k + .5)^.5 at most 3.182 * .866 / 1.5 = 1.837; t(6) = 2.447 times
    # .802 is 1.962 at k = 7, t(7) = 2.365 times .791 is 1.870 at 8, t(8) = 2.306 times .782 is
    # 1.803 at 9.
    assert seeds_to_show(near, Seeds(overlap=0.5)) == 9 - 4
    # Seeds of samples of their own: 3.182 / 2 / 1.5 = 1.061; 2.776 / 5^.5 = 1.241 is above it,
    # 2.571 / 6^.5 = 1.050 below.
    assert seeds_to_show(near) == 6 - 4
    # All on the first stage's 3 degrees of freedom: as many as 1.5 squared, 2.25 times four.
    assert seeds_to_show(near, Seeds(first_stage=4)) == 9 - 4

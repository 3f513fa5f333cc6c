"""What docs/protocol.md says of the discrepancy's intervals: too short near the law, d small."""

from dataclasses import replace

import pytest

from tests.statistical.discrepancy_coverage import shares, yard_of

pytestmark = pytest.mark.long


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize(
    ("dim", "offset", "low", "high"),
    [
        (1, 2.0, 0.82, 0.91),
        (2, 2.0, 0.87, 0.94),
        (8, 0.0, 0.96, 1.0),
        (64, 0.0, 0.98, 1.0),
        (1, 10.0, 0.92, 0.97),
        (2, 10.0, 0.92, 0.97),
        (8, 10.0, 0.92, 0.97),
    ],
)
def test_intervals_hold_the_closed_form_this_often(dim, offset, low, high, is_closed):
    """N = 200, 1,000 repetitions: a standard error of .01 at most."""
    yard = yard_of(dim)
    judge = yard if is_closed else replace(yard, mixture=None)
    held, below, above = shares(judge, dim, 200, offset, 1_000)
    assert low <= held <= high
    assert above <= 0.025 <= below or dim >= 8  # what they miss lies above them

"""What risks are shown in: percentage points of classification, else the task's own unit."""

import pytest

from study.rendering.units import UNKNOWN, unit_of


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [(0.12345, 2, "12.35"), (0.12345, 1, "12.3"), (-0.00001, 2, "0.00"), (None, 2, UNKNOWN)],
)
@pytest.mark.parametrize("within", [None, 0.0001, 3.0])
def test_points_have_decimals_whatever_their_interval(
    value: float | None, places: int, shown: str, within: float | None
) -> None:
    for task in (None, "classification"):
        assert unit_of(task).show(value, places, within) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.046123, "0.0461"),
        (0.05, "0.0500"),
        (7.5301, "7.53"),
        (150.0, "150"),
        (1234.5, "1234"),
        (-0.0000123, "-0.0000123"),
        (1.23e-7, "1.23e-07"),
        (0.0, "0.00"),
        (None, UNKNOWN),
    ],
)
def test_a_risk_of_any_size_has_three_digits(value: float | None, shown: str) -> None:
    assert unit_of("reconstruction").show(value) == shown


def test_a_value_and_its_ends_have_as_many_decimals() -> None:
    """Two digits of half the interval's length; before, three of each number on its own."""
    unit = unit_of("reconstruction")
    ends = (0.0046, -0.00012, 0.00932)
    assert [unit.show(end, within=0.0047) for end in ends] == ["0.0046", "-0.0001", "0.0093"]
    assert [unit.show(end, 1, 0.0047) for end in ends] == ["0.005", "0.000", "0.009"]
    assert unit.show(3e-6, within=0.0047) == "0.0000"
    assert unit.show(12345.6, within=300.0) == "12346"
    assert unit.show(2.5e-7, within=3e-8) == "2.50e-07"
    assert unit.show(0.05, within=1e-12) == "0.0500000"  # an interval of next to nothing


def test_a_unit_that_nobody_has_named_is_the_task_s() -> None:
    own, other = unit_of("reconstruction"), unit_of("image_generation")
    assert (own.sign, own.points, own.short) == (
        "squared input",
        "squared input",
        "units of squared input",
    )
    assert {other.sign, other.points, other.short} == {"units of image generation risk"}

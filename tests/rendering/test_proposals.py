"""What searches tried: places on axes, ranks within a cell, and which hyperparameters matter."""

import math
from typing import Any

import pytest

from study.analysis.table import build_trials
from study.rendering.proposals import Search, proposals_held, searches_of
from tests.rendering.conftest import Record, make_record


def proposal(seed: int, risk: float | None, status: str = "done", **changes: Any) -> Record:
    where = {name: changes.pop(name) for name in ("num_train",) if name in changes}
    return make_record(
        "search", status, seed=seed, validation_risk=risk, hyperparameters=changes, **where
    )


def search_of(*records: Record) -> Search:
    (found,) = searches_of(build_trials(list(records), {}))
    return found


def test_a_rate_that_always_helps_and_one_that_never_matters() -> None:
    records = [
        proposal(k, 0.5 - 0.01 * k, num_train=n, learning_rate=10.0 ** (k - 5), width=w)
        for n in (64, 128)
        for k, w in enumerate((1, 3, 4, 2))
    ]
    found = search_of(*records, proposal(9, 0.1, "stopped", learning_rate=1.0, width=1))
    rate, width = found.importances
    assert (rate.name, rate.num, rate.rho) == ("learning_rate", 8, pytest.approx(-1.0))
    assert width.name == "width"
    # ranks 1 3 4 2 against 4 3 2 1, twice: rho = 1 - 6 (9 + 0 + 4 + 1) / (4 * 15)
    assert width.rho == pytest.approx(1 - 6 * 14 / 60)
    z, reach = math.atanh(width.rho), 1.96 / math.sqrt(8 - 2 - 2)
    assert width.lo == pytest.approx(math.tanh(z - reach))
    assert width.hi == pytest.approx(math.tanh(z + reach))


def test_lines_are_ranked_within_their_cell() -> None:
    found = search_of(
        proposal(0, 0.3, learning_rate=0.001, kind="a"),
        proposal(1, 0.2, learning_rate=0.1, kind="b"),
        proposal(2, 0.4, learning_rate=0.01, kind="c"),
        proposal(0, 0.1, num_train=64, learning_rate=0.1, kind="b"),
        proposal(3, None, learning_rate=9.0, kind="z"),
    )
    assert {axis.name: (axis.is_log, axis.ends) for axis in found.axes} == {
        "learning_rate": (True, "0.001 to 0.1"),
        "kind": (False, "a to c"),
    }
    lines = [line for line in found.lines if line["where"].endswith("n = 256")]
    assert [(line["rank"], line["risk"]) for line in lines] == [
        (0.0, "20.00"),
        (0.5, "30.00"),
        (1.0, "40.00"),
    ]
    places = [dict(zip((a.name for a in found.axes), one["places"], strict=True)) for one in lines]
    assert [place["learning_rate"] for place in places] == pytest.approx([1.0, 0.0, 0.5])
    assert [place["kind"] for place in places] == [0.5, 0.0, 1.0]
    held = proposals_held([found])["linear"]
    assert len(held["lines"]) == 4


def test_a_search_that_varied_nothing_is_not_shown() -> None:
    records = [proposal(k, 0.1 * k, learning_rate=0.1) for k in range(1, 4)]
    assert searches_of(build_trials(records, {})) == []

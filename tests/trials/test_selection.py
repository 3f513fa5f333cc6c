"""Selection looks at validation data of finished search trials, and at nothing else."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from study.trials.selection import best_row, winner


def record(seed: int, validation: object, role: str = "search", status: str = "done") -> Any:
    metrics = {"validation_risk": validation, "risk": 1.0 - 0.01 * seed}
    named = {"role": role, "status": status, "seed": seed, "trial_id": f"{seed:016x}"}
    return {**named, "metrics": metrics}


def test_the_smallest_validation_risk_wins() -> None:
    found = winner([record(0, 0.3), record(1, 0.1), record(2, 0.2)])
    assert found is not None
    assert found["seed"] == 1


def test_ties_go_to_the_smaller_seed() -> None:
    found = winner([record(2, 0.1), record(1, 0.1), record(3, 0.1)])
    assert found is not None
    assert found["seed"] == 1


def test_no_winner_without_a_finished_search_trial() -> None:
    assert winner([]) is None
    assert winner([record(0, 0.1, status="stopped"), record(1, 0.1, status="failed")]) is None
    assert winner([record(0, 0.1, role="measure")]) is None
    assert winner([record(0, None), record(1, math.nan), record(2, math.inf)]) is None
    assert winner([{**record(0, 0.1), "metrics": None}]) is None


def test_a_stopped_trial_never_wins_however_good() -> None:
    found = winner([record(0, 0.0, status="stopped"), record(1, 0.4), record(2, math.nan)])
    assert found is not None
    assert found["seed"] == 1


def test_the_best_row_of_the_table() -> None:
    rows = [
        {"role": "best_in_class", "status": status, "seed": seed, "validation_risk": value}
        | {"trial_id": str(seed)}
        for seed, status, value in ((0, "done", 0.2), (1, "failed", None), (2, "done", 0.1))
    ]
    found = best_row(rows)
    assert found is not None
    assert found["seed"] == 2


searches = st.lists(
    st.tuples(
        st.sampled_from(["search", "measure"]),
        st.sampled_from(["done", "stopped", "failed"]),
        st.one_of(st.none(), st.sampled_from([0.1, 0.2, 0.3, math.nan])),
    ),
    max_size=8,
)


@given(searches, st.randoms(use_true_random=False))
def test_order_and_test_risk_never_matter(found: Any, random: Any) -> None:
    records = [record(n, value, role, status) for n, (role, status, value) in enumerate(found)]
    first = winner(records)
    shuffled = [{**r, "metrics": {**r["metrics"], "risk": random.random()}} for r in records]
    random.shuffle(shuffled)
    second = winner(shuffled)
    eligible = [
        r["metrics"]["validation_risk"]
        for r in records
        if (r["role"], r["status"]) == ("search", "done")
        and r["metrics"]["validation_risk"] is not None
        and not math.isnan(r["metrics"]["validation_risk"])
    ]
    if first is None or second is None:
        assert first is second is None
        assert not eligible
    else:
        assert first["trial_id"] == second["trial_id"]
        assert first["metrics"]["validation_risk"] == min(eligible)

"""Whether U_H has settled, and what its streams tend to."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from study.analysis.candidates import Rule, bound_has_settled, excess_limit
from study.analysis.decisions import Decisions
from study.analysis.frames import to_rows
from study.analysis.joined import join
from study.analysis.landscape import build_landscape
from study.analysis.table import build_trials
from study.trials.decisions import law_key, pack
from study.trials.trial import cell_of
from tests.statistical.coverage_studies import InMemory

Make = Callable[..., dict[str, Any]]
N = 1_000


def study(make: Make, wrong: Mapping[str, list[int]]) -> tuple[list[dict[str, Any]], Decisions]:
    """Restarts "m4000" ... and seeds "s0" ..., wrong on these examples, each of them worth .5."""
    decisions, records = InMemory(), []
    wrong = {"s9": list(range(400)), **wrong}  # without a measured seed there is no cell to show
    for name, places in wrong.items():
        decided = np.zeros(N, dtype=np.int64)
        decided[places] = 1
        decisions.files[name] = {"budget": pack(decided, 2)}
        excess = 0.5 * len(places) / N
        known = {"risk": 0.25 + excess, "excess_risk": excess, "trial_id": name, "bayes_risk": 0.25}
        if name.startswith("m"):
            given = {"num_train": int(name[1:]), "selection_risk": 0.25 + excess}
            records.append(make("best_in_class", **given, **known))
        else:
            records.append(make(seed=int(name[1:]), selection_risk=0.9, **known))
    posterior = np.tile([0.75, 0.25], (N, 1))
    decisions.files[f"law-{law_key(cell_of(make()))}"] = {"posterior": posterior}
    return records, decisions


def is_bound(records: list[dict[str, Any]], decisions: Decisions | None) -> Any:
    (row,) = to_rows(build_landscape(join(build_trials(records, {}), decisions), {}))
    return row["approximation_is_bound"]


FIRST = list(range(100))
# 40 other examples as wrong as 40 of the first: the paired difference is 0, its error is not
OTHER = [*range(60), *range(200, 240)]


def test_u_h_has_settled_where_a_quarter_of_the_stream_did_as_well(make: Make) -> None:
    records, decisions = study(make, {"m1000": OTHER, "m4000": FIRST})
    assert is_bound(records, decisions) is False
    assert is_bound(records, None) is True  # nothing says so without decisions
    # sqrt(n) / N is the paired error of n examples that differ: 10 better of 10 are more than one
    records, decisions = study(make, {"m1000": [*FIRST, *range(300, 310)], "m4000": FIRST})
    assert is_bound(records, decisions) is True
    # a stream half as long is no evidence
    records, decisions = study(make, {"m2000": OTHER, "m4000": FIRST})
    assert is_bound(records, decisions) is True
    records, decisions = study(make, {"m500": OTHER, "m4000": FIRST})
    assert is_bound(records, decisions) is False


def test_u_h_has_not_settled_where_measured_rules_are_better(make: Make) -> None:
    """Their selection risk loses, so that U_H stays; all seeds err on 30 examples fewer of 100."""
    better = {f"s{seed}": FIRST[: 70 + seed % 2] for seed in (9, 1, 2)}
    records, decisions = study(make, {"m1000": OTHER, "m4000": FIRST, **better})
    assert is_bound(records, decisions) is True
    same = {f"s{seed}": FIRST[: 99 + seed % 2] for seed in (9, 1, 2)}
    records, decisions = study(make, {"m1000": OTHER, "m4000": FIRST, **same})
    assert is_bound(records, decisions) is False


def test_the_limit_wants_three_streams() -> None:
    def streams(*sizes: int) -> dict[int, Rule]:
        return {m: Rule(row={"excess_risk": 0.02 + 80 / m, "role": "limit"}) for m in sizes}

    assert excess_limit(streams(1000, 4000)) is None
    assert excess_limit(streams(1000, 4000, 16_000)) == pytest.approx(0.02, abs=1e-12)
    assert not bound_has_settled({}, None)

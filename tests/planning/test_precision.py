"""Seeds until a total is precise enough: how many, which cells get them, what intervals cover."""

import io
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from classcomp.costs import Costs
from search_spaces import SPACES
from study.planning.dry_run import describe
from study.planning.forecast import Forecast
from study.planning.plan import next_trials, planned_trials, seeds_by_cell, total_by_role
from study.planning.precision import first_totals, seeds_asked
from study.planning.progress import describe_progress
from study.request.reading import SpecError
from study.request.spec import StudySpec
from study.trials.trial import TrialSpec
from tests.small_study import record_of

MakeSpec = Callable[..., StudySpec]
FIRST, MOST = 5, 40
MILLISECOND = Costs(start_s=0.0, example_s=0.001, scoring_s=0.0)


def half_length(num: int, spread: float, error: float, num_first: int) -> float:
    """The mean square of Satterthwaite's and Banerjee's; see study.analysis.crossed."""
    seeds, examples = spread**2 / num, error**2
    freedom = (num_first - 1) * (1 + examples / seeds) ** 2
    own, pooled, normal = scipy.stats.t.ppf(0.975, [num_first - 1, freedom, math.inf])
    squares = pooled**2 * (seeds + examples), own**2 * seeds + normal**2 * examples
    return math.sqrt(sum(squares) / 2)


totals = st.lists(st.floats(-0.2, 0.5), min_size=5, max_size=8, unique=True)


@given(values=totals, error=st.floats(0, 0.004), precision=st.floats(0.005, 0.2))
def test_it_is_the_smallest_number_that_is_precise_enough(
    values: list[float], error: float, precision: float
) -> None:
    found = seeds_asked(values, [error] * len(values), precision=precision, at_most=10**6)
    spread = float(np.std(values, ddof=1))
    if 0.98 * precision < scipy.stats.norm.ppf(0.975) * error:
        return  # what seeds cannot mend is another test's
    if found < 10**6:
        assert half_length(found, spread, error, len(values)) <= precision * (1 + 1e-6)
    if found > len(values):
        assert half_length(found - 1, spread, error, len(values)) > precision * (1 - 1e-6)


def test_what_seeds_cannot_average_away_takes_as_many_as_there_may_be() -> None:
    errors = [0.006] * 5
    assert seeds_asked([0.1, 0.2, 0.3, 0.2, 0.1], errors, precision=0.005, at_most=33) == 33
    assert seeds_asked([0.2] * 5, errors, precision=0.005, at_most=33) == 5  # nor can more seeds


def test_intervals_of_steins_rule_cover() -> None:
    """Normal totals, a spread that nobody knew: 95% of the intervals hold the truth, +-1.3 (3 SE).

    The interval takes the first stage's spread; with all seeds' own, stopping would be paid for.
    """
    rng, num, held, lengths = np.random.default_rng(1), 2_500, 0, []
    for _ in range(num):
        drawn = rng.normal(0.3, 0.01, 400)
        k = seeds_asked(list(drawn[:5]), [0.0] * 5, precision=0.008, at_most=400)
        half = scipy.stats.t.ppf(0.975, 4) * np.std(drawn[:5], ddof=1) / math.sqrt(k)
        held += abs(drawn[:k].mean() - 0.3) <= half
        lengths.append(half)
    assert max(lengths) <= 0.008 + 1e-12
    assert 0.937 < held / num < 0.963


def finished(trial: TrialSpec, risk: float, *, status: str = "done") -> dict[str, Any]:
    metrics = {"excess_risk": risk, "excess_risk_se": 0.001, "risk": risk + 0.2, "risk_se": 0.004}
    return record_of(trial, status=status, metrics=metrics if status == "done" else {})


@pytest.fixture
def spec(make_spec: MakeSpec) -> StudySpec:
    """Two cells, without a search."""
    return make_spec(
        families=["linear", "vgg"],
        depths=[1],
        num_train=[64],
        distortions={},
        search={"trials": 0},
        seeds=FIRST,
        precision=0.01,
        max_seeds=MOST,
    )


# Spreads .0027 and .0148: of seeds alone (t s / .01)^2 is .56 and 16.9, with t = 2.776.
EVEN = dict(enumerate([0.100, 0.103, 0.106, 0.100, 0.100]))
UNEVEN = dict(enumerate([0.10, 0.12, 0.11, 0.08, 0.10]))


def seeds_of(trials: list[TrialSpec], family: str) -> list[int]:
    return [t.seed for t in trials if t.role == "measure" and t.cell.family == family]


def first_stage(spec: StudySpec, families: list[str]) -> list[dict[str, Any]]:
    risks = {"linear": EVEN, "vgg": UNEVEN}
    return [
        finished(t, risks[t.cell.family][t.seed])
        for t in next_trials(spec, [])
        if t.role == "measure" and t.cell.family in families
    ]


def test_each_cell_gets_the_seeds_that_its_first_ones_ask_for(spec: StudySpec) -> None:
    assert seeds_of(next_trials(spec, []), "vgg") == list(range(FIRST))
    records = first_stage(spec, ["linear", "vgg"])
    trials = next_trials(spec, records)
    assert seeds_of(trials, "linear") == []
    spread = float(np.std(list(UNEVEN.values()), ddof=1))
    lengths = {k: half_length(k, spread, 0.001, FIRST) for k in range(FIRST, MOST)}
    needed = min(k for k, length in lengths.items() if length <= 0.01)
    assert needed == 18
    assert seeds_of(trials, "vgg") == list(range(FIRST, needed))
    later = [t for t in trials if t.role == "measure"]
    records += [finished(t, 9.0) for t in later]  # what comes later decides nothing any more
    assert seeds_of(next_trials(spec, records), "vgg") == []
    counts = {cell.family: n for cell, n in seeds_by_cell(spec, records).items()}
    assert counts == {"linear": FIRST, "vgg": needed}


def test_a_first_stage_that_is_not_over_asks_for_no_more(spec: StudySpec) -> None:
    records = first_stage(spec, ["vgg"])
    assert seeds_of(next_trials(spec, records[:-1]), "vgg") == [FIRST - 1]


def test_no_cell_gets_more_than_it_may(make_spec: MakeSpec, spec: StudySpec) -> None:
    records = first_stage(spec, ["vgg"])
    few = spec.model_copy(update={"max_seeds": 9})
    assert seeds_of(next_trials(few, records), "vgg") == [5, 6, 7, 8]


def test_failed_seeds_tell_nothing_and_count(spec: StudySpec) -> None:
    records = first_stage(spec, ["vgg"])
    records[0] = {**records[0], "status": "failed", "metrics": {}}
    values, errors = first_totals(records)
    assert (len(values), len(errors)) == (4, 4)
    more = seeds_of(next_trials(spec, records), "vgg")
    assert more == list(range(FIRST, FIRST + len(more)))
    everything = [{**record, "status": "failed", "metrics": {}} for record in records]
    assert seeds_of(next_trials(spec, everything), "vgg") == []


def test_where_no_bayes_risk_is_known_the_risk_is_to_be_precise() -> None:
    metrics = {"excess_risk": None, "excess_risk_se": None, "risk": 0.3, "risk_se": 0.002}
    record = {"status": "done", "metrics": metrics}
    assert first_totals([record, record]) == ([0.3, 0.3], [0.002, 0.002])


def test_totals_grow_as_first_stages_end(spec: StudySpec) -> None:
    assert total_by_role(spec)["measure"] == 2 * FIRST
    records = first_stage(spec, ["linear", "vgg"])
    more = len(seeds_of(next_trials(spec, records), "vgg"))
    assert total_by_role(spec, records)["measure"] == 2 * FIRST + more > 2 * FIRST
    assert Forecast(spec).look([], 1, None).totals["measure"] == 2 * FIRST
    outlook = Forecast(spec).look(records, 1, None)
    assert f"measure 10/{10 + more} ·" in describe_progress(outlook, records)


def test_the_dry_run_tells_the_least_and_the_most(spec: StudySpec) -> None:
    console = Console(file=io.StringIO(), width=120)
    describe(spec, [], lambda trial: MILLISECOND, console, 2)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    counts = Counter(t.role for t in planned_trials(spec))
    others = sum(counts.values()) - counts["measure"]
    (row,) = [line for line in printed.splitlines() if " measure " in line]
    assert f"{2 * FIRST}–{2 * MOST}" in row
    assert f"{2 * FIRST * 64 * 4:,}" in row  # seeds, examples, epochs
    # A trunk of 58 steps and two cooldowns of 2, of 32 examples; 6.6 looks at 64, each a third.
    assert "0:21" in row  # least: 10 seeds that cannot settle within 30 epochs
    assert "2:50" in row  # at most: 80
    assert f"{others + 2 * FIRST}–{others + 2 * MOST} trials to run" in printed
    assert "precision = 0.01: 5 seeds of each cell tell how many it needs, 40 at most." in printed


def test_steps_cost_their_batches(make_spec: MakeSpec) -> None:
    training = {"budget_steps": 50, "max_steps": 100}
    spec = make_spec(
        families=["linear"], depths=[1], num_train=[64], distortions={}, training=training
    )
    console = Console(file=io.StringIO(), width=120)
    describe(spec, [], lambda trial: MILLISECOND, console, None)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    (row,) = [line for line in printed.splitlines() if " measure " in line]
    assert f"{3 * 50 * 32:,}" in row  # seeds, steps, examples a step


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"precision": 0.01}, "precision = 0.01: max_seeds is missing"),
        ({"max_seeds": 9}, "max_seeds = 9: allowed with precision only"),
        (
            {"precision": 0.01, "max_seeds": 9, "seeds": 4},
            "seeds = 4: with precision = 0.01 they are the first stage, of at least 5",
        ),
        (
            {"precision": 0.01, "max_seeds": 9, "seeds": 10},
            "max_seeds = 9: must be at least seeds = 10",
        ),
        ({"precision": 0.0, "max_seeds": 9, "seeds": 5}, "precision = 0.0: "),
        (
            {"precision": 1.0, "max_seeds": 9, "seeds": 5},
            "precision = 1: must be below 1, the largest risk of classification (linear)",
        ),
    ],
)
def test_a_wrong_precision_is_one_line(
    make_spec: MakeSpec, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError) as refused:
        make_spec(**changes)
    assert str(refused.value).startswith(f"test: {said}")
    assert "\n" not in str(refused.value)


def test_a_precision_is_in_the_unit_of_the_risk(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, none was above 1, whatever the risk; with a classifier beside none is."""
    space = replace(SPACES["linear"], task="reconstruction")
    monkeypatch.setitem(SPACES, "ae", space)
    asked = {"precision": 2.5, "max_seeds": 9, "seeds": 5}
    assert make_spec(families=["ae"], **asked).precision == 2.5
    with pytest.raises(SpecError, match=r"below 1, the largest risk of classification \(vgg\)"):
        make_spec(families=["ae", "vgg"], **asked)

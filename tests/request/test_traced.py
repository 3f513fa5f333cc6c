"""A trace that is asked for later, and training to the end: what is another trial, and what not."""

from pathlib import Path
from typing import Any

import pytest

from study.planning.plan import next_trials
from study.request.extension import extend, untraced_lines
from study.request.reading import write_spec
from tests.request.beginning import Make, begun
from tests.small_study import TABLE


def traced_record(record: dict[str, Any], risk: float | None) -> dict[str, Any]:
    return {**record, "curves": [{"phase": "budget", "step": 2, "risk": risk}]}


def test_a_trace_is_asked_for_later_and_told_to_be_missing_of_what_is_finished(
    make_spec: Make, tmp_path: Path
) -> None:
    there = make_spec(search={"trials": 0})
    asked = make_spec(search={"trials": 0}, training={**TABLE["training"], "traced": 20})
    bare = [traced_record(record, None) for record in begun(there, tmp_path)]
    assert extend(asked, bare, tmp_path, "here").training.traced == 20
    assert not next_trials(asked, bare)  # the same trials, under the same ids
    num = sum(record["role"] == "measure" for record in bare)
    assert num > 0
    (line,) = untraced_lines(asked, bare, tmp_path)
    assert f"training.traced = 20 is new here: {num} finished trials" in line
    assert not untraced_lines(there, bare, tmp_path)
    assert not untraced_lines(asked, [], tmp_path)
    fitted = [{**record, "curves": [{"phase": "fit", "step": 1}]} for record in bare]
    assert not untraced_lines(asked, fitted, tmp_path)
    write_spec(asked, tmp_path / "study.toml")
    assert not untraced_lines(asked, bare, tmp_path)  # it was told when it was new
    traced = [traced_record(record, 0.1) for record in bare]
    assert not untraced_lines(asked, traced, tmp_path)
    denser = make_spec(search={"trials": 0}, training={**TABLE["training"], "traced": 40})
    (line,) = untraced_lines(denser, traced, tmp_path)
    assert f"= 40 is new here: {num} finished trials keep the points" in line


def test_less_of_a_traced_study_keeps_what_is_asked_of_its_traces(
    make_spec: Make, tmp_path: Path
) -> None:
    """As resources, traced determines no result: it counts where fewer seeds are asked for."""
    records = begun(make_spec(), tmp_path)
    asked = make_spec(seeds=2, training={**TABLE["training"], "traced": 20})
    found = extend(asked, records, tmp_path, "here")
    assert (found.seeds, found.training.traced) == (make_spec().seeds, 20)


def test_to_the_end_is_part_of_the_identity_of_trials_that_go_there_alone(make_spec: Make) -> None:
    settled, ended = (
        {trial.trial_id: trial for trial in next_trials(spec, [])}
        for spec in (
            make_spec(search={"trials": 0}),
            make_spec(search={"trials": 0}, training={**TABLE["training"], "until": "end"}),
        )
    )
    assert {settled[name].role for name in settled.keys() - ended.keys()} == {"measure"}
    assert {ended[name].role for name in ended.keys() - settled.keys()} == {"measure"}
    assert "until" not in next(iter(settled.values())).identity


@pytest.mark.parametrize("wrong", [1, 201, -1, 2.5, True, "20"])
def test_a_trace_has_two_points_or_more(wrong: Any, make_spec: Make) -> None:
    with pytest.raises(ValueError, match=r"training\.traced|traced"):
        make_spec(training={**TABLE["training"], "traced": wrong})

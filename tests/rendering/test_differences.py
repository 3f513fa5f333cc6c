import re
from typing import Any

import pytest

from study.analysis.crossovers import build_crossovers
from study.rendering.differences import crossover_sentences, difference_lines
from study.rendering.lines import draw_line_grid
from tests.analysis.test_crossovers import FIRST, NEITHER, SECOND, UNKNOWN, compared, table


def grids(rows: list[dict[str, Any]]) -> Any:
    comparisons = table(rows)
    return difference_lines(comparisons, build_crossovers(comparisons))


def test_the_figure_has_the_pairs_whose_order_depends_on_n() -> None:
    rows = [
        *compared(FIRST, NEITHER, UNKNOWN),
        *compared(FIRST, FIRST, second="c"),  # a is ahead throughout
        *compared(SECOND, NEITHER, depth=4),
        *compared(FIRST, SECOND, population="q"),
    ]
    first, second = grids(rows)
    assert first.title == "p, undistorted: risk of one family minus another’s against sample size"
    assert first.labels == ("a − b",)
    assert [panel.title for panel in first.panels[0]] == ["depth 2", "depth 4"]
    line = first.panels[0][0].lines[0]
    assert line.x == (250, 1_000, 4_000)
    # In hundredths, as all differences of 0-1 risks.
    assert line.y == (pytest.approx(-2.0), pytest.approx(0.5), None)
    assert line.lo == (pytest.approx(-3.0), pytest.approx(-1.0), None)
    assert second.title.startswith("q, undistorted")
    figure = draw_line_grid(first)
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["250", "1000", "4000"]


def test_latent_dimensions_have_panels_and_sentences_of_their_own() -> None:
    rows = [
        *compared(FIRST, NEITHER, latent_dim=10),
        *compared(FIRST, SECOND, latent_dim=2),
        *compared(FIRST, SECOND, latent_dim=2, depth=4),
        *compared(FIRST, FIRST, latent_dim=5),
    ]
    (grid,) = grids(rows)
    sizes = ["depth 2 k=2", "depth 2 k=10", "depth 4 k=2"]
    assert [panel.title for panel in grid.panels[0]] == sizes
    assert {line.x for panel in grid.panels[0] for line in panel.lines} == {(250, 1_000)}
    sentences = crossover_sentences(build_crossovers(table(rows)))
    assert [re.search(r"depth \d k=\d+", one)[0] for one in sentences] == [  # type: ignore[index]
        *sizes,
        "depth 2 k=5",  # where the lead holds
    ]


@pytest.mark.parametrize(
    "intervals",
    [
        (FIRST, NEITHER, FIRST),
        (FIRST, SECOND, FIRST),
        (FIRST, UNKNOWN, NEITHER),
        (FIRST, UNKNOWN, SECOND),
    ],
)
def test_of_a_lead_that_is_not_known_to_be_over_nothing_is_said(intervals: Any) -> None:
    assert crossover_sentences(build_crossovers(table(compared(*intervals)))) == []


def test_no_figure_where_no_order_changes() -> None:
    assert grids(compared(FIRST, FIRST)) == []
    assert grids([]) == []


def test_tasks_do_not_meet_on_an_axis() -> None:
    found = grids([*compared(FIRST, NEITHER), *compared(FIRST, NEITHER, task="reconstruction")])
    assert len({grid.y_labels for grid in found}) == 2


def test_a_sentence_says_between_which_sizes() -> None:
    rows = [
        *compared(FIRST, FIRST, NEITHER, first="net_pretrained", second="net"),
        *compared(SECOND, FIRST, depth=4),
        *compared(FIRST, FIRST, second="c"),
        *compared(FIRST, NEITHER, distortion="overlap", severity=0.5),
    ]
    assert crossover_sentences(build_crossovers(table(rows))) == [
        "On p, depth 2 net_pretrained errs less than net up to n = 1000; at n = 4000 that is no "
        "longer shown (p < 0.05, corrected for all of the task’s leads).",
        "On p, depth 4 b errs less than a up to n = 250; at n = 1000 that is no longer shown, and "
        "from n = 1000 on a errs less (p < 0.05, corrected for all of the task’s leads).",
        "At every n up to 1000 on p, depth 2 a errs less than c (p < 0.05, corrected for all of "
        "the task’s leads).",
    ]
    rows = [row | {"p_value": 0.01} if row["second"] == "c" else row for row in rows]
    *_, last = crossover_sentences(build_crossovers(table(rows)))
    assert last == (
        "Not significant once all are corrected for: 1 lead from the smallest n on "
        "(crossovers.csv)."
    )


def test_leads_up_to_different_sizes_and_of_different_tasks_are_sentences_of_their_own() -> None:
    rows = [
        *compared(FIRST, FIRST),
        *compared(FIRST, FIRST, FIRST, second="c"),
        *compared(FIRST, FIRST, second="d", task="reconstruction"),
    ]
    told = crossover_sentences(build_crossovers(table(rows)))
    assert [one.partition(" (")[0] for one in told] == [
        "At every n up to 1000 on classification · p, depth 2 a errs less than b",
        "At every n up to 4000 on classification · p, depth 2 a errs less than c",
        "At every n up to 1000 on reconstruction · p, depth 2 a errs less than d",
    ]


def test_a_lead_whose_p_is_unknown_is_not_said_to_be_none() -> None:
    rows = [row | {"p_value": None} for row in compared(FIRST, FIRST)]
    assert crossover_sentences(build_crossovers(table(rows))) == []

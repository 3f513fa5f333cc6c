"""Steps until settled against the risk then: trials that had settled, by n and family."""

from study.analysis.table import build_trials
from study.rendering.speed import draw_speed_grid, speed_grids, tick_places
from tests.rendering.conftest import make_record


def test_only_trials_that_had_settled_are_points() -> None:
    settled = {"risk": 0.3, "converged": True}
    records = [
        make_record(seed=0, steps_to_converge=100, converged_risk=0.25, **settled),
        make_record(seed=1, steps_to_converge=400, converged_risk=0.20, **settled),
        make_record(seed=2, converged_risk=0.9, **settled),
        make_record("search", seed=3, steps_to_converge=7, converged_risk=0.1),
        make_record(family="vgg", seed=0, steps_to_converge=50, converged_risk=0.1, num_train=64),
    ]
    (grid,) = speed_grids(build_trials(records, {}))
    assert [panel.title for panel in grid.panels] == ["n = 64", "n = 256"]
    assert grid.labels == ("linear", "vgg")
    (cloud,) = grid.panels[1].clouds
    assert (cloud.label, cloud.steps, cloud.risk) == ("linear", (100, 400), (25.0, 20.0))
    figure = draw_speed_grid(grid)
    (line,) = figure.axes[1].lines
    assert list(line.get_xdata()) == [100, 400]
    figure.draw_without_rendering()
    labels = [tick.get_text() for axes in figure.axes for tick in axes.get_xticklabels()]
    assert not any("$" in label for label in labels)
    assert {"50", "100", "200"} <= set(labels)
    assert len(figure.axes[1].xaxis.get_minorticklocs()) == 0, "no tick is without its number"


def test_an_axis_of_one_decade_has_ticks_enough() -> None:
    for low, high in ((560, 1_900), (95, 105), (50, 480), (30, 2_900), (10, 90_000)):
        ticks = [place * 10**decade for decade in range(6) for place in tick_places(low, high)]
        assert 1 <= sum(low <= tick <= high for tick in ticks) <= 7

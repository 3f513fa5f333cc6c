"""Capacity on the page: figures, lines of findings, from tables of rules that were drawn."""

from pathlib import Path

import pandas as pd
import pytest

from study.analysis.capacities import build_capacities
from study.analysis.joined import Joined
from study.analysis.landscape import build_landscape
from study.rendering.capacities import (
    RISKS,
    capacity_grids,
    draw_capacity_grid,
    peak_lines,
    peak_rows,
)
from study.rendering.style import write_figure
from tests.analysis.test_capacities import CAPACITIES, SIZES, written

NOISE = {"distortion": "label_noise", "severity": 0.2}
LEVELS = {"label_noise": [0.0, 0.2], "imbalance": [0.5]}


def tables(joined: Joined) -> tuple[pd.DataFrame, pd.DataFrame]:
    return build_capacities(joined, LEVELS, build_landscape(joined, LEVELS))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of an undistorted law and of label noise; the former is shown under two distortions."""
    study = written(tmp_path_factory.mktemp("study"))
    more = written(tmp_path_factory.mktemp("more"), **NOISE)
    for record in more.records:
        if record["role"] == "measure":
            study.records.append(record)
            name = f"decisions/{record['trial_id']}.npz"
            (study.folder / name).write_bytes((more.folder / name).read_bytes())
    for law in (more.folder / "decisions").glob("law-*.npz"):
        (study.folder / "decisions" / law.name).write_bytes(law.read_bytes())
    return tables(study.joined(LEVELS))


def test_a_figure_is_of_one_damage_and_an_undamaged_law_is_drawn_once(
    both: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    grids = capacity_grids(*both)
    assert [grid.title.partition("parameters, ")[2] for grid in grids] == [
        "undistorted, n = 256",
        "label noise 0.2, n = 256",
    ]
    for grid in grids:
        (panel,) = grid.panels
        assert panel.title == "vgg 1"
        assert tuple(line.label for line in panel.risks) == tuple(RISKS.values())
        assert all(line.x in (SIZES, ()) for line in (*panel.risks, *panel.errors))
        assert panel.threshold == SIZES[CAPACITIES.index(1.0)]
        assert [x for x, _ in panel.peaks] == [8_000.0, 8_000.0]
        top = {line.label: max(y for y in line.y if y is not None) for line in panel.risks[:2]}
        assert sorted(y for _, y in panel.peaks) == sorted(top.values())
        assert max(top.values()) > 10  # in percent


def test_the_figure_has_what_its_legend_says(
    both: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    figure = draw_capacity_grid(capacity_grids(*both)[0])
    (legend,) = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told[:5] == list(RISKS.values())
    assert told[5:9] == ["approximation", "objective", "estimation", "optimization"]
    assert told[-2:] == ["L is at most .005", "peak"]
    assert write_figure(figure, tmp_path / "figure.svg").stat().st_size > 10_000


def test_findings_say_where_how_high_and_what_carries_it(
    both: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    lines = peak_lines(both[1])
    assert len(lines) == 4  # two risks of two curves
    noisy = next(line for line in lines if "label noise" in line and "R_n(T)" in line)
    assert noisy.startswith("vgg 1 on xor(sigma=0.5) (label noise 0.2, n = 256): R_n(T) has a peak")
    assert " at c = 1 (8,000 parameters): +" in noisy
    assert "points above c = 0.5, +" in noisy
    assert noisy.count("[") == 2
    assert noisy.endswith("; L is at most .005 at c = 1")
    undistorted = next(line for line in lines if "undistorted" in line)
    assert ", of which estimation is most; " in undistorted


def test_no_peak_and_an_unknown_one_are_counted(both: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    _, peaks = both
    none = peaks.assign(is_peak=pd.array([False] * len(peaks), dtype="boolean"))
    (line,) = peak_lines(none)
    assert line == "no peak is shown in 4 of 4 curves over capacity: of R_n(T), or of R_n(inf)"
    unknown = peaks.assign(is_peak=pd.array([None] * len(peaks), dtype="boolean"))
    (line,) = peak_lines(unknown)
    assert line.startswith("whether there is a peak is not known of 4 curves: ")
    assert peak_lines(peaks.iloc[:0]) == []
    assert peak_rows(peaks.iloc[:0]) == []

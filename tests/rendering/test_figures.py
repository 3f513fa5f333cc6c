"""Heat maps and lines: numbers first."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.colors import to_hex

from study.analysis.columns import ERRORS
from study.analysis.frames import to_rows
from study.rendering.heat_maps import draw_heat_maps, heat_maps
from study.rendering.lines import draw_line_grid, error_lines, errors_by_size
from study.rendering.style import ERROR_COLOURS, write_figure
from tests.rendering.conftest import cell_row, landscape_frame, landscape_of

Record = dict[str, Any]


def test_figures_are_numbers_first(
    records: list[Record], levels: dict[str, list[float]], tmp_path: Path
) -> None:
    landscape = landscape_of(records, levels)
    maps = heat_maps(landscape)
    # nothing is drawn of the errors nobody knows on digits
    assert [(m.population, m.error) for m in maps[-2:]] == [
        ("digits", "estimation"),
        ("digits", "optimization"),
    ]
    total = next(m for m in maps if m.error == "total")
    assert [panel.title for panel in total.panels] == ["imbalance, n = 256", "label noise, n = 256"]
    assert total.panels[1].column_labels == ("0", "0.1", "0.2")
    held = next(
        row
        for row in to_rows(landscape)
        if (row["population"], row["distortion"], row["level"])
        == ("xor(sigma=0.5)", "label_noise", 2)
        and (row["family"], row["depth"]) == ("resnet", 3)
    )
    place = total.panels[1].row_labels.index("resnet 3")
    assert total.panels[1].cells[place][2] == held["total"]
    assert len(error_lines(landscape)) == 4
    assert write_figure(draw_heat_maps(total), tmp_path / "x.png").stat().st_size > 1000


def test_unknown_cells_are_drawn_as_unknown(records: list[Record], tmp_path: Path) -> None:
    levels = {"label_noise": [0.0, 0.1, 0.3]}  # nobody was trained at 0.3
    landscape = landscape_of(records, levels)
    total = next(m for m in heat_maps(landscape) if m.error == "total")
    assert {row[2] for row in total.panels[0].cells} == {None}
    write_figure(draw_heat_maps(total), tmp_path / "x.svg")


def test_no_colour_scale_and_no_axis_mixes_tasks(
    records: list[Record], levels: dict[str, list[float]]
) -> None:
    landscape = landscape_of(records, levels)
    landscape["task"] = ["inpainting" if f == "resnet" else None for f in landscape["family"]]
    maps = [m for m in heat_maps(landscape) if m.error == "total"]
    assert [m.title for m in maps] == [
        "classification · xor(sigma=0.5): total error, percentage points",
        "inpainting · xor(sigma=0.5): total error, units of inpainting risk",
    ]
    shapes = [{label.split()[0] for p in m.panels for label in p.row_labels} for m in maps]
    assert shapes == [{"linear", "unet_pretrained"}, {"resnet"}]
    held = next(r for r in to_rows(landscape) if r["family"] == "resnet" and r["total"] is not None)
    grid = next(g for g in error_lines(landscape) if g.title.startswith("inpainting · xor"))
    assert grid.y_labels[0] == "total (units of inpainting risk)"
    assert held["total"] in grid.panels[0][0].lines[0].y


def test_a_dollar_in_a_name_is_a_dollar(
    records: list[Record], levels: dict[str, list[float]], tmp_path: Path
) -> None:
    for record in records:
        record["population"] = "a $x^{ law"
        record["family"] = record["family"] + "$\\frac$"
    path = write_figure(
        draw_heat_maps(heat_maps(landscape_of(records, levels))[0]), tmp_path / "x.svg"
    )
    assert path.stat().st_size > 1000


def test_what_is_no_sharp_number_is_marked_in_its_cell() -> None:
    row = cell_row(approximation=(0.1, 0.09, 0.11), approximation_is_bound=True)
    unsettled = cell_row("vgg", 2, estimation=(0.1, 0.09, 0.11), share_converged=0.5)
    marks = {m.error: m.panels[0].marks for m in heat_maps(landscape_frame(row, unsettled))}
    assert marks == {"approximation": (("≤",), ("",)), "estimation": (("",), ("~",))}


def test_every_error_has_a_row_of_lines_in_its_colour() -> None:
    errors = dict.fromkeys(ERRORS, (0.1, 0.09, 0.11))
    rows = [cell_row(level=level, severity=0.1 * level, **errors) for level in range(2)]
    (grid,) = error_lines(landscape_frame(*rows))
    assert [label.split()[0] for label in grid.y_labels] == list(ERRORS)
    assert grid.row_colours[1:] == tuple(ERROR_COLOURS.values())
    axes = draw_line_grid(grid).axes
    assert [to_hex(one.spines["left"].get_edgecolor()).upper() for one in axes[1:]] == list(
        ERROR_COLOURS.values()
    )


def test_errors_against_n_need_two_sizes() -> None:
    rows = [
        cell_row("vgg", num_train=n, total=(risk, risk - 0.01, risk + 0.01))
        for n, risk in ((512, 0.1), (128, 0.2))
    ]
    noisy = cell_row("vgg", num_train=128, level=1, severity=0.2, total=(0.4, 0.3, 0.5))
    (grid,) = errors_by_size(landscape_frame(*rows, noisy))
    assert (grid.x_ticks, grid.is_log) == ((128, 512), True)
    ((panel,),) = grid.panels
    (line,) = panel.lines
    assert (line.x, line.y) == ((128, 512), pytest.approx((20.0, 10.0)))
    assert line.lo == pytest.approx((19.0, 9.0))
    assert errors_by_size(landscape_frame(rows[0], noisy)) == []


def test_an_error_has_one_scale_of_colours_on_all_populations() -> None:
    small = cell_row("vgg", total=(0.02, 0.01, 0.03))
    large = cell_row("vgg", population="bump", total=(0.5, 0.4, 0.6))
    maps = [info for info in heat_maps(landscape_frame(small, large)) if info.error == "total"]
    assert {info.population for info in maps} == {"bump", "xor(sigma=0.5)"}
    assert [info.limit for info in maps] == [50.0, 50.0]
    drawn = [draw_heat_maps(info).axes[0].images[0].get_clim() for info in maps]
    assert drawn == [(-50.0, 50.0)] * 2

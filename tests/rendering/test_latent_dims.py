"""The latent dimension on page, terminal and picture: no two cells of an axis are shown as one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.analysis.files import write_table
from study.analysis.frames import to_rows
from study.analysis.latent_dims import build_latent_dims
from study.analysis.per_class import build_per_class
from study.analysis.table import build_curves, build_trials
from study.rendering.answers import answers
from study.rendering.changes import changes
from study.rendering.curves import draw_curve_grid, learning_curves
from study.rendering.decomposition import plain_decompositions
from study.rendering.heat_maps import heat_maps
from study.rendering.latent_dims import draw_latent_grid, knee_lines, latent_grids
from study.rendering.lines import error_lines
from study.rendering.per_class import class_lines, class_tables
from study.rendering.terminal import render_landscape_text
from study.report import terminal_text, write_report
from tests.analysis.decided import Array, Written
from tests.rendering.conftest import cell_row, landscape_frame
from tests.rendering.test_report import Page

LABELS = np.repeat(np.arange(3), 40)
CLASSES = {"labels": LABELS, "class_names": np.array(["Coat", "Bag<b>", "Boot"])}
FALLING = {2: 0.08, 5: 0.03, 10: 0.025, 20: 0.024}
STRAIGHT = {2: 0.08, 5: 0.056, 10: 0.038, 20: 0.02}
REBUILT: dict[str, Any] = {
    "task": "reconstruction",
    "bayes_risk": None,
    "approximation_is_bound": None,
    "optimization": (0.0031, 0.0024, 0.0038),
}


def terms(k: int, level: float, seed: int) -> Array:
    own = np.array([1.2, 0.6, 1.2])[LABELS] * np.random.default_rng(0).gamma(4.0, 0.25, len(LABELS))
    found: Array = level * own + 0.001 * np.random.default_rng([k, seed]).standard_normal()
    return found


@pytest.fixture
def study(tmp_path: Path) -> Written:
    made = Written(tmp_path / "study", np.full((len(LABELS), 2), 0.5), 0.0)
    for family, curve in (("ae", FALLING), ("vae", STRAIGHT)):
        for k, level in curve.items():
            for seed in range(4):
                held = {"family": family, "latent_dim": k, "seed": seed, "psnr_db": 20.0}
                made.add_terms(terms={"budget": terms(k, level, seed)}, classes=CLASSES, **held)
    return made


def test_knees_are_told_and_drawn_where_they_are(study: Written) -> None:
    points, knees = build_latent_dims(study.joined(), {})
    told, straight = knee_lines(knees)
    assert told.startswith("ae 1 on xor(sigma=0.5) (undistorted, n = 256): knee at k = 5 [5, 5], ")
    assert told.endswith("of the range below the chord of k = 2 to 20")
    assert "no knee is told, since it may be straight" in straight
    (grid,) = latent_grids(points, knees)
    assert (grid.labels, grid.dims) == (("ae", "vae"), (2, 5, 10, 20))
    (panel,) = grid.panels
    assert [line.label for line in panel.lines] == ["ae", "vae"]
    rows = [row for row in to_rows(points) if row["family"] == "ae"]
    assert panel.lines[0].y == tuple(row["risk"] for row in rows)
    assert panel.lines[0].hi == tuple(row["risk_hi"] for row in rows)
    mark, none = panel.knees
    assert none is None
    assert mark is not None
    assert (mark.place, mark.lo, mark.hi, mark.risk) == (5, 5, 5, rows[1]["risk"])
    (axes,) = draw_latent_grid(grid).axes
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "5", "10", "20"]
    rings = [line for line in axes.lines if line.get_markersize() == 11]
    assert [tuple(ring.get_xydata()[0]) for ring in rings] == [(5, rows[1]["risk"])]


def test_classes_are_named_at_the_knee_else_at_the_largest(study: Written) -> None:
    joined = study.joined()
    _, knees = build_latent_dims(joined, {})
    per_class = build_per_class(joined, {})
    first, second = class_lines(per_class, knees)
    assert first.startswith(
        "ae 1 k=5 on xor(sigma=0.5) · undistorted, n = 256: easiest Bag<b>, 0.0"
    )
    assert second.startswith("vae 1 k=20 on ")
    assert "more (all pairs corrected)" in first
    (table,) = class_tables(per_class)
    assert table.classes == ("Coat", "Bag<b>", "Boot")
    assert [(cell[0]["family"], cell[0]["latent_dim"]) for cell in table.cells] == [
        (family, k) for family in ("ae", "vae") for k in FALLING
    ]


def test_the_report_has_both_sections_and_escapes_names(study: Written) -> None:
    write_table(build_trials(study.records, {}), study.folder / "trials", levels={})
    path = write_report(study.folder)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == []
    assert "b" not in page.tags
    assert {"#latent_dims", "#per_class"} <= set(page.links)
    for words in (
        "knee at k = 5 [5, 5]",
        "easiest Bag<b>",
        "1 k=10",
        "latent dimensions k2, 5, 10",
    ):
        assert words in page.text.replace("\n", "")
    assert any("latent_dims_00" in str(picture["src"]) for picture in page.pictures)
    text = " ".join(terminal_text(study.folder, 100).split())
    assert "Knee of the risk against the latent dimension k" in text
    assert "Reconstruction by class: mean squared error" in text
    for name in ("knees", "latent_dims", "per_class"):
        assert (study.folder / f"{name}.csv").stat().st_size > 0


def along(*numbers: tuple[int, tuple[float, float, float]], **changes: Any) -> Any:
    rows = [
        cell_row("ae", **REBUILT, latent_dim=k, estimation=found, **changes) for k, found in numbers
    ]
    return landscape_frame(*rows, cell_row("ae", 2, **REBUILT, latent_dim=2, **changes))


LOW, HIGH = (0.010, 0.009, 0.011), (0.030, 0.028, 0.032)


def test_every_place_says_the_latent_dimension() -> None:
    landscape = along((2, LOW), (10, HIGH))
    names = ["ae 1 k=2", "ae 1 k=10", "ae 2 k=2"]
    (bars,) = plain_decompositions(landscape)
    assert [bar.label for bar in bars.panels[0].bars] == names
    estimation = next(info for info in heat_maps(landscape) if info.error == "estimation")
    assert estimation.panels[0].row_labels == tuple(names)
    assert [row[0] for row in estimation.panels[0].cells] == [0.010, 0.030, None]
    text = render_landscape_text(landscape, 100)
    assert "k: latent dimension" in text
    assert [line.split()[:3] for line in text.splitlines() if line.startswith("ae ")] == [
        ["ae", "1", "2"],
        ["ae", "1", "10"],
        ["ae", "2", "2"],
    ]
    (answer,) = answers(landscape)
    assert [line.depths for line in answer.lines] == ["depth 1 k=2–10", "depth 2 k=2"]
    assert answer.lines[0].numbers[1].startswith("depth 1 k=10: estimation 0.030")


def test_a_change_along_the_axis_is_told_within_a_depth() -> None:
    (found,) = changes(along((2, LOW), (5, HIGH), (10, HIGH)))
    sentences = "; ".join(found.sentences)
    assert (
        "latent dimension k from 2 to 10 (undistorted, n = 128): estimation rises for 1 of 1"
        in sentences
    )
    assert "(ae 1: 0.0100 [0.0090, 0.0110] to 0.0300 [0.0280, 0.0320])" in sentences


def test_severities_are_shown_for_each_latent_dimension() -> None:
    rows = [
        cell_row("ae", **REBUILT, latent_dim=k, level=level, severity=0.1 * level, estimation=LOW)
        for k in (2, 10)
        for level in (0, 1)
    ]
    titles = [grid.title for grid in error_lines(landscape_frame(*rows))]
    assert titles == [
        f"xor(sigma=0.5): errors against label noise, n = 128, k = {k}" for k in (2, 10)
    ]


def test_learning_curves_have_a_panel_for_each(make: Callable[..., dict[str, Any]]) -> None:
    curves = [{"phase": "budget", "step": e, "epoch": e, "train_risk": 0.3} for e in (0, 1, 2)]
    records = [
        make(family=family, latent_dim=k, curves=curves, risk=0.3, task="reconstruction")
        for family, dims in (("ae", (10, 2)), ("pca", (None,)))
        for k in dims
    ]
    (grid,) = learning_curves(build_trials(records, {}), build_curves(records))
    assert [panel.title for panel in grid.panels] == ["depth 1", "depth 1 k=2", "depth 1 k=10"]
    assert [{s.label for s in panel.strands} for panel in grid.panels] == [{"pca"}, {"ae"}, {"ae"}]
    assert len(draw_curve_grid(grid).axes) == 3

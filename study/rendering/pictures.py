"""Every picture of the page, its file and what it shows, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.analysis.reading import Study
from study.analysis.results import Results
from study.rendering.capacities import CapacityGrid, capacity_grids, draw_capacity_grid
from study.rendering.curves import CurveGrid, draw_curve_grid, learning_curves
from study.rendering.decomposition import (
    Decomposition,
    damage_decompositions,
    draw_decomposition,
    plain_decompositions,
)
from study.rendering.differences import difference_lines
from study.rendering.exhibits import Kind
from study.rendering.faults import FAULTS
from study.rendering.heat_maps import HeatMaps, draw_heat_maps, heat_maps
from study.rendering.latent_dims import LatentGrid, draw_latent_grid, latent_grids
from study.rendering.lines import LineGrid, draw_line_grid, error_lines
from study.rendering.robustness import robustness_grids
from study.rendering.scenes import Scenes
from study.rendering.sizes import SizeGrid, draw_size_grid, size_grids
from study.rendering.style import write_figure
from study.rendering.traces import TraceGrid, draw_trace_grid, trace_grids

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADINGS = (
    *("faults", "damage", "heat", "lines", "curves", "sizes", "differences", "latent_dims"),
    *("capacities", "robustness", "traces", "corrupted", "exhibits"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One figure of the page: its file relative to the page, and what it shows, in words.

    `scenes` are what of it the reader turns; None: nothing.
    """

    file: str
    alt: str
    scenes: Scenes | None = None


def write_pictures(
    study: Study, results: Results, exhibits: Sequence[tuple[Kind, Any]], folder: Path
) -> dict[str, list[Picture]]:
    """Write all figures into a folder; return what to show under which heading.

    Args:
        study: as read.
        results: its tables.
        exhibits: of study.rendering.exhibits.shown_exhibits.
        folder: to write to.
    """
    pictures: dict[str, list[Picture]] = {heading: [] for heading in HEADINGS}
    for heading, found in (
        ("faults", plain_decompositions(results.landscape)),
        ("damage", damage_decompositions(results.landscape)),
    ):
        for number, bars in enumerate(found):
            path = folder / f"{heading}_{number:02d}.svg"
            pictures[heading].append(_picture(draw_decomposition(bars), path, _bar_words(bars)))
    for number, info in enumerate(heat_maps(results.landscape)):
        name = f"heat_{number:02d}_{info.error}.svg"
        pictures["heat"].append(_picture(draw_heat_maps(info), folder / name, _heat_words(info)))
    for number, grid in enumerate(error_lines(results.landscape)):
        path = folder / f"lines_{number:02d}.svg"
        pictures["lines"].append(_picture(draw_line_grid(grid), path, _line_words(grid)))
    for number, grid in enumerate(difference_lines(results.comparisons, results.crossovers)):
        path = folder / f"differences_{number:02d}.svg"
        pictures["differences"].append(_picture(draw_line_grid(grid), path, _line_words(grid)))
    for number, grid in enumerate(robustness_grids(results.robustness)):
        path = folder / f"robustness_{number:02d}.svg"
        pictures["robustness"].append(_picture(draw_line_grid(grid), path, _line_words(grid)))
    for number, trace in enumerate(trace_grids(results.traces, results.early_stopping)):
        path = folder / f"traces_{number:02d}.svg"
        pictures["traces"].append(_picture(draw_trace_grid(trace), path, _trace_words(trace)))
    if study.curves is not None:
        for number, curve in enumerate(learning_curves(study.trials, study.curves)):
            path = folder / f"curves_{number:02d}.svg"
            pictures["curves"].append(_picture(draw_curve_grid(curve), path, _curve_words(curve)))
    for number, sizes in enumerate(size_grids(results.landscape, results.learning_curves)):
        path = folder / f"sizes_{number:02d}.svg"
        pictures["sizes"].append(_picture(draw_size_grid(sizes), path, _size_words(sizes)))
    for number, latent in enumerate(latent_grids(results.latent_dims, results.knees)):
        path = folder / f"latent_dims_{number:02d}.svg"
        alt = _latent_words(latent)
        pictures["latent_dims"].append(_picture(draw_latent_grid(latent), path, alt))
    for number, along in enumerate(capacity_grids(results.capacities, results.peaks)):
        path = folder / f"capacities_{number:02d}.svg"
        alt = _capacity_words(along)
        pictures["capacities"].append(_picture(draw_capacity_grid(along), path, alt))
    for number, (kind, info) in enumerate(exhibits):
        path = folder / f"exhibit_{number:02d}_{kind.name}.svg"
        picture = _picture(kind.draw(info), path, kind.words(info))
        scenes = None if kind.scenes is None else kind.scenes(info)
        pictures[kind.heading].append(replace(picture, scenes=scenes))
    return pictures


def _picture(figure: Figure, path: Path, alt: str) -> Picture:
    write_figure(figure, path)
    return Picture(file=f"figures/{path.name}", alt=alt)


def _heat_words(info: HeatMaps) -> str:
    cells = [
        (value, f"{shape}, {panel.title}, severity {severity}")
        for panel in info.panels
        for shape, row in zip(panel.row_labels, panel.cells, strict=True)
        for severity, value in zip(panel.column_labels, row, strict=True)
        if value is not None
    ]
    (low, where_low), (high, where_high) = min(cells), max(cells)
    return (
        f"Heat map of the {info.error} error on {info.population}, family and depth against "
        f"severity: from {info.unit.show(low)} ({where_low}) to {info.unit.show(high)} "
        f"({where_high}) {info.unit.points}; {len(cells)} cells known."
    )


def _bar_words(info: Decomposition) -> str:
    """Say of each bar its parts, as the picture shows them."""
    told = []
    for panel in info.panels:
        bars = "; ".join(
            f"{bar.label}: "
            + ", ".join(
                f"{name} {info.unit.text(value)}"
                for name, value in zip(FAULTS, bar.parts, strict=True)
                if value is not None
            )
            for bar in panel.bars
        )
        told.append(f"{panel.title.replace(chr(10), ', ')}: {bars}")
    return f"{info.title}: stacked bars of {', '.join(info.parts)}. {'. '.join(told)}."


def _curve_words(info: CurveGrid) -> str:
    shown = ", ".join(info.labels)
    return (
        f"{info.title}. Lines of train risk against {info.x_label}, a panel per depth, for "
        f"{shown}: a trunk, a branch that cools down to T, and the trunk’s own cooldown at its end."
    )


def _trace_words(info: TraceGrid) -> str:
    told = [
        f"{panel.title}, {line.risk.label}: smallest at {line.marks['best'][0]:g}"
        for panel in info.panels
        for line in panel.lines
        if "best" in line.marks
    ]
    lines = f"Lines of risk and training risk over log {info.x_label}, a colour per severity"
    return f"{info.title}. {lines}. {'; '.join(told)}."


def _line_words(info: LineGrid) -> str:
    shown = ", ".join(info.labels)
    what = ", ".join(label.partition(" (")[0] for label in info.y_labels)
    lines = f"Lines of {what} against {info.x_label}, a panel per {info.per}, for {shown}."
    return f"{info.title}. {lines}"


def _size_words(info: SizeGrid) -> str:
    shown = ", ".join(info.labels)
    return f"{info.title}. Means, fitted curves and U_A dashed, a panel per depth, for {shown}."


def _capacity_words(info: CapacityGrid) -> str:
    told = [
        f"{panel.title}: {' and '.join(f'peak at {x:,.0f}' for x, _ in panel.peaks) or 'none told'}"
        for panel in info.panels
    ]
    lines = "Lines of risks and of the four errors over log parameters, with bands"
    return f"{info.title}. {lines}, two panels per network. {'; '.join(told)}."


def _latent_words(info: LatentGrid) -> str:
    told = [
        f"{panel.title}, {line.label}: knee at {knee.place}"
        if knee
        else f"{panel.title}, {line.label}: none told"
        for panel in info.panels
        for line, knee in zip(panel.lines, panel.knees, strict=True)
    ]
    return f"{info.title}. Lines over log k with bands, a panel per depth. {'; '.join(told)}."

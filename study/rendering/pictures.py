"""Every picture of the page, its file and what it shows, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.analysis.faults import FAULTS
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
from study.rendering.embedding import packed
from study.rendering.exhibits import Kind
from study.rendering.figure_files import write_for_paper
from study.rendering.heat_maps import HeatMaps, draw_heat_maps, heat_maps
from study.rendering.latent_dims import LatentGrid, draw_latent_grid, latent_grids
from study.rendering.lines import LineGrid, draw_line_grid, error_lines, errors_by_size
from study.rendering.robustness import robustness_grids
from study.rendering.scenes import Scenes
from study.rendering.sizes import SizeGrid, draw_size_grid, size_grids
from study.rendering.speed import SpeedGrid, draw_speed_grid, speed_grids
from study.rendering.traces import TraceGrid, draw_trace_grid, trace_grids

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """A kind of figure that is made of tables.

    Attributes:
        infos: what each figure of the kind shows; none where there is nothing to show.
        draw: an info's figure.
        words: what the figure shows, in words.
        name: what tells its file from others, beside its number.
    """

    infos: Callable[[Study, Results], Sequence[Any]]
    draw: Callable[[Any], Figure]
    words: Callable[[Any], str]
    name: Callable[[Any], str] = lambda info: ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One figure of the page.

    Attributes:
        name: of its files, without a suffix.
        files: relative to the page, by what they are called: SVG, PDF, PNG.
        packed: its SVG, gzip in base64: the page needs no file.
        alt: what it shows, in words.
        scenes: what of it the reader turns; None: nothing.
        trials: whose exhibits it shows.
    """

    name: str
    files: Mapping[str, str]
    packed: str
    alt: str
    scenes: Scenes | None = None
    trials: tuple[str, ...] = ()


def write_pictures(
    study: Study,
    results: Results,
    exhibits: Sequence[tuple[Kind, Any, tuple[str, ...]]],
    folder: Path,
) -> dict[str, list[Picture]]:
    """Write all figures into a folder; return what to show under which heading.

    Args:
        study: as read.
        results: its tables.
        exhibits: of study.rendering.exhibits.shown_exhibits.
        folder: to write to.
    """
    pictures: dict[str, list[Picture]] = {heading: [] for heading in HEADINGS}
    for heading, drawing in DRAWINGS.items():
        for number, info in enumerate(drawing.infos(study, results)):
            path = folder / f"{heading}_{number:02d}{drawing.name(info)}.svg"
            pictures[heading].append(_picture(drawing.draw(info), path, drawing.words(info)))
    for number, (kind, info, trials) in enumerate(exhibits):
        path = folder / f"exhibit_{number:02d}_{kind.name}.svg"
        picture = _picture(kind.draw(info), path, kind.words(info))
        scenes = None if kind.scenes is None else kind.scenes(info)
        pictures[kind.heading].append(replace(picture, scenes=scenes, trials=trials))
    return pictures


def _picture(figure: Figure, path: Path, alt: str) -> Picture:
    files = write_for_paper(figure, path)
    return Picture(
        name=path.stem,
        files={one.suffix[1:].upper(): f"figures/{one.name}" for one in files},
        packed=packed(path),
        alt=alt,
    )


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


def _speed_words(info: SpeedGrid) -> str:
    told = [
        f"{panel.title}: {', '.join(f'{cloud.label} {len(cloud.steps)}' for cloud in panel.clouds)}"
        for panel in info.panels
    ]
    return f"{info.title}. Points of trials, a panel per n. Trials shown, {'; '.join(told)}."


def _curve_infos(study: Study, results: Results) -> list[CurveGrid]:
    return [] if study.curves is None else learning_curves(study.trials, study.curves)


DRAWINGS: Mapping[str, Drawing] = {
    "faults": Drawing(
        infos=lambda study, results: plain_decompositions(results.landscape),
        draw=draw_decomposition,
        words=_bar_words,
    ),
    "damage": Drawing(
        infos=lambda study, results: damage_decompositions(results.landscape),
        draw=draw_decomposition,
        words=_bar_words,
    ),
    "heat": Drawing(
        infos=lambda study, results: heat_maps(results.landscape),
        draw=draw_heat_maps,
        words=_heat_words,
        name=lambda info: f"_{info.error}",
    ),
    "lines": Drawing(
        infos=lambda study, results: error_lines(results.landscape),
        draw=draw_line_grid,
        words=_line_words,
    ),
    "differences": Drawing(
        infos=lambda study, results: difference_lines(results.comparisons, results.crossovers),
        draw=draw_line_grid,
        words=_line_words,
    ),
    "robustness": Drawing(
        infos=lambda study, results: robustness_grids(results.robustness),
        draw=draw_line_grid,
        words=_line_words,
    ),
    "traces": Drawing(
        infos=lambda study, results: trace_grids(results.traces, results.early_stopping),
        draw=draw_trace_grid,
        words=_trace_words,
    ),
    "growth": Drawing(
        infos=lambda study, results: errors_by_size(results.landscape),
        draw=draw_line_grid,
        words=_line_words,
    ),
    "speed": Drawing(
        infos=lambda study, results: speed_grids(study.trials),
        draw=draw_speed_grid,
        words=_speed_words,
    ),
    "curves": Drawing(infos=_curve_infos, draw=draw_curve_grid, words=_curve_words),
    "sizes": Drawing(
        infos=lambda study, results: size_grids(results.landscape, results.learning_curves),
        draw=draw_size_grid,
        words=_size_words,
    ),
    "latent_dims": Drawing(
        infos=lambda study, results: latent_grids(results.latent_dims, results.knees),
        draw=draw_latent_grid,
        words=_latent_words,
    ),
    "capacities": Drawing(
        infos=lambda study, results: capacity_grids(results.capacities, results.peaks),
        draw=draw_capacity_grid,
        words=_capacity_words,
    ),
}
"""By heading of the page."""
HEADINGS = (*DRAWINGS, "corrupted", "exhibits")

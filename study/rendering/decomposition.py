"""Whose fault the error is, as bars: the four parts side by side, with their signs.

Inert numbers first, then their renderer.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from study.analysis.faults import FAULTS, is_bound, plainest, populations_of, shape_of
from study.analysis.frames import Row, to_rows
from study.rendering.style import ERROR_COLOURS, STYLE, new_figure, panel_grid, wrapped
from study.rendering.units import Unit
from study.rendering.words import damage_words, network_words, split_by_task, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

_HATCH = "////"
_UNKNOWN = "not known"
_UNKNOWN_LOOK: dict[str, Any] = {"facecolor": "white", "edgecolor": "#999999", "hatch": "...."}
_WRAP = 50  # characters of a panel's title


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One cell, as shown.

    Attributes:
        parts: in the order of FAULTS; None: unknown.
        unknown: what the unknown parts are together, where the total is known; else None.
        total: with its interval.
    """

    label: str
    parts: tuple[float | None, ...]
    unknown: float | None
    is_bound: bool
    total: tuple[float, float | None, float | None] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BarPanel:
    """Bars that share axes."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decomposition:
    """Panels that share a scale; `parts` are those of FAULTS that any bar knows.

    `has_heading` says whether the title is drawn: where the page says it above, it is not.
    """

    title: str
    unit: Unit
    panels: tuple[BarPanel, ...]
    parts: tuple[str, ...]
    per_row: int
    has_heading: bool = True


def plain_decompositions(landscape: pd.DataFrame) -> list[Decomposition]:
    """Return a figure per task, a panel per population: its plainest cells."""
    found = []
    for task in split_by_task(to_rows(landscape)):
        panels = []
        for population in populations_of(task.rows):
            rows = plainest([row for row in task.rows if row["population"] == population])
            where = f"{damage_words(rows[0])}, n = {rows[0]['num_train']}"
            panels.append(_panel(f"{population}\n{where}", rows, task.unit))
        figure = _figure(f"{task.title}whose fault?", task.unit, panels, 1)
        if figure is not None:
            found.append(replace(figure, has_heading=bool(task.title)))
    return found


def damage_decompositions(landscape: pd.DataFrame) -> list[Decomposition]:
    """Return a figure per task, population, distortion and n, a panel per level, from two on."""
    found = []
    for task in split_by_task(to_rows(landscape)):
        groups: dict[tuple[str, str, int], dict[int, list[Row]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for row in task.rows:
            groups[row["population"], row["distortion"], row["num_train"]][row["level"]].append(row)
        order = populations_of(task.rows)
        in_order = sorted(groups.items(), key=lambda held: (order.index(held[0][0]), *held[0]))
        for (population, distortion, num_train), levels in in_order:
            if len(levels) < 2:
                continue
            damage = words_of(distortion)
            title = f"{task.title}{population}: whose fault as {damage} grows, n = {num_train}"
            panels = [
                _panel(f"{damage} {rows[0]['severity']:g}", rows, task.unit)
                for _, rows in sorted(levels.items())
            ]
            found.append(_figure(title, task.unit, panels, 3))
    return [figure for figure in found if figure is not None]


def _figure(
    title: str, unit: Unit, panels: Sequence[BarPanel], per_row: int
) -> Decomposition | None:
    """Return a figure of the panels that know anything; None where none does."""
    shown = tuple(panel for panel in panels if panel.bars)
    parts = tuple(
        name
        for place, name in enumerate(FAULTS)
        if any(bar.parts[place] is not None for panel in shown for bar in panel.bars)
    )
    if not shown:
        return None
    return Decomposition(
        title=title,
        unit=unit,
        panels=shown,
        parts=parts,
        per_row=min(per_row, len(shown)),
    )


def _panel(title: str, rows: Sequence[Row], unit: Unit) -> BarPanel:
    known = [row for row in rows if any(row[name] is not None for name in FAULTS)]
    known.sort(key=shape_of)
    return BarPanel(title=title, bars=tuple(_bar(row, unit) for row in known))


def _bar(row: Row, unit: Unit) -> Bar:
    total = unit.scale(row["total"])
    ends = unit.scale(row["total_lo"]), unit.scale(row["total_hi"])
    parts = tuple(unit.scale(row[name]) for name in FAULTS)
    known = [part for part in parts if part is not None]
    return Bar(
        label=network_words(row),
        parts=parts,
        unknown=total - sum(known) if total is not None and len(known) < len(parts) else None,
        is_bound=is_bound(row),
        total=None if total is None else (total, *ends),
    )


def draw_decomposition(info: Decomposition) -> Figure:
    """Draw parts above zero to the right of it and those below to its left, one after another.

    The total is a diamond with its interval. An approximation that is an upper bound is hatched.
    """
    import matplotlib

    num_rows = -(-len(info.panels) // info.per_row)
    bars = max(len(panel.bars) for panel in info.panels)
    width = (4.4 if info.per_row == 1 else 3.1) * info.per_row + 1.2
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, num_rows * (0.27 * bars + 0.95) + 0.9)
        if info.has_heading:
            figure.suptitle(wrapped(info.title, width))
        for axes, panel in zip(
            panel_grid(figure, len(info.panels), info.per_row), info.panels, strict=True
        ):
            _draw(axes, panel)
            axes.set_xlabel(info.unit.points)
        _share_scale(figure)
        _label_once(figure, info)
        figure.legend(handles=_handles(info), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _share_scale(figure: Figure) -> None:
    shown = [axes for axes in figure.axes if axes.axison]
    ends = [end for axes in shown for end in axes.get_xlim()]
    for axes in shown:
        axes.set_xlim(min(ends), max(ends))


def _label_once(figure: Figure, info: Decomposition) -> None:
    """Leave out what a bar is called where the panel to the left says it."""
    for place, (panel, axes) in enumerate(zip(info.panels, figure.axes, strict=False)):
        labels = [bar.label for bar in panel.bars]
        is_first = place % info.per_row == 0
        if not is_first and labels == [bar.label for bar in info.panels[place - 1].bars]:
            axes.set_yticklabels([])


def _draw(axes: Axes, panel: BarPanel) -> None:
    for place, bar in enumerate(panel.bars):
        above = below = 0.0
        for name, value in zip((*FAULTS, _UNKNOWN), (*bar.parts, bar.unknown), strict=True):
            if value is None:
                continue
            look = _UNKNOWN_LOOK if name == _UNKNOWN else _part_look(name, bar)
            axes.barh(
                place,
                value,
                left=above if value >= 0 else below,
                height=0.72,
                linewidth=0.6,
                **look,
            )
            above, below = above + max(value, 0.0), below + min(value, 0.0)
        if bar.total is not None:
            total, lo, hi = bar.total
            if lo is not None and hi is not None:
                axes.plot([lo, hi], [place, place], color="black", linewidth=1.2)
            axes.plot([total], [place], color="black", marker="D", markersize=4.5, mec="white")
    axes.set_yticks(range(len(panel.bars)), [bar.label for bar in panel.bars])
    axes.invert_yaxis()
    axes.axvline(0.0, color="#555555", linewidth=0.9)
    lines = [part for line in panel.title.splitlines() for part in textwrap.wrap(line, _WRAP)]
    axes.set_title("\n".join(lines), fontsize=10)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)  # of small numbers the labels are long


def _part_look(name: str, bar: Bar) -> dict[str, Any]:
    hatch = _HATCH if name == "approximation" and bar.is_bound else None
    return {"facecolor": ERROR_COLOURS[name], "edgecolor": "white", "hatch": hatch}


def _handles(info: Decomposition) -> list[Patch | Line2D]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    bars = [bar for panel in info.panels for bar in panel.bars]
    handles: list[Patch | Line2D] = [
        Patch(facecolor=ERROR_COLOURS[name], label=name) for name in info.parts
    ]
    if any(bar.is_bound for bar in bars):
        colour = ERROR_COLOURS["approximation"]
        handles.append(
            Patch(facecolor=colour, edgecolor="white", hatch=_HATCH, label="at most (≤)")
        )
    if any(bar.unknown is not None for bar in bars):
        handles.append(Patch(**_UNKNOWN_LOOK, label=_UNKNOWN))
    if any(bar.total is not None for bar in bars):
        handles.append(
            Line2D([], [], color="black", marker="D", markersize=4.5, label="total, 95% interval")
        )
    return handles

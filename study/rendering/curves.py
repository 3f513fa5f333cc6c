"""Learning curves: a trunk, and the two branches that leave it; inert numbers first.

A measured trial is one trajectory at a constant rate. Where T less a cooldown is reached, a branch
cools down and ends in R_n(T); the trunk goes on until it has settled, and cools down in turn, to
R_n(∞). So one step may have several points, and a line through all of them would be none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from study.analysis.faults import plainest, shape_of
from study.analysis.frames import Row, to_rows
from study.analysis.intervals import mean
from study.rendering.style import STYLE, balanced_columns, look, new_figure, panel_grid, wrapped
from study.rendering.units import Unit
from study.rendering.words import TaskRows, damage_words, distinct, size_words, split_by_task
from study.trials.roles import ROLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUNK, TO_BUDGET, TO_LIMIT = "trunk", "cooldown", "final_cooldown"
PIECES = {TRUNK: "trunk", TO_BUDGET: "cooldown to Rₙ(T)", TO_LIMIT: "cooldown to Rₙ(∞)"}
"""In words, as the explorer has them, whose letters know no other subscripts."""
_STYLES: dict[str, Literal["-", "--", ":"]] = {TRUNK: "-", TO_BUDGET: "--", TO_LIMIT: ":"}
_KEY = {
    TRUNK: "trunk, constant rate",
    TO_BUDGET: "cooldown to R_n(T)",
    TO_LIMIT: "cooldowns to R_n(∞), a seed each",
}
_EPOCHS, _STEPS = "epochs", "steps"

MOST_IN_A_ROW = 4
"""Panels, of depths; more of them, as of latent dimensions, are rows."""

Curve = list[tuple[float, float]]
"""Pairs of a place on the axis and a risk, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Strand:
    """A piece of trajectory: `lo` and `hi` are the range over seeds, empty where it is one seed."""

    label: str
    kind: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    lo: tuple[float, ...] = ()
    hi: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePanel:
    """Strands that share axes; `mark` is T, None where it is not one and the same."""

    title: str
    strands: tuple[Strand, ...]
    mark: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveGrid:
    """Panels that share both axes."""

    title: str
    x_label: str
    y_label: str
    panels: tuple[CurvePanel, ...]
    labels: tuple[str, ...]  # every family of the figure, in the order of the colours


def learning_curves(trials: pd.DataFrame, curves: pd.DataFrame) -> list[CurveGrid]:
    """Return train risk against epochs, a figure per task, population and n, a panel per size.

    Measuring trials only, undistorted (else least distorted). Trunk and
    the branch to R_n(T) are means over seeds; a seed whose trunk has ended keeps its last value.
    Seeds settle at steps of their own, so that each branch to R_n(∞) is a strand. Where budgets
    are in steps so is the axis.

    Args:
        trials: the trials table.
        curves: the curves table; a point without a phase (of an earlier table) is the trunk's.
    """
    points = points_by_trial(curves)
    measured = [row for row in to_rows(trials) if has_curve(row, points)]
    found = []
    for task in split_by_task(measured):
        for population in distinct(task.rows, "population"):
            rows = [row for row in task.rows if row["population"] == population]
            found += [
                _grid(task, [row for row in rows if row["num_train"] == num_train], points)
                for num_train in distinct(rows, "num_train")
            ]
    return found


def points_by_trial(curves: pd.DataFrame) -> dict[str, list[Row]]:
    """Return the points of each trial's curve that know the training risk."""
    points: dict[str, list[Row]] = defaultdict(list)
    for row in to_rows(curves):
        if row["train_risk"] is not None:
            points[row["trial_id"]].append(row)
    return points


def has_curve(row: Row, points: Container[str]) -> bool:
    """Whether a trial was measured to its end and has points."""
    is_measured = row["role"] in ROLES and ROLES[row["role"]].is_measured
    return is_measured and row["status"] == "done" and row["trial_id"] in points


def axis_of(rows: Iterable[Row]) -> str:
    """Return what the curves of trials are against: epochs, or steps where budgets are in them."""
    return _STEPS if all(row["budget_epochs"] is None for row in rows) else _EPOCHS


def _grid(task: TaskRows, measured: Sequence[Row], points: dict[str, list[Row]]) -> CurveGrid:
    rows = plainest(measured)
    axis, population = axis_of(rows), rows[0]["population"]
    sizes = dict.fromkeys(map(size_words, sorted(rows, key=lambda row: shape_of(row)[1:])))
    return CurveGrid(
        title=f"{task.title}{population}: learning curves, {damage_words(rows[0])}, "
        f"n = {rows[0]['num_train']}",
        x_label=axis,
        y_label=f"train risk ({task.unit.sign})",
        panels=tuple(
            _panel([row for row in rows if size_words(row) == size], points, axis, task.unit)
            for size in sizes
        ),
        labels=tuple(distinct(rows, "family")),
    )


def _panel(rows: Sequence[Row], points: dict[str, list[Row]], axis: str, unit: Unit) -> CurvePanel:
    strands: list[Strand] = []
    for family in distinct(rows, "family"):
        mine = [points[row["trial_id"]] for row in rows if row["family"] == family]
        strands += _strands(family, [split_curve(held, axis, unit) for held in mine])
    budgets = {row[f"budget_{axis}"] for row in rows}
    mark = budgets.pop() if len(budgets) == 1 else None
    return CurvePanel(
        title=f"depth {size_words(rows[0])}",
        strands=tuple(strands),
        mark=None if mark is None else float(mark),
    )


def split_curve(points: Iterable[Row], axis: str, unit: Unit) -> dict[str, Curve]:
    """Split a trial's points into trunk and branches, each branch from where it left the trunk.

    The branch to R_n(T) leaves at the last point of phase "budget", the other at the trunk's end.
    """
    place = "step" if axis == _STEPS else "epoch"
    held: dict[str, Curve] = {TRUNK: [], TO_BUDGET: [], TO_LIMIT: []}
    fork: tuple[float, float] | None = None
    for row in sorted((row for row in points if row[place] is not None), key=lambda r: r[place]):
        point = (float(row[place]), unit.factor * row["train_risk"])
        held[row["phase"] if row["phase"] in held else TRUNK].append(point)
        if row["phase"] == "budget":
            fork = point
    if fork is not None and held[TO_BUDGET]:
        held[TO_BUDGET].insert(0, fork)
    if held[TRUNK] and held[TO_LIMIT]:
        held[TO_LIMIT].insert(0, held[TRUNK][-1])
    return held


def _strands(family: str, trials: Sequence[dict[str, Curve]]) -> list[Strand]:
    found = []
    for kind in (TRUNK, TO_BUDGET):
        curves = [trial[kind] for trial in trials if trial[kind]]
        if curves:
            found.append(_mean_strand(family, kind, curves))
    for trial in trials:
        if trial[TO_LIMIT]:
            x, y = zip(*trial[TO_LIMIT], strict=True)
            found.append(Strand(label=family, kind=TO_LIMIT, x=x, y=y))
    return found


def _mean_strand(family: str, kind: str, curves: Sequence[Curve]) -> Strand:
    places = sorted({place for curve in curves for place, _ in curve})
    ats = [[_last_value(curve, place) for curve in curves] for place in places]
    return Strand(
        label=family,
        kind=kind,
        x=tuple(places),
        y=tuple(mean(values) for values in ats),
        lo=tuple(min(values) for values in ats),
        hi=tuple(max(values) for values in ats),
    )


def _last_value(curve: Curve, place: float) -> float:
    """Return the curve's value at the last of its points not after `place`, else its first."""
    return next((value for at, value in reversed(curve) if at <= place), curve[0][1])


def draw_curve_grid(info: CurveGrid) -> Figure:
    """Draw trunks solid, branches to R_n(T) dashed, those to R_n(∞) dotted; their ends marked."""
    import matplotlib
    from matplotlib.lines import Line2D

    per_row = balanced_columns(len(info.panels), MOST_IN_A_ROW)
    num_rows = -(-len(info.panels) // per_row)
    width = max(3.6 * per_row, 7.5)
    with matplotlib.rc_context(STYLE):
        figure = new_figure(width, 1.6 + 2.6 * num_rows)
        figure.suptitle(wrapped(info.title, width))
        grid = panel_grid(figure, len(info.panels), per_row)
        for place, (axes, panel) in enumerate(zip(grid, info.panels, strict=True)):
            _draw(axes, panel, info.labels)
            axes.sharex(grid[0])
            axes.sharey(grid[0])
            if place + per_row >= len(info.panels):
                axes.set_xlabel(info.x_label)
            if place % per_row == 0:
                axes.set_ylabel(info.y_label)
        families = [
            Line2D([], [], color=look(i)[0], marker=look(i)[1], ms=4, label=label)
            for i, label in enumerate(info.labels)
        ]
        drawn = {strand.kind for panel in info.panels for strand in panel.strands}
        kinds = [
            Line2D([], [], color="#555555", linestyle=_STYLES[kind], label=_KEY[kind])
            for kind in _KEY
            if kind in drawn
        ]
        columns = max(1, int(width / 2.4))
        figure.legend(
            handles=families + kinds, loc="outside lower center", ncols=columns, frameon=False
        )
    return figure


def _draw(axes: Axes, panel: CurvePanel, labels: Sequence[str]) -> None:
    for strand in panel.strands:
        colour, marker = look(labels.index(strand.label))
        is_trunk, is_single = strand.kind == TRUNK, strand.kind == TO_LIMIT
        every = [*range(0, len(strand.x), max(1, len(strand.x) // 6))]
        axes.plot(
            strand.x,
            strand.y,
            color=colour,
            linestyle=_STYLES[strand.kind],
            linewidth=0.9 if is_single else 1.4,
            marker=marker,
            markersize=3 if is_single else 4,
            markevery=every if is_trunk else [len(strand.x) - 1],
            markerfacecolor="white" if strand.kind == TO_BUDGET else colour,
        )
        if is_trunk:
            axes.fill_between(strand.x, strand.lo, strand.hi, color=colour, alpha=0.13, linewidth=0)
    if panel.mark is not None:
        axes.axvline(panel.mark, color="#555555", linestyle="-.", linewidth=0.9)
        axes.annotate("T", (panel.mark, 1.0), xycoords=("data", "axes fraction"), fontsize=9)
    axes.axhline(0.0, color="#999999", linewidth=0.8, zorder=0)
    axes.set_title(panel.title, fontsize=10)

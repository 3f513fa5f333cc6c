"""The risk along training: where to stop, what it is worth, and whether the risk falls twice.

Measured trials that are traced have been scored along their trunk, at constant rate and without a
cooldown. A cell's traces are a matrix of seeds by points. A seed whose trunk has ended keeps its
last risk: training goes on to the point or until it has settled. Where points of seeds lie at
different places (batches of several sizes, or traces of several densities) a point is shown once
each seed has a new one, and has the last of each.

Of a point's terms over evaluation examples only the standard error is kept, so that intervals take
seeds' spread as it is and examples' noise as a bound (study.analysis.cross_fitting).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.completeness import shown_as
from study.analysis.cross_fitting import MIN_SEEDS, cross_fit, one_over
from study.analysis.curve_columns import EARLY_STOPPING_COLUMNS, TRACE_COLUMNS
from study.analysis.frames import Row, Trial, to_rows, typed_frame
from study.analysis.intervals import CONFIDENCE, Estimate, named_ends
from study.analysis.joined import Joined
from study.analysis.knee import not_outdone
from study.analysis.moments import Part, half_widths, resampled_parts
from study.analysis.resampling import resampled_factor
from study.analysis.second_descent import find_second_descent
from study.analysis.table import Levels
from study.trials.schema import CURVE_COLUMNS

GAINS = ("gain_over_budget", "gain_over_converged", "gain_over_end")
"""Of the chosen step over R_n(T), R_n(inf) and the trunk's end."""

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Traces:
    """A cell's traces, of S seeds at P points.

    Attributes:
        points: step and epoch of each, None where seeds differ; train_risk, and how many seeds
            were still being trained.
        risks: (S, P).
        noise: (P,) variances of a mean over evaluation examples; None: each seed has its own.
        others: (S, 2) R_n(T) and R_n(inf).
        parts: covariances of the means over seeds, by source; None: of one seed.
        factor: of a number of seeds what their variance is multiplied by, for that of their mean.
    """

    points: Sequence[Row]
    risks: Array
    noise: Array | None
    others: Array
    parts: Sequence[Part] | None
    factor: Callable[[int], float]


def build_traces(
    joined: Joined, levels: Levels, curves: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The traces' points (TRACE_COLUMNS), and where to stop (EARLY_STOPPING_COLUMNS).

    Args:
        joined: the trials.
        levels: for each distortion its severities, in the order of their levels.
        curves: the curves table; None: there is none, and both tables are empty.
    """
    points: list[Row] = []
    stops: list[Row] = []
    curves = typed_frame([], CURVE_COLUMNS) if curves is None else curves
    held = _by_trial(curves)
    for cell in sorted(joined.current["measure"]) if held else ():
        rows = [row for row in joined.measured(cell) if row["trial_id"] in held]
        rows = [row for row in rows if row["converged_risk"] is not None]
        if not rows:
            continue
        traces = _aligned(rows, [held[row["trial_id"]] for row in rows])
        known = {"task": joined.tasks[cell.family], "num_seeds": len(rows)}
        stop = {**_best(traces), **_gains(traces), **_second_descent(traces)}
        stop |= _budget(curves, [row["trial_id"] for row in rows])
        for shown in shown_as(cell, levels):
            named = {**asdict(cell), **known, **shown}
            points += [{**named, **point} for point in _shown_points(traces)]
            stops.append({**named, **stop})
    return typed_frame(points, TRACE_COLUMNS), typed_frame(stops, EARLY_STOPPING_COLUMNS)


def _by_trial(curves: pd.DataFrame) -> dict[str, list[Row]]:
    """The points that have a risk, in their order."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in to_rows(curves[curves["risk"].notna() & curves["step"].notna()]):
        found[row["trial_id"]].append(row)
    return {name: sorted(rows, key=lambda row: row["step"]) for name, rows in found.items()}


def _budget(curves: pd.DataFrame, trial_ids: Sequence[str]) -> Row:
    """T in steps and epochs: where the branch to it ends."""
    mine = curves[(curves["phase"] == "cooldown") & curves["trial_id"].isin(trial_ids)]
    ends = mine.sort_values("step").groupby("trial_id").tail(1)
    rows = to_rows(ends[["step", "epoch"]])
    return {f"budget_{axis}": _same([row[axis] for row in rows]) for axis in ("step", "epoch")}


def _aligned(rows: Sequence[Trial], traces: Sequence[Sequence[Row]]) -> _Traces:
    """Traces on places, in the budget's unit, at which every one of them is fresh."""
    axis = "step" if rows[0]["budget_steps"] is not None else "epoch"
    places = _common_places([[point[axis] for point in trace] for trace in traces])
    seen = [[_last(trace, axis, place) for place in places] for trace in traces]
    risks = np.array([[point["risk"] for point in held] for held in seen], dtype=np.float64)
    errors = np.array([[_error(point) for point in held] for held in seen])
    noise = None if rows[0]["is_resplit"] else np.square(errors).mean(axis=0)
    points = []
    for number, place in enumerate(places):
        running = [
            at[number] for at, trace in zip(seen, traces, strict=True) if trace[-1][axis] >= place
        ]
        points.append(
            {
                **{name: _same([point[name] for point in running]) for name in ("step", "epoch")},
                axis: place,
                "train_risk": float(np.mean([at[number]["train_risk"] for at in seen])),
                "num_running": len(running),
            }
        )
    return _Traces(
        points=points,
        risks=risks,
        noise=noise,
        others=np.array([[row["risk"], row["converged_risk"]] for row in rows], dtype=np.float64),
        parts=_parts(risks, noise, rows[0]),
        factor=_factor(rows[0]),
    )


def _common_places(traces: Sequence[Sequence[float]]) -> list[float]:
    """Places, of all traces', at which each that still runs has a point since the one before.

    Of traces that have the same places these; of a dense and a sparse one, where the sparse one is.
    """
    found = [max(places[0] for places in traces)]
    for place in sorted(set().union(*traces)):
        running = [places for places in traces if places[-1] > found[-1]]
        if all(places[bisect_right(places, found[-1])] <= place for places in running):
            found.append(place)
    return found


def _last(trace: Sequence[Row], axis: str, place: float) -> Row:
    """The last point not after a place."""
    return next(point for point in reversed(trace) if point[axis] <= place)


def _error(point: Row) -> float:
    return 0.0 if point["risk_se"] is None else float(point["risk_se"])


def _same(values: Sequence[Any]) -> Any:
    """The value that all have; None where they differ."""
    return next(iter(set(values))) if len(set(values)) == 1 else None


def _parts(risks: Array, noise: Array | None, row: Trial) -> list[Part] | None:
    if noise is None:
        return resampled_parts(risks.T, row)
    num = len(risks)
    if num < 2:
        return None
    covariance = np.atleast_2d(np.cov(risks.T, ddof=1)) / num
    return [
        Part(covariance=covariance, degrees_of_freedom=num - 1),
        Part(covariance=np.diag(noise), degrees_of_freedom=np.inf),
    ]


def _factor(row: Trial) -> Callable[[int], float]:
    if not row["is_resplit"]:
        return one_over
    return partial(resampled_factor, num_train=row["num_available"], num_test=row["num_test"])


def _shown_points(traces: _Traces) -> list[Row]:
    means = traces.risks.mean(axis=0)
    halves = (
        [None] * len(means)
        if traces.parts is None
        else half_widths(traces.parts, np.eye(len(means)), CONFIDENCE).tolist()
    )
    return [
        {
            **point,
            **named_ends(
                "risk", Estimate(risk) if half is None else Estimate(risk, risk - half, risk + half)
            ),
        }
        for point, risk, half in zip(traces.points, means.tolist(), halves, strict=True)
    ]


def _best(traces: _Traces) -> Row:
    """The point of the smallest mean, and those that are not told apart from it."""
    means, points = traces.risks.mean(axis=0), traces.points
    best, end = int(means.argmin()), points[-1]
    found = {
        "num_points": len(points),
        "best_step": points[best]["step"],
        "best_epoch": points[best]["epoch"],
        "best_risk": float(means[best]),
        "budget_risk": float(traces.others[:, 0].mean()),
        "converged_risk": float(traces.others[:, 1].mean()),
        "end_step": end["step"],
        "end_epoch": end["epoch"],
    }
    if traces.parts is None:
        return found
    held = not_outdone(-np.eye(len(means)), -means, traces.parts)
    for end_name, place in (("lo", min(held)), ("hi", max(held))):
        found |= {f"best_{axis}_{end_name}": points[place][axis] for axis in ("step", "epoch")}
    return found | {"num_candidates": len(held)}


def stopping_gains(
    risks: Array,
    others: Array,
    *,
    noise: Array | None = None,
    factor: Callable[[int], float] = one_over,
) -> list[Estimate]:
    """What the stop that half of the seeds choose, by its mean risk, is worth to the others.

    Args:
        risks: (S, P) of three seeds at least.
        others: (S, 2) R_n(T) and R_n(inf).
        noise: of the P points, as in `cross_fit`; `factor` likewise.

    Returns:
        R_n(T), R_n(inf) and the last point's risk less that of the stop.
    """
    num_points = risks.shape[1]
    everything = np.eye(num_points + 2)

    def choose(means: Array) -> Array:
        chosen = everything[means[:num_points].argmin()]
        return np.stack([everything[at] - chosen for at in (-2, -1, num_points - 1)])

    if noise is not None:  # rules that are cooled down are scored on examples as noisy
        noise = np.append(noise, [noise[-1], noise[-1]])
    values = np.hstack([risks, others])
    judged = cross_fit(values, choose, num_choices=num_points, noise=noise, factor=factor)
    return judged.estimates


def _gains(traces: _Traces) -> Row:
    if len(traces.risks) < MIN_SEEDS:
        return {}
    found = stopping_gains(traces.risks, traces.others, noise=traces.noise, factor=traces.factor)
    named = zip(GAINS, found, strict=True)
    return {key: value for name, gain in named for key, value in named_ends(name, gain).items()}


def _second_descent(traces: _Traces) -> Row:
    found = find_second_descent(traces.risks, noise=traces.noise, factor=traces.factor)
    if found is None:
        return {}
    places = {"valley": found.before, "peak": found.place, "second": found.after}
    return {
        **{
            f"{name}_{axis}": traces.points[place][axis]
            for name, place in places.items()
            for axis in ("step", "epoch")
        },
        **named_ends("rise", found.rise),
        **named_ends("fall", found.fall),
        "is_second_descent": found.is_peak,
    }

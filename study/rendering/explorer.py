"""What the page lets a reader explore, as Vega-Lite: charts without data, which explore.js gives.

Each chart reads named data and parameters: `cells` and `parts` of one slice of the landscape,
`points` of a cell's curves, `speed` of a slice's trials, `proposals` of a family's search.
"""

from typing import TYPE_CHECKING, Any

from study.analysis.faults import FAULTS
from study.rendering.curves import PIECES
from study.rendering.style import COLOURS, ERROR_COLOURS

if TYPE_CHECKING:
    import altair as alt

UNKNOWN_PART = "not known"
_SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")


def specs() -> dict[str, Any]:
    """Return every chart by name, as JSON has it."""
    charts = {
        "map": _map(),
        "parts": _parts(),
        "curves": _curves(),
        "speed": _speed(),
        "proposals": _proposals(),
    }
    return {name: chart.to_dict() for name, chart in charts.items()}


def _params(**values: Any) -> "list[alt.Parameter]":
    import altair as alt

    return [alt.param(name=name, value=value) for name, value in values.items()]


def _map() -> "alt.TopLevelMixin":
    """Family and depth against severity: value, interval and marks in each cell."""
    import altair as alt

    base = alt.Chart().encode(
        x=alt.X("severity:N", sort=None, title="severity", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("network:N", sort=None, title=None, axis=alt.Axis(labelLimit=150)),
        tooltip=[
            alt.Tooltip("network:N"),
            alt.Tooltip("severity:N"),
            alt.Tooltip("told:N", title="error"),
            alt.Tooltip("interval:N", title="95% interval"),
            alt.Tooltip("seeds:N"),
            alt.Tooltip("notes:N"),
        ],
    )
    known, unknown = "isValid(datum.value)", "!isValid(datum.value)"
    ink = alt.condition("abs(datum.value) > 0.7 * limit", alt.value("white"), alt.value("black"))
    scale = alt.Scale(
        scheme="purpleorange", domainMin=alt.ExprRef("-limit"), domainMax=alt.ExprRef("limit")
    )
    rect = base.mark_rect(cursor="pointer", stroke=alt.ExprRef("ink")).encode(
        color=alt.Color("value:Q", scale=scale, legend=alt.Legend(title=None, gradientLength=140)),
        strokeWidth=alt.condition("datum.cell === chosen", alt.value(3), alt.value(0)),
    )
    empty = base.mark_rect(
        cursor="pointer", fill="transparent", stroke="#888888", strokeDash=[4, 3]
    )
    value = base.mark_text(dy=-6, fontSize=13, fontWeight=600, cursor="pointer").encode(
        text="label:N", color=ink
    )
    interval = base.mark_text(
        dy=9, fontSize=10, cursor="pointer", opacity=alt.ExprRef("roomy ? 1 : 0")
    ).encode(text="interval:N", color=ink)
    return (
        alt.layer(
            empty.transform_filter(unknown),
            rect.transform_filter(known),
            value.transform_filter(known),
            interval.transform_filter(known),
            base.mark_text(color="#888888", cursor="pointer")
            .encode(text=alt.value("not known"))
            .transform_filter(unknown),
            data=alt.NamedData(name="cells"),
        )
        .add_params(*_params(limit=1.0, chosen=-1, roomy=True, ink="black"))
        .properties(
            width="container",
            description="Heat map: networks against severity; colour and number are the error.",
        )
    )


def _parts() -> "alt.TopLevelMixin":
    """The four errors stacked with their signs, and the total with its interval."""
    import altair as alt

    names = [*FAULTS, UNKNOWN_PART]
    colours: list[Any] = [*(alt.ExprRef(name) for name in FAULTS), "#dddddd"]
    network = alt.Y("network:N", sort=None, title=None, axis=alt.Axis(labelLimit=150))
    told = [
        alt.Tooltip("network:N"),
        alt.Tooltip("error:N"),
        alt.Tooltip("told:N", title="value"),
        alt.Tooltip("interval:N", title="95% interval"),
    ]
    bars = (
        alt.Chart()
        .mark_bar(stroke=alt.ExprRef("ink"), strokeWidth=0.6, height={"band": 0.62})
        .encode(
            y=network,
            x=alt.X("value:Q", title=None, stack="zero"),
            color=alt.Color(
                "error:N",
                scale=alt.Scale(domain=names, range=colours),
                legend=alt.Legend(title=None, orient="bottom", columns=alt.ExprRef("columns")),
            ),
            order=alt.Order("order:Q"),
            tooltip=told,
        )
        .transform_filter("datum.error !== 'total'")
    )
    totals = alt.Chart().transform_filter("datum.error === 'total'")
    line = totals.mark_rule(strokeWidth=2, color=alt.ExprRef("ink")).encode(
        y=network, x="lo:Q", x2="hi:Q"
    )
    point = totals.mark_point(
        shape="diamond",
        filled=True,
        size=90,
        opacity=1,
        color=alt.ExprRef("ink"),
        stroke=alt.ExprRef("paper"),
    ).encode(y=network, x="value:Q", tooltip=told)
    return (
        alt.layer(bars, line, point, data=alt.NamedData(name="parts"))
        .add_params(*_params(ink="black", paper="white", columns=4, **ERROR_COLOURS))
        .properties(
            width="container",
            description="Stacked bars: the four errors of each network, and their total.",
        )
    )


def _curves() -> "alt.TopLevelMixin":
    """A line for each seed and phase."""
    import altair as alt

    phases = alt.Scale(domain=list(PIECES.values()), range=[[1, 0], [6, 3], [2, 2]])
    chart: alt.TopLevelMixin = (
        alt.Chart(alt.NamedData(name="points"))
        .mark_line(strokeWidth=1.5)
        .encode(
            x=alt.X("x:Q", title=None, scale=alt.Scale(type="sqrt", nice=False)),
            y=alt.Y("y:Q", title=None, scale=alt.Scale(zero=False)),
            color=alt.Color(
                "seed:N", scale=alt.Scale(range=list(COLOURS[:-1])), legend=alt.Legend(title="seed")
            ),
            strokeDash=alt.StrokeDash("phase:N", scale=phases, legend=alt.Legend(title=None)),
            tooltip=[
                alt.Tooltip("seed:N"),
                alt.Tooltip("phase:N"),
                alt.Tooltip("x:Q", title="at"),
                alt.Tooltip("y:Q", title="train risk"),
            ],
        )
        .properties(
            width="container", height=240, description="Train risk of the cell's trials, by seed."
        )
    )
    return chart


def _speed() -> "alt.TopLevelMixin":
    """A point for each trial of the slice that had settled."""
    import altair as alt

    chart: alt.TopLevelMixin = (
        alt.Chart(alt.NamedData(name="speed"))
        .mark_point(filled=True, size=55, opacity=0.8)
        .encode(
            x=alt.X(
                "steps:Q",
                scale=alt.Scale(type="log", nice=False, padding=12),
                title="optimizer steps until settled, on a log scale",
                axis=alt.Axis(values=alt.ExprRef("ticks"), format=",", labelOverlap="greedy"),
            ),
            y=alt.Y("risk:Q", title=None, scale=alt.Scale(zero=False)),
            color=alt.Color(
                "family:N",
                scale=alt.Scale(range=list(COLOURS[:-1])),
                legend=alt.Legend(title=None, orient="bottom", columns=4),
            ),
            shape=alt.Shape("family:N", scale=alt.Scale(range=list(_SHAPES))),
            tooltip=[
                alt.Tooltip("network:N"),
                alt.Tooltip("severity:N"),
                alt.Tooltip("seed:N"),
                alt.Tooltip("steps:Q"),
                alt.Tooltip("told:N", title="risk when settled"),
            ],
        )
        .add_params(*_params(ticks=[]))
        .properties(
            width="container",
            height=260,
            description="Points: steps until a trial had settled, and its risk then.",
        )
    )
    return chart


def _proposals() -> "alt.TopLevelMixin":
    """Parallel coordinates: a line for each proposal, an axis for each hyperparameter."""
    import altair as alt

    chart: alt.TopLevelMixin = (
        alt.Chart(alt.NamedData(name="proposals"))
        .mark_line(strokeWidth=1.4, point=alt.OverlayMarkDef(size=22))
        .encode(
            x=alt.X("axis:N", sort=None, title=None, axis=alt.Axis(labelAngle=0, labelLimit=130)),
            y=alt.Y("place:Q", title=None, axis=None, scale=alt.Scale(domain=[0, 1])),
            detail="proposal:N",
            color=alt.Color(
                "rank:Q",
                scale=alt.Scale(range=["#D55E00", "#56B4E9"], domain=[0, 1]),
                legend=None,
            ),
            opacity=alt.condition("datum.rank === 0", alt.value(1), alt.value(0.45)),
            tooltip=[
                alt.Tooltip("axis:N", title="hyperparameter"),
                alt.Tooltip("told:N", title="value"),
                alt.Tooltip("risk:N", title="selection risk"),
                alt.Tooltip("where:N", title="cell"),
            ],
        )
        .properties(
            width="container",
            height=260,
            description="Lines over hyperparameters: the proposals of a family's search.",
        )
    )
    return chart

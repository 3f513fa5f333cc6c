"""How far the error of a decoder falls with the steps in which latents are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.rendering.image_sheets import Array, Held
from study.rendering.style import STYLE, look, new_figure, wrapped
from study.rendering.units import unit_of
from study.rendering.words import listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH, _HEIGHT = 6.5, 4.0
_UNIT = unit_of("reconstruction")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Searches:
    """By trial the steps (S,), from 0 on, and the mean squared error (S,) after so many."""

    title: str
    lines: Mapping[str, tuple[Array, Array]]


def searches(title: str, held: Held) -> Searches:
    """Return the info of a figure."""
    lines = {
        label: (arrays["inference/steps"], arrays["inference/mse"])
        for label, arrays in held.items()
    }
    return Searches(title=title, lines=lines)


def search_words(info: Searches) -> str:
    """Say a figure in words: each trial's error after every number of steps."""
    told = []
    for label, (steps, mse) in info.lines.items():
        numbers = [f"{_UNIT.show(e)} after {s}" for s, e in zip(steps, mse, strict=True)]
        told.append(f"{label}: {listed(numbers)}")
    return f"{info.title}. Mean squared error of evaluation examples by steps: {'; '.join(told)}."


def draw_searches(info: Searches) -> Figure:
    """Draw a line for each trial over steps, which are one apart at first, then double."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        figure = new_figure(_WIDTH, _HEIGHT)
        figure.suptitle(wrapped(info.title, _WIDTH))
        axes = figure.subplots()
        for k, (steps, mse) in enumerate(info.lines.values()):
            colour, marker = look(k)
            axes.plot(steps, mse, color=colour, marker=marker, markersize=4)
        axes.set_xscale("symlog", base=2, linthresh=1)
        axes.set_yscale("log")
        axes.set_xlabel("steps of inference")
        axes.set_ylabel(f"mean squared error ({_UNIT.sign})")
        # Of labels that lines have it would leave out those that begin with an underscore.
        axes.legend(axes.lines, list(info.lines), frameon=False)
    return figure

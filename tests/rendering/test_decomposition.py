"""Bars of the four parts: they add up, keep their sign, and are told apart by everyone."""

from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Rectangle

from study.analysis.faults import FAULTS
from study.rendering.decomposition import (
    damage_decompositions,
    draw_decomposition,
    plain_decompositions,
)
from study.rendering.pictures import _bar_words
from study.rendering.style import ERROR_COLOURS
from tests.rendering.conftest import cell_row, landscape_frame

PARTS = {
    "total": (0.10, 0.08, 0.12),
    "approximation": (0.05, 0.04, 0.06),
    "objective": (0.03, 0.02, 0.04),
    "estimation": (0.04, 0.03, 0.05),
    "optimization": (-0.02, -0.03, -0.01),
}
REAL = {"population": "digits", "bayes_risk": None}


def bars_of(axes: Axes) -> list[Rectangle]:
    return [bar for held in axes.containers for bar in held]


def test_parts_follow_one_another_and_those_below_zero_go_left() -> None:
    (info,) = plain_decompositions(landscape_frame(cell_row(**PARTS)))
    axes = draw_decomposition(info).axes[0]
    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars_of(axes)]
    above = [span for span in spans if span[1] > span[0]]
    assert above[0][0] == 0.0
    for (_, end), (start, _) in pairwise(above):
        assert start == pytest.approx(end)
    (below,) = (span for span in spans if span[1] < span[0])
    assert below == (0.0, -2.0)
    assert above[-1][1] + below[1] == pytest.approx(10.0)  # the total
    colours = [to_hex(bar.get_facecolor()).upper() for bar in bars_of(axes)]
    assert colours == [ERROR_COLOURS[name] for name in FAULTS]


def test_a_bound_is_hatched_and_a_settled_one_is_not() -> None:
    rows = [cell_row("a", **PARTS), cell_row("b", **PARTS, approximation_is_bound=True)]
    (info,) = plain_decompositions(landscape_frame(*rows))
    hatched = [bool(bar.get_hatch()) for bar in bars_of(draw_decomposition(info).axes[0])]
    assert hatched == [False] * 4 + [True] + [False] * 3


def test_real_data_show_what_is_known_and_no_total() -> None:
    known = {name: PARTS[name] for name in ("estimation", "optimization")}
    (info,) = plain_decompositions(landscape_frame(cell_row(**known, **REAL)))
    assert info.parts == ("estimation", "optimization")
    (bar,) = info.panels[0].bars
    assert bar.total is None
    assert len(bars_of(draw_decomposition(info).axes[0])) == 2
    assert "vgg 1: estimation 4.00, optimization -2.00" in _bar_words(info)


def test_parts_that_could_be_known_and_are_not_fill_the_total() -> None:
    old = {name: PARTS[name] for name in ("total", "approximation", "optimization")}
    (info,) = plain_decompositions(landscape_frame(cell_row(**old)))
    (bar,) = info.panels[0].bars
    assert bar.unknown == pytest.approx(10.0 - 5.0 + 2.0)
    drawn = bars_of(draw_decomposition(info).axes[0])
    assert sum(bar.get_width() for bar in drawn) == pytest.approx(10.0)
    assert to_hex(drawn[-1].get_facecolor()) == "#ffffff"


def test_what_knows_nothing_is_not_drawn() -> None:
    assert plain_decompositions(landscape_frame(cell_row())) == []
    assert damage_decompositions(landscape_frame(cell_row(**PARTS))) == []  # a single level


def test_a_panel_for_each_level() -> None:
    rows = [cell_row(level=k, severity=s, **PARTS) for k, s in enumerate((0.0, 0.1, 0.3))]
    (info,) = damage_decompositions(landscape_frame(*rows))
    assert [panel.title[-3:] for panel in info.panels] == ["e 0", "0.1", "0.3"]
    assert info.title == "xor(sigma=0.5): whose fault as label noise grows, n = 128"


# Machado et al. (2009), severity 1.0: linear RGB as seen without one of the three cones.
SEEN = {
    "everyone": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


@pytest.mark.parametrize("who", SEEN)
def test_the_errors_colours_are_told_apart(who: str) -> None:
    """At least 30 apart in CIELAB (CIE 1976), where 2.3 is just noticeable."""
    seen = {name: _lab(SEEN[who], colour) for name, colour in ERROR_COLOURS.items()}
    for first, second in combinations(FAULTS, 2):
        assert np.linalg.norm(seen[first] - seen[second]) > 30, (first, second)


def _lab(cones: Any, colour: str) -> Any:
    """CIELAB (D65) of a colour of sRGB, as seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(cones @ linear, 0, 1)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt(to_xyz @ linear / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

"""The charts that the page shows, held against what explore.js gives them."""

import re
from pathlib import Path
from typing import Any

import pytest

from study.analysis.faults import FAULTS
from study.rendering import page
from study.rendering.explorer import specs
from study.rendering.style import ERROR_COLOURS

SCRIPT = (Path(page.__file__).parent / "templates/explore.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def charts() -> dict[str, Any]:
    return specs()


def values_under(held: Any, key: str) -> list[Any]:
    """Every value of a key, however deep."""
    if isinstance(held, list):
        return [found for one in held for found in values_under(one, key)]
    if not isinstance(held, dict):
        return []
    own = [held[key]] if key in held else []
    return own + [found for one in held.values() for found in values_under(one, key)]


def test_every_chart_is_given_its_data(charts: dict[str, Any]) -> None:
    for name, chart in charts.items():
        (data,) = {one["name"] for one in values_under(chart, "data")}
        assert re.search(rf'embed\("{name}", \{{ {data}\b', SCRIPT)
        assert not values_under(chart, "url")
        for field in values_under(chart.get("layer", chart), "field"):
            assert re.search(rf"\b{field}\b", SCRIPT), field


def test_parameters_are_those_that_the_script_sets(charts: dict[str, Any]) -> None:
    named = {name: {p["name"] for p in chart.get("params", ())} for name, chart in charts.items()}
    assert named["map"] == {"limit", "chosen", "roomy", "ink"}
    assert named["parts"] == {"ink", "paper", "columns", *FAULTS}
    for param in named["map"] | named["parts"]:
        assert re.search(rf"\b{param}\b", SCRIPT)


def test_colours_are_the_figures(charts: dict[str, Any]) -> None:
    scale = charts["parts"]["layer"][0]["encoding"]["color"]["scale"]
    colours = dict(zip(scale["domain"], scale["range"], strict=True))
    assert {name: colours[name] for name in FAULTS} == {name: {"expr": name} for name in FAULTS}
    plain = {param["name"]: param["value"] for param in charts["parts"]["params"]}
    assert plain | dict(ERROR_COLOURS) == plain
    colour = charts["map"]["layer"][1]["encoding"]["color"]["scale"]
    assert (colour["domainMin"], colour["domainMax"]) == ({"expr": "-limit"}, {"expr": "limit"})

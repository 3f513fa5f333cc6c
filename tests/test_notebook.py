"""The notebook runs from top to bottom, and has every figure."""

import ast
import json
from pathlib import Path
from typing import Any

import matplotlib.figure
import pytest

from study.opened import Plots

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples/results.ipynb"
HELD = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in HELD["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("place", [".", "examples"])
def test_it_runs_from_top_to_bottom(
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the repository's root and, as jupyter does, from its own folder."""
    monkeypatch.chdir(ROOT / place)
    cells = CODE if place == "." else CODE[:2]
    displayed: list[Any] = []
    names: dict[str, Any] = {"display": displayed.append}
    for number, source in enumerate(cells):
        *statements, last = ast.parse(source).body
        file = f"cell {number}"
        exec(compile(ast.Module(statements, []), file, "exec"), names)
        if isinstance(last, ast.Expr):  # what a cell ends with is shown
            displayed.append(eval(compile(ast.Expression(last.value), file, "eval"), names))
        else:
            exec(compile(ast.Module([last], []), file, "exec"), names)
    printed = capsys.readouterr().out
    assert place == "examples" or "We measured linear" in printed
    if place == ".":
        figures = [one for one in displayed if isinstance(one, matplotlib.figure.Figure)]
        kinds = {"landscape", "errors", "faults", "damage", "curves", "speed"}
        found = names["quickstart"].plot
        assert len(figures) == sum(len(getattr(found, kind)()) for kind in kinds)


def test_it_has_every_kind_of_figure() -> None:
    kinds = [name for name in vars(Plots) if not name.startswith("_")]
    assert [kind for kind in kinds if f"show(quickstart.plot.{kind}())" not in CODE] == []


def test_it_is_kept_without_what_it_printed() -> None:
    cells = [cell for cell in HELD["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    assert HELD["nbformat"] == 4

"""The two walls, seen from what an interpreter has loaded."""

import subprocess
import sys

import pytest

ANALYSIS = (
    *("schema", "frames", "table", "density", "selection", "intervals"),
    *("estimates", "landscape", "comparisons", "learning_curves", "variance", "results"),
    *("terminal", "figures", "size_figures", "report"),
)
HEAVY = ("torch", "torchvision", "ray", "optuna", "sklearn", "classcomp")


def _loaded_after(statement: str, names: tuple[str, ...]) -> list[str]:
    code = f"{statement}; import sys; print([n for n in {names!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return list(eval(done.stdout))


@pytest.mark.parametrize("module", ANALYSIS)
def test_analysis_loads_nothing_heavy(module: str) -> None:
    assert _loaded_after(f"import study.{module}", HEAVY) == []


@pytest.mark.parametrize("module", ["classcomp.experiment", "search_spaces"])
def test_the_science_loads_no_engine(module: str) -> None:
    assert _loaded_after(f"import {module}", ("ray", "optuna", "study")) == []


def test_a_heavy_import_would_be_seen() -> None:
    assert _loaded_after("import optuna", HEAVY) != []


def test_asking_for_a_study_loads_neither_torch_nor_ray() -> None:
    assert _loaded_after("import study.planning.plan", ("torch", "ray", "optuna")) == []

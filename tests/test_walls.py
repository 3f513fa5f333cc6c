"""The three walls, seen from what an interpreter has loaded; no circle anywhere."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

from study.engine.environment import DEFAULTS

ROOT = Path(__file__).parent.parent
LIGHT = ("trials", "storage", "analysis", "rendering")
HEAVY = (
    "jaxtyping",
    "torch",
    "torchvision",
    "ray",
    "optuna",
    "sklearn",
    "classcomp",
    "search_spaces",
)
PACKAGES = ("classcomp", "search_spaces", "study")


def modules_of(room: str) -> list[str]:
    paths = sorted((ROOT / "study" / room).glob("*.py"))
    return [f"study.{room}.{path.stem}" for path in paths if path.stem != "__init__"]


@cache
def loaded_along(*steps: str) -> tuple[frozenset[str], ...]:
    """What a new interpreter has loaded after each statement.

    What is not there after the last was not there before: one interpreter answers many questions.
    """
    tell = "print(json.dumps(sorted(sys.modules)), flush=True)"
    code = "\n".join(["import json, sys", *(f"{step}\n{tell}" for step in steps)])
    clean = {name: value for name, value in os.environ.items() if name not in DEFAULTS}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    return tuple(frozenset(json.loads(line)) for line in done.stdout.splitlines())


def importing(modules: list[str]) -> str:
    assert modules
    return f"import {', '.join(modules)}"


TABLES = [*(importing(modules_of(room)) for room in LIGHT), "import study.report"]
DRIVER = [
    "import search_spaces",
    *(importing(modules_of(room)) for room in ("request", "planning")),
    "import os; before = dict(os.environ); import study.run, study.driving; "
    "assert before == os.environ",
    "from study.engine import environment; environment.prepare()",
    importing(modules_of("engine")),
]


@pytest.mark.parametrize("room", LIGHT)
def test_tables_are_read_without_what_made_them(room: str) -> None:
    loaded = loaded_along(*TABLES)[LIGHT.index(room)]
    rooms = {"study.request", "study.planning", "study.engine"}
    assert loaded & {*HEAVY, *rooms} == set()


def test_the_report_is_light() -> None:
    assert "study.rendering.page" in loaded_along(*TABLES)[-1]
    drawn_or_tested_with = {"matplotlib", "scipy"}  # loaded where something is
    assert loaded_along(*TABLES)[-1] & {*HEAVY, *drawn_or_tested_with} == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "steps", [("import classcomp.experiment",), DRIVER], ids=["classcomp", "spaces"]
)
def test_the_science_loads_no_engine(steps: Sequence[str]) -> None:
    assert loaded_along(*steps)[0] & {"ray", "optuna", "study"} == set()


@pytest.mark.parametrize("room", ["request", "planning"])
def test_asking_for_a_study_loads_neither_torch_nor_ray(room: str) -> None:
    loaded = loaded_along(*DRIVER)[1 + (room == "planning")]
    assert loaded & {"torch", "ray", "optuna"} == set()


def test_a_driver_holds_no_torch() -> None:
    assert loaded_along(*DRIVER)[-1] & {"torch", "torchvision"} == set()


def test_a_heavy_import_would_be_seen() -> None:
    assert loaded_along(*DRIVER)[-1] & {*HEAVY} >= {"ray", "optuna", "classcomp"}


def test_importing_changes_no_environment() -> None:
    """The interpreter itself compares; see `DRIVER`."""
    assert "study.run" in loaded_along(*DRIVER)[3]


def imports_by_module() -> dict[str, set[str]]:
    graph = grimp.build_graph(*PACKAGES)
    return {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}


def test_no_circle_remains() -> None:
    """Of modules, those that only a type checker follows included."""
    TopologicalSorter(imports_by_module()).prepare()


def test_every_module_is_looked_at() -> None:
    """A folder without `__init__.py` would hide what is in it."""
    files = {path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    assert {name.removesuffix(".__init__") for name in names} == set(imports_by_module())


def test_a_circle_would_be_seen() -> None:
    imports = imports_by_module()
    imports["study.trials.roles"] |= {"study.trials.trial"}
    with pytest.raises(CycleError):
        TopologicalSorter(imports).prepare()


def test_rooms_form_no_circle_either() -> None:
    rooms: dict[str, set[str]] = {}
    for name, imported in imports_by_module().items():
        room = ".".join(name.split(".")[:2])
        rooms.setdefault(room, set()).update(".".join(other.split(".")[:2]) for other in imported)
    TopologicalSorter({room: held - {room} for room, held in rooms.items()}).prepare()

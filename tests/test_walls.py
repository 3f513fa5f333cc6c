"""The three walls, seen from what an interpreter has loaded; no circle anywhere."""

import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

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


def loaded_after(statement: str, names: tuple[str, ...]) -> list[str]:
    code = f"{statement}; import sys; print([n for n in {names!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return list(eval(done.stdout))


@pytest.mark.parametrize("room", LIGHT)
def test_tables_are_read_without_what_made_them(room: str) -> None:
    modules = modules_of(room)
    assert modules
    forbidden = (*HEAVY, "study.request", "study.planning", "study.engine")
    assert loaded_after(f"import {', '.join(modules)}", forbidden) == []


def test_the_report_is_light() -> None:
    assert loaded_after("import study.report", HEAVY) == []


@pytest.mark.parametrize("module", ["classcomp.experiment", "search_spaces"])
def test_the_science_loads_no_engine(module: str) -> None:
    assert loaded_after(f"import {module}", ("ray", "optuna", "study")) == []


@pytest.mark.parametrize("room", ["request", "planning"])
def test_asking_for_a_study_loads_neither_torch_nor_ray(room: str) -> None:
    modules = ", ".join(modules_of(room))
    assert loaded_after(f"import {modules}", ("torch", "ray", "optuna")) == []


def test_a_driver_holds_no_torch() -> None:
    modules = ", ".join([*modules_of("engine"), "study.run"])
    prepared = "from study.engine import environment; environment.prepare()"
    assert loaded_after(f"{prepared}; import {modules}", ("torch", "torchvision")) == []


def test_a_heavy_import_would_be_seen() -> None:
    assert loaded_after("import optuna", HEAVY) != []


def test_importing_changes_no_environment() -> None:
    modules = ", ".join([*modules_of("request"), *modules_of("planning"), "study.run"])
    code = f"import os; before = dict(os.environ); import {modules}; print(before == os.environ)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


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

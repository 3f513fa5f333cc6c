"""The README says what is there."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml

from classcomp.experiment import Experiment
from study.engine.handover import to_trial
from study.options import run_parser
from study.planning.plan import planned_trials
from study.recipes import questions, recipe_names
from study.rendering.decomposition import draw_decomposition
from study.rendering.style import write_figure
from study.request.reading import read_spec
from tests.rendering.conftest import landscape_frame
from tests.rendering.found import known
from tests.rendering.synthetic_study import XOR

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def script(name: str) -> ModuleType:
    """A page's script."""
    found = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_tree_is_the_tree() -> None:
    """Otherwise: python docs/tree.py."""
    assert script("tree").with_tree(README) == README


def test_the_recipes_are_what_their_files_ask() -> None:
    """Otherwise: python docs/recipes.py. `study.run --help` has them from the same place."""
    page = script("recipes")
    assert page.with_recipes(README) == README
    told = run_parser().format_help()
    for asked, names in questions().items():
        assert f"  {', '.join(names)}\n      {asked}\n" in told
    assert sorted(name for names in questions().values() for name in names) == recipe_names()


def test_the_page_of_columns_is_the_schema() -> None:
    """Otherwise: python docs/tables.py."""
    page = script("tables")
    assert page.page() == page.PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_landscape_is_the_shipped_study_s(tmp_path: Path) -> None:
    """Otherwise: the command beside it. Of the picture every coordinate, to a hundredth point."""
    page = script("landscape")
    (folder,) = page.PLACE.findall(README)
    info, text = page.of(folder)
    assert page.with_landscape(README, text) == README
    drawn = write_figure(draw_decomposition(info), tmp_path / page.PICTURE.name)
    paths = (" ".join(re.findall(r' d="([^"]*)"', f.read_text())) for f in (page.PICTURE, drawn))
    shipped, again = (np.array(re.findall(r"-?[\d.]+", one), dtype=float) for one in paths)
    assert len(shipped) > 1000
    np.testing.assert_allclose(again, shipped, atol=0.01)


def test_the_landscape_is_of_networks_that_are_there_at_every_level() -> None:
    """Damages may be measured at some depths and sample sizes only."""
    plain = [
        known("vgg", distortion="label_noise", level=0, severity=0.0, depth=depth, num_train=num)
        for depth in (1, 2)
        for num in (32, 128, 512)
    ]
    hurt = known("vgg", distortion="label_noise", level=1, severity=0.2, depth=2, num_train=128)
    page = script("landscape")
    info = page.info_of(landscape_frame(*plain, hurt), XOR)
    assert info.title.endswith("whose fault as label noise grows, n = 128")
    assert [[bar.label for bar in panel.bars] for panel in info.panels] == [["vgg 2"], ["vgg 2"]]
    with pytest.raises(ValueError, match="no label_noise at two levels"):
        page.info_of(landscape_frame(*plain), XOR)


@pytest.mark.slow
def test_your_own_network_is_eight_lines_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the README has it: the file, the study, and its smallest trial to the end."""
    part = README.split("## Your own network in eight lines\n")[1].split("\n## ")[0]
    network, study = re.findall(r"```(?:python|toml)\n(.*?)```", part, re.DOTALL)
    assert [len([line for line in text.splitlines() if line]) for text in (network, study)] == [
        8,
        8,
    ]
    (tmp_path / "my_net.py").write_text(network)
    (tmp_path / "mine.toml").write_text(study)
    monkeypatch.chdir(tmp_path)
    trials = [trial for trial in planned_trials(read_spec("mine.toml")) if trial.role == "measure"]
    assert {trial.cell.family for trial in trials} == {"mynet", "linear"}
    (trial,) = [
        one
        for one in trials
        if one.cell.family == "mynet"
        and one.cell.depth == 2
        and one.seed == 0
        and one.cell.severity == 0.0
    ]
    experiment = Experiment(to_trial(trial, "."), device="cpu")
    while not experiment.finished:
        experiment.advance()
    assert experiment.outcome.metrics["risk"] < 0.15  # XOR's Bayes risk is .0445; a line has .305


def test_data_flow_as_the_page_of_the_architecture_says() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    drawn = re.search(r"```\n study\.toml.*?```\n", page, re.DOTALL)
    assert drawn is not None
    assert drawn[0] in README


def test_every_file_has_a_line_that_says_something() -> None:
    lines = script("tree").tree().splitlines()[1:-1]
    assert len(lines) > 100
    assert [line for line in lines if len(line.split()) < 4] == []


def test_every_page_that_is_named_is_there() -> None:
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
    ):
        text = (ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


def test_the_citation_is_of_this_version() -> None:
    held = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert held["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= held.keys()
    assert (held["version"], held["license"]) == (project["version"], project["license"])


def test_packages_say_that_they_are_typed() -> None:
    """PEP 561: the file is there, and is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = project["tool"]["setuptools"]["package-data"]
    for package in ("classcomp", "search_spaces", "study"):
        assert (ROOT / package / "py.typed").is_file()
        assert "py.typed" in installed[package]


def test_every_page_has_its_place_on_the_site() -> None:
    """`make docs` refuses a page that is nowhere; here, that what is named is there."""
    held = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = re.findall(r"[\w/-]+\.md", str(held["nav"]))
    assert all((ROOT / "docs" / name).is_file() for name in named)
    assert {f"{path.name}" for path in (ROOT / "docs").glob("*.md")} <= set(named)

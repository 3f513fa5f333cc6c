"""The examples hold what they say: each is built, tried out or run."""

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from classcomp.models.trying import check_network
from classcomp.populations import POPULATIONS
from classcomp.scores import SCORES
from classcomp.sources import source_of
from classcomp.testing import FamilyContract, Network
from examples import my_population, my_score
from search_spaces import examples, own_space, restricted
from search_spaces.reading import read_space

FOLDER = Path(__file__).parent.parent / "examples"
POPULATION = {"label": "xor", "vector_shape": [2], "image_shape": None, "num_classes": 2}


class TestPerceptron(FamilyContract):
    family = "mynet"
    network = Network(name="mynet", path=f"{FOLDER / 'my_network.py'}:Perceptron")
    grid = ((1, (1, 8, 8), 2), (2, (2,), 3), (5, (3, 13, 9), 10))
    budget_shapes = (((1, 8, 8), 2), ((2,), 3))


@pytest.mark.parametrize("name", ["my_network", "forest", "least_squares"])
def test_networks_of_the_study_files(name):
    study = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    wishes = study.get("hyperparameters", {})
    for network in study["networks"]:
        path = network["path"]
        if ".py:" in path:
            path = f"{FOLDER / path}"
        assert len(source_of(path)) == 16
        parameters = network.get("parameters", {})
        searched = read_space(network["name"], parameters, network.get("space", {}))
        tried = {"name": network["name"], "path": path}
        tried["parameters"] = examples(parameters, searched)
        found = check_network(
            tried, {"depths": study["depths"], "populations": [POPULATION], "num_train": 64}
        )
        space = own_space(
            network["name"],
            parameters=parameters,
            searched=searched,
            kind=found["kind"],
            takes=found["takes"],
        )
        restricted(space, wishes.get(network["name"], {}), network["name"])


def test_a_score_and_a_population_run(monkeypatch, capsys):
    # What an example registers is taken out again.
    monkeypatch.setitem(SCORES, "worst_class", None)
    monkeypatch.setitem(POPULATIONS, "sandwich", None)
    my_score.main()
    my_population.main()
    risk, worst, bayes, linear = map(float, re.findall(r"\d\.\d+", capsys.readouterr().out))
    assert risk < worst < 1  # classes of different size: the rarer one fares worse
    assert bayes < 0.05 < linear


@pytest.mark.parametrize("name", ["my_score", "my_population"])
def test_examples_register_nothing_when_they_are_imported(name):
    before = dict(SCORES), dict(POPULATIONS)
    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="imported")
    assert before == (SCORES, POPULATIONS)

"""Maps of latents on the page: what is drawn and what is turned are what was given."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from study.analysis.columns import PER_CLASS_COLUMNS
from study.analysis.frames import typed_frame
from study.rendering import scenes
from study.rendering.latent_maps import (
    MOST_MAPPED,
    draw_latent_maps,
    latent_maps,
    map_scenes,
    map_words,
    names_of_classes,
)
from study.rendering.scenes import MOST_NAMED, in_ball, marker_path, marks_of, scene, seen
from study.rendering.shown import shown_exhibits
from study.rendering.style import MARKERS, write_figure
from study.rendering.templating import TEMPLATES
from study.report import write_report
from tests.analysis.conftest import make_record
from tests.rendering.conftest import make_coder_exhibits
from tests.rendering.test_report import Page, make_folder

Record = dict[str, Any]
Arrays = dict[str, Any]
SCRIPT = (TEMPLATES / "turn.js").read_text(encoding="utf-8")


def held(seed: int = 0, **changes: Any) -> Arrays:
    return make_coder_exhibits(np.random.default_rng(seed)) | {
        f"latent_map/{name}": array for name, array in changes.items()
    }


def test_what_is_turned_is_what_was_given() -> None:
    points = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [2.0, 6.0, 0.0], [2.0, -6.0, 0.0]])
    labels = np.array([7, 3, 7, 3])
    info = latent_maps("a law", {"ae 2": held(mds=points, labels=labels)}, {3: "Dress"})
    found = map_scenes(info)
    assert [mark.name for mark in found.legend] == ["Dress", "class 7"]
    first = found.panels[0]
    assert first.label == "ae 2: MDS of latents"
    assert first.told == "silhouette 0.25, k-NN 0.25, stress 0.25"
    # the middle is (2, 0, 0), the furthest 6 from there
    assert first.points == "-333 0 0 333 0 0 0 999 0 0 -999 0"
    assert first.marks == "1 0 1 0"
    assert len(found.panels) == 2, "a plane is not turned"


def test_what_is_drawn_is_what_is_seen_before_it_is_turned() -> None:
    rng = np.random.default_rng(1)
    points, labels = rng.standard_normal((40, 3)), np.arange(40) % 2
    info = latent_maps("a law", {"ae 2": held(mds=points, labels=labels)}, {})
    axes = draw_latent_maps(info).axes
    ball = points - points.mean(axis=0)
    ball /= np.linalg.norm(ball, axis=1).max()
    # a turn about the third axis by the azimuth, then one about the first by the elevation
    a, e = scenes.AZIMUTH, scenes.ELEVATION
    about_third = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_first = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    right, away, up = about_first @ about_third @ ball.T
    np.testing.assert_allclose(seen(ball), np.stack([right, up, -away], axis=1), atol=1e-12)
    for k in (0, 1):
        drawn = axes[0].collections[k]
        mine = labels == k
        np.testing.assert_allclose(drawn.get_offsets(), np.stack([right, up], axis=1)[mine])
        np.testing.assert_allclose(drawn.get_sizes(), 9 * (1 - away[mine] / 2))
    plane = axes[2].collections[1].get_offsets()
    np.testing.assert_array_equal(plane, info.panels[2].points[labels == 1])
    titles = [one.get_title().splitlines()[1] for one in axes[:3]]
    assert titles == ["MDS of latents", "MDS of unit latents", "t-SNE of latents"]


def test_the_script_begins_where_the_picture_is_and_has_its_marks() -> None:
    start = re.search(r"START = \{ azimuth: (.*?), elevation: (.*?) \}", SCRIPT)
    assert start is not None
    assert tuple(map(float, start.groups())) == (scenes.AZIMUTH, scenes.ELEVATION)
    assert f"whole / {scenes._STEPS}" in SCRIPT
    assert not re.search(r"https?:|fetch|import|eval|innerHTML|XMLHttp", SCRIPT)
    assert len(SCRIPT) < 5_000
    assert marker_path("s") == "M-0.500 0.500L0.500 0.500L0.500 -0.500L-0.500 -0.500Z"
    top = re.findall(r"[ML](\S+) (-?[0-9.]+)", marker_path("^"))
    assert ("0.000", "-0.500") in top, "upwards is less in SVG"
    for mark, marker in zip(marks_of(map(str, range(9))), MARKERS, strict=True):
        assert mark.path == marker_path(marker)
        assert set(re.findall("[A-Za-z]", mark.path)) <= set("MLQCZ")
        numbers = [float(text) for text in re.findall(r"-?[0-9.]+", mark.path)]
        assert max(map(abs, numbers)) <= 0.75


def test_of_unknown_numbers_a_dash_and_of_many_trials_the_first() -> None:
    quality = np.full((5, 3), np.nan)
    trials = {f"ae {k}": held(quality=quality) for k in range(MOST_MAPPED + 1)}
    del trials["ae 0"]["latent_map/unit_mds"]
    info = latent_maps("a law", trials, {})
    assert len(info.panels) == 3 * MOST_MAPPED - 1
    words = map_words(info)
    assert words.startswith("a law. 40 evaluation examples by class (class 0, class 1). ae 0: MDS")
    assert "t-SNE of latents: silhouette –, k-NN –. ae 1:" in words
    assert f"ae {MOST_MAPPED}" not in words
    drawn = draw_latent_maps(info).axes
    assert [axes.get_title() for axes in drawn[:3]][1] == "", "its place stays empty"


def test_more_classes_than_looks_are_named_up_to_there(tmp_path: Path) -> None:
    labels = np.arange(200)
    points = np.random.default_rng(0).standard_normal((200, 3))
    arrays = held(mds=points, labels=labels)
    for name in ("unit_mds", "tsne"):
        arrays[f"latent_map/{name}"] = points[:, : 2 + (name != "tsne")]
    info = latent_maps("a law", {"ae 1": arrays}, {})
    found = map_scenes(info)
    assert len(found.legend) == MOST_NAMED == len({(m.colour, m.path) for m in found.legend})
    assert set(map(int, found.panels[0].marks.split())) == set(range(MOST_NAMED))
    root = ElementTree.parse(write_figure(draw_latent_maps(info), tmp_path / "x.svg")).getroot()
    assert max(float(root.attrib[side].removesuffix("pt")) for side in ("width", "height")) < 2_000


def test_points_in_one_place_stop_nothing() -> None:
    found = scene("a", "b", np.ones((3, 3)), [0, 0, 0])
    assert found.points == " ".join("0" * 9)
    np.testing.assert_array_equal(in_ball(np.full((2, 3), 1e300)), 0)


def test_class_names_are_of_their_population_and_short() -> None:
    rows = [
        {"population": "a", "class": 0, "class_name": "Bag"},
        {"population": "a", "class": 1, "class_name": "x" * 100},
        {"population": "b", "class": 0, "class_name": "0"},
    ]
    found = names_of_classes(typed_frame(rows, PER_CLASS_COLUMNS))
    assert found.keys() == {"a"}
    assert found["a"][0] == "Bag"
    assert len(found["a"][1]) <= 40
    row = make_record(family="autoencoder", population="a", level=0) | {
        "latent_dim": None,
        "capacity": None,
    }
    shown = shown_exhibits([row], {row["trial_id"]: held()}, class_names=found)
    (info,) = [info for kind, info, _ in shown if kind.name == "latent_map"]
    assert info.names[0] == "Bag"


HOSTILE = '"><script>alert(1)</script><b>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a coder whose name is an attack, two seeds."""
    named = {"family": HOSTILE, "task": "reconstruction", "population": "digits", "risk": 0.05}
    records = [make_record(**{**named, "seed": seed}) for seed in (0, 1)]
    place = make_folder(records, {}, tmp_path_factory.mktemp("maps") / "study")
    (place / "exhibits").mkdir()
    for record, seen_as in zip(records, (0.25, 0.75), strict=True):
        arrays = held(quality=np.full((5, 3), seen_as))
        if record["seed"] == 1:  # of other seeds the maps alone
            arrays = {key: a for key, a in arrays.items() if key.startswith("latent_map/")}
        np.savez(place / "exhibits" / f"{record['trial_id']}.npz", **arrays)
    write_report(place)
    return place


@pytest.mark.slow
def test_the_page_has_the_table_and_what_is_turned(folder: Path) -> None:
    text = (folder / "report/index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert "#latent_maps" in page.links
    assert page.text.count("0.50") >= 5 * 2 + 2, "means of .25 and .75"
    assert page.tags.count("script") == 4
    assert SCRIPT.strip() in text
    assert page.tags.count("canvas") == 2
    assert "b" not in page.tags
    assert "<script>alert" not in text
    labels = re.findall(r'<canvas [^>]*aria-label="([^"]*)"', text)
    assert len(labels) == 2
    for label in labels:
        assert "Arrow keys turn it" in label
        assert "&lt;script&gt;" in label
    told = re.findall(r'data-points="([^"]*)"', text)
    assert len(told) == 2
    assert all(re.fullmatch(r"-?\d{1,3}( -?\d{1,3}){119}", points) for points in told)
    found = (folder / "latent_maps.csv").read_text().splitlines()
    assert len(found) == 1 + 5


@pytest.mark.slow
def test_without_maps_nothing_is_turned(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "trials.parquet").write_bytes((folder / "trials.parquet").read_bytes())
    page = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "canvas" not in page.tags
    assert SCRIPT.strip() not in (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert "#latent_maps" not in page.links

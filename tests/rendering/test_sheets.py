"""Sheets of images: what is drawn is what was given, in greys that compare."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study.rendering.exhibits import KINDS, REFERENCES
from study.rendering.image_sheets import Sheet, draw_sheets, sheet_words
from study.rendering.inference import draw_searches, search_words, searches
from study.rendering.latents import (
    altered_sheets,
    class_mean_sheets,
    filter_sheets,
    interpolation_sheets,
    plane_sheets,
    reconstruction_sheets,
    response_sheets,
    traversal_sheets,
)
from study.rendering.shown import shown_exhibits
from study.rendering.style import write_figure
from study.report import write_report
from study.trials.exhibits import law_exhibit
from study.trials.trial import cell_of
from tests.analysis.conftest import make_record
from tests.rendering.conftest import make_coder_exhibits
from tests.rendering.test_report import Page, make_folder

Record = dict[str, Any]


def held(seed: int = 0, **changes: Any) -> dict[str, Any]:
    return make_coder_exhibits(np.random.default_rng(seed)) | changes


def test_a_mosaic_is_its_images_with_gaps_between() -> None:
    images = np.arange(2 * 3 * 1 * 2 * 2, dtype=float).reshape(2, 3, 1, 2, 2)
    sheet = Sheet(label="ae 1", images=images, scale=np.array([[0.0, 23.0], [12.0, 22.0]]))
    mosaic = sheet.mosaic
    assert mosaic.shape == (5, 8)  # 2 rows of 2 pixels, 3 columns, a pixel between
    np.testing.assert_allclose(mosaic[:2, 3:5], images[0, 1, 0] / 23)
    np.testing.assert_allclose(mosaic[3:, :2], (images[1, 0, 0] - 12) / 10)
    assert mosaic[4, 7] == 1  # above its row's white
    assert np.isnan(mosaic[2]).all()
    assert np.isnan(mosaic[:, [2, 5]]).all()


def test_three_channels_are_colours_and_any_others_a_grey() -> None:
    images, scale = np.random.default_rng(0).random((1, 2, 3, 4, 4)), np.array([[0.0, 1.0]])
    coloured = Sheet(label="", images=images, scale=scale).mosaic
    assert coloured.shape == (4, 9, 3)
    np.testing.assert_allclose(coloured[:, :4], images[0, 0].transpose(1, 2, 0))
    grey = Sheet(label="", images=images[:, :, :2], scale=scale).mosaic
    np.testing.assert_allclose(grey[:, 5:], images[0, 1, :2].mean(axis=0))


def test_what_is_constant_is_black_and_stops_nothing() -> None:
    flat = Sheet(label="", images=np.full((1, 2, 1, 2, 2), 3.0), scale=np.array([[3.0, 3.0]]))
    assert np.nanmax(flat.mosaic) == 0


def test_reconstructions_share_their_greys_and_say_their_errors() -> None:
    first, second = held(0), held(1)
    second["reconstructions/originals"] = first["reconstructions/originals"] * 2 - 0.5
    second["reconstructions/drawn"] = second["reconstructions/decoded"] + 1
    info = reconstruction_sheets("a law", {"ae 1": first, "vae 1": second})
    one, two = info.panels
    assert (one.rows, two.rows) == (("original", "decoded"), ("original", "decoded", "drawn"))
    assert one.columns == ("0", "0", "1", "1")
    originals = np.stack([first["reconstructions/originals"], second["reconstructions/originals"]])
    for panel in info.panels:
        assert panel.scale.tolist() == [[originals.min(), originals.max()]] * len(panel.images)
    np.testing.assert_array_equal(two.images[2], second["reconstructions/drawn"])
    error = np.mean((first["reconstructions/decoded"] - originals[0]) ** 2)
    assert f"ae 1: mean squared error of these decoded {error:.3g};" in sheet_words(info)


def test_rows_of_traversals_are_named_by_their_latent_and_its_ends() -> None:
    (panel,) = traversal_sheets("a law", {"ae 1": held()}).panels
    assert panel.rows == ("1: -1 to 1", "0: -2 to 2")
    assert panel.images.shape == (2, 9, 1, 5, 4)


def test_the_second_latent_of_a_plane_grows_upwards() -> None:
    arrays = held()
    (panel,) = plane_sheets("a law", {"ae 1": arrays}).panels
    np.testing.assert_array_equal(panel.images[0], arrays["traversals/plane"][2])
    assert panel.rows == ("2", "0.5", "-2")
    assert panel.columns == ("-1", "0", "1")


def test_means_of_classes_stand_in_one_row() -> None:
    arrays = held()
    (panel,) = class_mean_sheets("a law", {"ae 1": arrays}).panels
    np.testing.assert_array_equal(panel.images[0], arrays["class_means/images"])
    assert panel.columns == ("0", "1")


def test_the_way_between_two_classes_says_where_it_begins_and_ends() -> None:
    arrays = held()
    (panel,) = interpolation_sheets("a law", {"ae 1": arrays}).panels
    np.testing.assert_array_equal(panel.images[0], arrays["interpolations/images"])
    assert panel.columns == ("class 1", *[""] * 8, "class 6")


def test_altered_latents_are_named() -> None:
    arrays = held()
    (panel,) = altered_sheets("a law", {"ae 1": arrays}).panels
    np.testing.assert_array_equal(panel.images[0], arrays["altered_latents/images"])
    assert panel.columns == ("× .5", "× 1", "× 1.5", "ones", "zeros")


def test_what_is_seen_stands_between_an_image_and_what_comes_back() -> None:
    seen = np.zeros((4, 1, 5, 4))
    arrays = held(**{"reconstructions/seen": seen})
    (panel,) = reconstruction_sheets("a law", {"ae 1": arrays}).panels
    assert panel.rows == ("original", "seen", "decoded")
    np.testing.assert_array_equal(panel.images[1], seen)
    assert "seen" not in panel.note


def test_errors_by_steps_are_drawn_and_said() -> None:
    info = searches("a law", {"ad 1": held(), "ad 2": held()})
    words = search_words(info)
    assert "ad 1: 0.500 after 0, 0.250 after 1 and 0.125 after 2;" in words
    (axes,) = draw_searches(info).axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.5, 0.25, 0.125]] * 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ad 1", "ad 2"]


def test_filters_fill_rows_of_eight() -> None:
    kernels = np.random.default_rng(0).standard_normal((11, 1, 3, 3))
    (panel,) = filter_sheets("a law", {"ae 1": held(**{"layers/kernels": kernels})}).panels
    assert panel.images.shape == (2, 8, 1, 3, 3)
    np.testing.assert_array_equal(panel.images[1, 2], kernels[10])
    assert np.isnan(panel.images[1, 3:]).all()
    assert panel.scale.tolist() == [[kernels.min(), kernels.max()]] * 2


def test_each_layer_s_response_has_its_own_greys_and_only_its_channels() -> None:
    arrays = held()
    (panel,) = response_sheets("a law", {"ae 1": arrays}).panels
    assert panel.rows == ("image", "1: 3 of 5×4", "2: 20 of 3×2")
    np.testing.assert_array_equal(panel.images[0, 0, 0], arrays["layers/image"][0])
    np.testing.assert_array_equal(panel.images[1, :3, 0], arrays["layers/maps"][0, :3])
    assert np.isnan(panel.images[1, 3:]).all()
    assert np.isnan(panel.images[0, 1:]).all()
    assert panel.scale[1].tolist() == [f(arrays["layers/maps"][0, :3]) for f in (np.min, np.max)]


def test_a_figure_shows_the_mosaics() -> None:
    info = traversal_sheets("a law", {f"ae {k}": held(k) for k in range(3)})
    figure = draw_sheets(info)
    for axes, panel in zip(figure.axes, info.panels, strict=False):
        assert axes.get_title() == panel.label
        np.testing.assert_array_equal(axes.images[0].get_array().filled(np.nan), panel.mosaic)
        assert [text.get_text() for text in axes.get_yticklabels()] == list(panel.rows)
    (title,) = [figure.get_suptitle()]
    assert title == "a law"


@pytest.mark.parametrize("num_classes", [2, 10])
def test_no_label_is_cut_off(num_classes: int, tmp_path: Path) -> None:
    """What lies outside a figure of three panels, a legend's entries too, is lost."""
    labels = np.arange(40) % num_classes
    arrays = held(**{"latent_plane/labels": labels, "latent_map/labels": labels})
    rows = [make_record(family=f"family_{k}", population="digits") for k in range(3)]
    found = shown_exhibits(rows, {row["trial_id"]: arrays for row in rows})
    assert len(found) == 11
    for kind, info, _ in found:
        figure = kind.draw(info)
        write_figure(figure, tmp_path / f"{kind.name}.png")
        renderer = figure.canvas.get_renderer()
        box = figure.get_tightbbox(renderer)
        assert box.x0 >= -0.02, kind.name
        assert box.x1 <= figure.get_figwidth() + 0.02, kind.name


def test_pca_and_t_sne_stand_beside_the_planes_with_their_numbers() -> None:
    row = make_record(family="ae", population="digits", seed=0)
    row |= {"knn_accuracy": 0.512, "trustworthiness": 0.75, "continuity": None}
    law = {
        "labels": np.arange(40) % 2,
        "pca/points": np.zeros((40, 2)),
        "pca/quality": np.array([0.61, 0.8, 0.9]),
    }
    laws = {law_exhibit(cell_of(row)): law}
    kind = next(kind for kind in KINDS if kind.name == "latent_plane")
    (info,) = [i for k, i, _ in shown_exhibits([row], {row["trial_id"]: held()}, laws) if k is kind]
    assert [panel.label for panel in info.panels] == [
        "ae 1\nk-NN 0.51, T 0.75, C –",
        "PCA\nk-NN 0.61, T 0.80, C 0.90",
    ]
    np.testing.assert_array_equal(info.panels[1].points, law["pca/points"])


@pytest.mark.slow
def test_the_page_shows_the_numbers_of_planes_and_their_pictures(tmp_path: Path) -> None:
    numbers = {"knn_accuracy": 0.5, "trustworthiness": 0.75, "continuity": 0.875}
    records = [
        make_record(family="<b>ae", task="reconstruction", risk=0.1, seed=seed, **numbers)
        for seed in (0, 1)
    ]
    folder = make_folder(records, {}, tmp_path / "study")
    (folder / "exhibits").mkdir()
    np.savez(folder / "exhibits" / f"{records[0]['trial_id']}.npz", **held())
    law = {f"{name}/quality": np.array([0.25, 0.5, 0.625]) for name in REFERENCES}
    law |= {f"{name}/points": np.zeros((40, 2)) for name in REFERENCES}
    name = law_exhibit(cell_of(records[0]))
    np.savez(folder / "exhibits" / f"{name}.npz", labels=np.arange(40) % 2, **law)
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert page.open == []
    assert "b" not in page.tags
    assert "#latent_planes" in page.links
    text = re.sub(r"\s+", " ", page.text)
    assert "<b>ae 1 256 2 0.50 [0.50, 0.50] 0.75 [0.75, 0.75] 0.88 [0.88, 0.88]" in text
    assert "PCA 0.25 0.50 0.62" in text
    pictures = {re.sub(r".*\d\d_|\.svg", "", p["src"] or ""): p["alt"] for p in page.pictures}
    sheets = ("reconstructions", "traversals", "plane", "class_means", "filters", "responses")
    of_search = ("interpolations", "altered_latents", "inference")
    for kind in ("latent_plane", *sheets, *of_search):
        assert "<b>ae 1" in pictures[kind]
    assert "t-SNE k-NN 0.25, T 0.50, C 0.62" in re.sub(r"\s+", " ", pictures["latent_plane"])
    table = pd.read_csv(folder / "latent_planes.csv")
    assert table["layout"].tolist() == ["latents", "pca", "tsne"]

"""Generated examples on the page: real ones first, in greys that compare, points in one frame."""

from typing import Any

import numpy as np

from study.rendering.image_sheets import draw_sheets, sheet_words
from study.rendering.samples import (
    along_sheets,
    draw_point_clouds,
    point_clouds,
    point_words,
    sample_sheets,
)

Arrays = dict[str, Any]


def images(seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    found = {"samples/real": rng.random((7, 1, 4, 4)), "samples/images": rng.random((7, 1, 4, 4))}
    found["samples/along"] = rng.random((2, 3, 1, 4, 4))
    return found | {"samples/along_steps": np.array([16, 32])}


def test_real_images_come_first_and_all_share_their_greys() -> None:
    arrays = images()
    arrays["samples/images"][0] += 9
    info = sample_sheets("digits", {"gan 2": arrays})
    assert [panel.label for panel in info.panels] == ["real", "gan 2"]
    assert "7 images each" in sheet_words(info)
    ends = [f(arrays["samples/real"]) for f in (np.min, np.max)]
    for panel, key in zip(info.panels, ("samples/real", "samples/images"), strict=True):
        assert panel.images.shape == (3, 3, 1, 4, 4)
        np.testing.assert_array_equal(panel.images.reshape(9, 1, 4, 4)[:7], arrays[key])
        assert np.isnan(panel.images[2, 1:]).all()  # nobody's places
        assert panel.scale.tolist() == [ends] * 3
    assert (info.panels[1].mosaic[:4, :4] == 1).all()
    assert len(draw_sheets(info).axes) == 2


def test_looks_are_rows_and_tell_their_steps() -> None:
    arrays = images()
    info = along_sheets("digits", {"gan 2": arrays})
    assert info is not None
    (panel,) = info.panels
    assert panel.rows == ("16", "32")
    np.testing.assert_array_equal(panel.images, arrays["samples/along"])
    assert "gan 2: after 16, 32 steps" in sheet_words(info)


def test_looks_at_points_or_of_another_number_than_steps_are_not_drawn() -> None:
    for wrong in (images()["samples/along"][:1], np.zeros((2, 7, 2))):
        assert along_sheets("digits", {"gan 2": images() | {"samples/along": wrong}}) is None


def test_points_are_drawn_where_the_real_ones_are() -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "samples/real_points": rng.random((30, 3)),
        "samples/points": 50 * rng.random((30, 3)),
    }
    info = point_clouds("a law", {"gaussian_generator 1": arrays})
    figure = draw_point_clouds(info)
    assert [axes.get_title() for axes in figure.axes] == ["real", "gaussian_generator 1"]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    offsets = figure.axes[1].collections[0].get_offsets()
    np.testing.assert_allclose(offsets, arrays["samples/points"][:, :2])
    assert point_words(info) == "a law. Panels of 30 points: real; gaussian_generator 1."
    line = {key: array[:, :1] for key, array in arrays.items()}
    assert draw_point_clouds(point_clouds("a law", {"a": line})).axes

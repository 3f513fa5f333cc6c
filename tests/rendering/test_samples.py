"""Generated images on the page: each pixel where it belongs, and real ones beside."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from study.rendering.samples import (
    draw_samples,
    mosaic,
    sample_grids,
    sample_points,
    sample_words,
    samples_along,
)

Arrays = dict[str, Any]


@dataclass(frozen=True)
class One:
    label: str
    arrays: Arrays


def test_a_mosaic_has_every_image_in_its_place() -> None:
    images = np.arange(5 * 2 * 3, dtype=float).reshape(5, 1, 2, 3)
    picture = mosaic(images, 2, np.array([0.0, 29.0]))
    assert picture.shape == (3 * 3, 2 * 4)  # three rows of two, a white line after each
    for place in range(5):
        row, column = 3 * (place // 2), 4 * (place % 2)
        np.testing.assert_allclose(
            picture[row : row + 2, column : column + 3], images[place, 0] / 29
        )
    assert (picture[2::3] == 1).all()
    assert (picture[:, 3::4] == 1).all()
    assert (picture[6:, 4:] == 1).all()  # nobody's place


def test_grey_levels_end_where_those_of_real_images_do() -> None:
    picture = mosaic(np.array([-1.0, 0.5, 9.0]).reshape(3, 1, 1, 1), 3, np.array([0.0, 2.0]))
    assert picture[0, ::2].tolist() == [0.0, 0.25, 1.0]
    flat = mosaic(np.zeros((1, 1, 2, 2)), 1, np.zeros(4))
    assert np.isfinite(flat).all()


def test_three_channels_are_colours_and_two_are_grey() -> None:
    images = np.random.default_rng(0).random((4, 3, 2, 2))
    picture = mosaic(images, 2, np.array([0.0, 1.0]))
    np.testing.assert_allclose(picture[0, 0], images[0, :, 0, 0])
    grey = mosaic(images[:, :2], 2, np.array([0.0, 1.0]))
    np.testing.assert_allclose(grey[0, 0], images[0, :2, 0, 0].mean())


def test_real_images_come_first_and_looks_are_told() -> None:
    rng = np.random.default_rng(0)
    arrays = {"samples/real": rng.random((9, 1, 4, 4)), "samples/images": rng.random((9, 1, 4, 4))}
    along = rng.random((2, 3, 1, 4, 4))
    arrays |= {"samples/along": along, "samples/along_steps": np.array([16, 32])}
    shown = [One("gan 2", arrays)]
    info = sample_grids("digits", shown)
    assert list(info.panels) == ["real", "gan 2"]
    assert sample_words(info) == "digits. Panels of 9 images: real; gan 2."
    drawn = [axes.images[0].get_array() for axes in draw_samples(info).axes]
    np.testing.assert_allclose(drawn[1], info.panels["gan 2"])
    looks = samples_along("digits", shown)
    assert looks is not None
    (label,) = looks.panels
    assert label == "gan 2: after 16, 32 steps"
    assert looks.panels[label].shape == (2 * 5, 3 * 5)
    # Looks at points, or of another number than steps, are not drawn.
    for wrong in (along[:1], np.zeros((2, 7, 2))):
        assert samples_along("digits", [One("gan 2", arrays | {"samples/along": wrong})]) is None


def test_points_are_drawn_where_the_real_ones_are() -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "samples/real_points": rng.random((30, 3)),
        "samples/points": 50 * rng.random((30, 3)),
    }
    figure = draw_samples(sample_points("a law", [One("gaussian_generator 1", arrays)]))
    assert [axes.get_title() for axes in figure.axes] == ["real", "gaussian_generator 1"]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    offsets = figure.axes[1].collections[0].get_offsets()
    np.testing.assert_allclose(offsets, arrays["samples/points"][:, :2])
    line = {key: array[:, :1] for key, array in arrays.items()}
    assert draw_samples(sample_points("a law", [One("a", line)])).axes

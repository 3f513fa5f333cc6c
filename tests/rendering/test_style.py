"""Colours that stand out and are told apart, and symbols with subscripts, in every picture."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from study.rendering import page
from study.rendering.style import (
    DARK_COLOURS,
    ERROR_COLOURS,
    ink_on,
    new_figure,
    styled,
    write_figure,
)

# Machado, Oliveira and Fernandes (2009), of linear RGB, severity 1.
SIGHTS = {
    "all cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    shown = np.array(to_rgb(colour))
    return np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Of WCAG 2."""
    low, high = sorted(float(XYZ[1] @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, sight: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    seen = np.clip(np.array(SIGHTS[sight]) @ linear(colour), 0, 1)
    x, y, z = np.cbrt(XYZ @ seen / XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("colours", [ERROR_COLOURS, DARK_COLOURS], ids=["light", "dark"])
def test_errors_are_told_apart_by_everyone(colours: dict[str, str], sight: str) -> None:
    for one, other in combinations(colours.values(), 2):
        assert np.linalg.norm(lab(one, sight) - lab(other, sight)) > 20


def test_errors_stand_out_from_dark_paper() -> None:
    css = (Path(page.__file__).parent / "templates/style.css").read_text(encoding="utf-8")
    _, dark = re.findall(r"--paper: (#\w+)", css)
    assert all(contrast(colour, dark) > 3 for colour in DARK_COLOURS.values())
    assert contrast(ERROR_COLOURS["approximation"], dark) < 3, "why there are others"
    assert contrast(ink_on(is_dark=False), dark) < 1.2, "black enough for a pale ground"


def test_symbols_have_subscripts_and_a_dollar_is_a_dollar(tmp_path: Path) -> None:
    figure = new_figure(4.0, 3.0)
    axes = figure.subplots()
    words = ["U_A", "R_n(∞) of $\\q{$", "a\\$ R_n(T)\nof U_H$", "vae_svm", "a $x^{ law"]
    texts = [axes.text(0.1, 0.2 * place, text) for place, text in enumerate(words)]
    with styled(figure):
        drawn = [text.get_text() for text in texts]
        assert drawn[0] == r"$\mathregular{U_A}$"
        assert drawn[3:] == words[3:]
        assert [text.get_parse_math() for text in texts] == [True, True, True, False, False]
    for name in ("a.svg", "a.png"):
        assert write_figure(figure, tmp_path / name).stat().st_size > 1_000
    assert [text.get_text() for text in texts] == words

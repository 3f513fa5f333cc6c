"""Which classes are told apart in words: seldom where there is nothing to tell."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.columns import KNEE_COLUMNS
from study.analysis.frames import to_rows, typed_frame
from study.analysis.per_class import build_per_class
from study.rendering.per_class import class_lines
from tests.analysis.decided import Array
from tests.analysis.test_per_class import LABELS, Held, drawn, written

NO_KNEES = typed_frame([], KNEE_COLUMNS)
NONE_APART = "no class is told apart from the easiest (all pairs corrected)"


def said(per_class: pd.DataFrame) -> str:
    (line,) = class_lines(per_class, NO_KNEES)
    where, _, words = line.partition(": ")
    assert where == "ae 1 k=2 on xor(sigma=0.5) · undistorted, n = 256"
    return words


def alike(rng: np.random.Generator, seeds: int) -> Array:
    """Terms (k, N) of classes of one level; a seed's effects on all of them and on each."""
    shared = 1 + 0.05 * rng.standard_normal((seeds, 1))
    own = 1 + 0.02 * rng.standard_normal((seeds, 3))
    found: Array = 0.02 * shared * own[:, LABELS] * rng.gamma(0.5, 2.0, len(LABELS))
    return found


def test_of_equal_classes_hardly_ever_one_is_said_to_be_harder(tmp_path: Path) -> None:
    """In 5% of 300 studies, and 3 standard errors; the easiest and hardest by mean are in each."""
    joined = written(tmp_path, alike(np.random.default_rng(0), 5)).joined()
    named, num = 0, 300
    for number in range(num):
        held: Any = Held(alike(np.random.default_rng([7, number]), 5))
        named += said(build_per_class(replace(joined, decisions=held), {})) != NONE_APART
    assert named <= num * (0.05 + 3 * (0.05 * 0.95 / num) ** 0.5)


def test_the_difference_alone_has_an_interval(tmp_path: Path) -> None:
    terms = drawn(np.random.default_rng(1))
    per_class = build_per_class(written(tmp_path, terms).joined(), {})
    hard = {row["class_name"]: row for row in to_rows(per_class)}["T-shirt/top"]
    means = [terms[:, label == LABELS].mean() for label in (1, 0)]
    decibels = [-10 * np.log10(mean) for mean in means]
    words = said(per_class)
    assert words.startswith("easiest Trouser, 0.0")
    assert f"({decibels[0]:.1f} dB); hardest told from it T-shirt/top, 0.0" in words
    assert f"({decibels[1]:.1f} dB), 0.0" in words
    assert words.count("[") == 1
    lo, hi = words.partition("[")[2].partition("] more (all pairs corrected)")[0].split(", ")
    assert float(lo) > 0
    assert [float(lo), float(hi)] == [
        round(hard[f"above_easiest_{end}"], len(lo.partition(".")[2])) for end in ("lo", "hi")
    ]


def test_a_harder_class_that_is_told_is_named_in_place_of_one_that_is_not(tmp_path: Path) -> None:
    per_class = build_per_class(written(tmp_path, drawn(np.random.default_rng(1))).joined(), {})
    per_class.loc[per_class["class_name"] == "T-shirt/top", "above_easiest_lo"] = -0.001
    assert "; hardest told from it Bag, 0.0" in said(per_class)
    per_class["above_easiest_lo"] = None
    assert said(per_class) == NONE_APART

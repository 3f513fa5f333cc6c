"""Corrupted training images, and what they were, as they are kept to be looked at."""

from typing import Any

import numpy as np
import pytest
import torch

from classcomp.corruption import CORRUPTIONS
from classcomp.exhibits.corrupted import MOST_CORRUPTED, corrupted_arrays
from tests.corrupting import LAWS, draws_of


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("name", LAWS)
def test_they_are_images_that_training_sees(name: str, kind: str) -> None:
    clean, seen = (draws_of(name, kind, share).training(60).inputs for share in (0.0, 0.5))
    found = corrupted_arrays(draws_of(name, kind, 0.5), 60)
    was, shown = found["corrupted/clean"], found["corrupted/shown"]
    assert was.shape == shown.shape == (MOST_CORRUPTED, *seen.shape[1:])
    places = [_place(image, clean) for image in was]
    assert places == sorted(set(places))
    for place, before, image in zip(places, was, shown, strict=True):
        np.testing.assert_array_equal(image, seen[place].numpy())
        assert (image != before).any()


def _place(image: Any, among: torch.Tensor) -> int:
    (place,) = np.flatnonzero((among.numpy() == image).all(axis=(1, 2, 3)))
    return int(place)


def test_where_nothing_is_corrupted_nothing_is_kept() -> None:
    assert corrupted_arrays(draws_of("digits"), 60) == {}
    assert corrupted_arrays(draws_of("digits", "outliers", 1e-9), 5) == {}

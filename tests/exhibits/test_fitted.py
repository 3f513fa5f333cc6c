"""Images of a fitted law beside those of the set that it was fitted to."""

from typing import Any

import numpy as np
import pytest

from classcomp.exhibits import fitted
from classcomp.exhibits.fitted import PER_CLASS, fitted_arrays
from classcomp.populations import make
from tests.populations.fitted import COATS, DIGITS
from tests.populations.fitted import fitted as law_of


def test_rows_are_the_law_s_and_the_set_s_class_by_class() -> None:
    """Every real image is one of the set's of its class; drawn ones are likelier of theirs."""
    law = law_of(**DIGITS)
    found = fitted_arrays(law, seed=3)
    assert {key: held.shape for key, held in found.items()} == dict.fromkeys(
        ("fitted/drawn", "fitted/real"), (3, PER_CLASS, 1, 8, 8)
    )
    real = make("digits", classes=DIGITS["classes"])
    held = real.sample(real.num_available("test"), np.random.default_rng(0))
    posteriors = [law.posterior(images) for images in found["fitted/drawn"]]
    for k in range(3):
        gaps = np.abs(found["fitted/real"][k][:, None] - held.x[None, held.labels == k])
        assert gaps.max(axis=(2, 3, 4)).min(axis=1).max() == 0
        assert posteriors[k][:, k].mean() > 0.8
    again = fitted_arrays(law, seed=3)
    np.testing.assert_array_equal(found["fitted/drawn"], again["fitted/drawn"])


def test_without_the_set_there_are_drawn_images_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is looked for where it would have to be downloaded."""

    def refuse(*given: Any, **named: Any) -> None:
        raise AssertionError("the set was asked for")

    monkeypatch.setattr(fitted, "is_on_machine", lambda dataset: False)
    monkeypatch.setattr(fitted, "make", refuse)
    found = fitted_arrays(law_of(**COATS, dims=5), seed=0)
    assert {key: held.shape for key, held in found.items()} == {
        "fitted/drawn": (2, PER_CLASS, 1, 28, 28)
    }


def test_a_rare_class_makes_rows_shorter_and_others_have_none() -> None:
    rare = law_of("imbalance", 0.01, **DIGITS)
    found = fitted_arrays(rare, seed=0)["fitted/drawn"]
    assert 0 < found.shape[1] <= PER_CLASS
    most = fitted_arrays(law_of("imbalance", 1e-6, **DIGITS), seed=0)
    assert most == {}  # of one class there is nothing to be seen
    assert fitted_arrays(make("digits"), seed=0) == {}
    assert fitted_arrays(make("xor"), seed=0) == {}

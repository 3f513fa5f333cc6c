"""Reconstruction errors by hand."""

import math

import numpy as np
import pytest
import torch

from classcomp.draws import Examples
from classcomp.models.base import Model
from classcomp.populations import make
from classcomp.scores import score_columns
from classcomp.scores.reconstruction import psnr_db
from classcomp.tasks import Evaluation
from classcomp.tasks.base import squared_errors


def test_squared_errors_are_means_over_coordinates():
    inputs = torch.zeros(2, 1, 2, 2)
    reconstructed = torch.tensor([[[[1.0, 0.0], [0.0, 3.0]]], [[[0.5, 0.5], [0.5, 0.5]]]])
    assert squared_errors(inputs, reconstructed).tolist() == [2.5, 0.25]
    assert squared_errors(torch.zeros(1, 2), torch.tensor([[1.0, 2.0]])).tolist() == [2.5]


def test_psnr():
    assert psnr_db(0.01) == pytest.approx(20)
    assert psnr_db(1.0, peak=255) == pytest.approx(20 * math.log10(255))


class Dark(Model):
    """Gives back nothing."""

    def reconstruct(self, inputs):
        return torch.zeros_like(inputs)


def floats(tmp_path, largest):
    """A user's own images of floats between 0 and `largest`."""
    x = np.random.default_rng(0).random((40, 1, 4, 4))
    x[0, 0, 0, 0] = 1.0
    np.savez(tmp_path / "mine.npz", x=largest * x, y=np.arange(40) % 2)
    return make("arrays", path=tmp_path / "mine.npz")


BUMP = {"name": "two_gaussians", "delta": 4.0}
PIXELS = {"name": "gaussian_images", "mu0": 0.4, "mu1": 0.6, "sigma0": 1.0, "sigma1": 1.0}
LAWS = {
    "bump": (lambda _: make(**BUMP), True),
    "noisy bump": (lambda _: make(**BUMP).with_feature_noise(2.0), True),
    "digits": (lambda _: make("digits"), True),
    "blended digits": (lambda _: make("digits").with_overlap(0.5), True),
    "noisy digits": (lambda _: make("digits").with_feature_noise(0.1), False),
    "floats in [0, 1]": (lambda folder: floats(folder, 1.0), True),
    "other floats": (lambda folder: floats(folder, 2.0), False),
    "plane": (lambda _: make(**BUMP, rendering="plane"), False),
    "pixels": (lambda _: make(**PIXELS, size=8), False),
    "taught pixels": (lambda _: make("teacher", family="vgg", size=4), False),
}


@pytest.mark.parametrize("name", LAWS)
def test_psnr_is_of_pictures_that_have_a_peak(name, tmp_path):
    """Whether they have one is read off a sample: pixels in [0, 1], or not."""
    law = LAWS[name][0](tmp_path)
    sample = law.sample(min(law.num_available("test") or 500, 500), np.random.default_rng(1))
    images = torch.from_numpy(law.images(sample.x))
    has_peak = LAWS[name][1]
    assert bool(((images >= 0) & (images <= 1)).all()) == has_peak
    examples = Examples(inputs=images, labels=torch.from_numpy(sample.labels))
    found = score_columns(Evaluation(model=Dark(), examples=examples, population=law))
    mse = float(images.double().square().mean())
    assert found["reconstruction_mse"] == pytest.approx(mse, rel=1e-5)
    assert found.get("psnr_db") == (pytest.approx(-10 * math.log10(mse)) if has_peak else None)


def test_a_teacher_s_pictures_are_those_of_the_law_it_was_trained_on():
    """Its inputs; to draw labels it would have to be trained."""
    for rendering, has_peak in (("bump", True), ("plane", False)):
        law = {**BUMP, "rendering": rendering}
        assert make("teacher", family="linear", trained_on=law).has_unit_pixels == has_peak


def test_points_have_no_psnr():
    law = make("two_gaussians", delta=4.0)
    points = torch.rand(20, 2)
    examples = Examples(inputs=points, labels=torch.zeros(20, dtype=torch.int64))
    assert "psnr_db" not in score_columns(
        Evaluation(model=Dark(), examples=examples, population=law)
    )

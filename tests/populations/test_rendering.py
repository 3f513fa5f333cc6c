"""Pictures of points: injective, framed as stated, patterns orthonormal."""

import numpy as np
import pytest
from scipy.special import ndtr

from classcomp.populations import make
from classcomp.populations.rendering import FRAME_MISS, SPOTS_PER_SIDE, plane_patterns


def recovered_from_bump(images, frame):
    """The point from log ratios of neighbouring pixels around the brightest one."""
    size = images.shape[-1]
    found = []
    for axis, (low, high) in enumerate(frame):
        profile = images[:, 0].astype(np.float64).max(axis=1 if axis == 0 else 2)
        i = np.clip(profile.argmax(axis=1), 1, size - 1)
        rows = np.arange(len(images))
        slope = np.log(profile[rows, i] / profile[rows, i - 1])  # linear in the position
        step = SPOTS_PER_SIDE / size
        position = (slope / step**2 + i) / size
        found.append(low + position * (high - low))
    return np.stack(found, axis=1)


@pytest.mark.parametrize("size", [8, 17, 64])
@pytest.mark.parametrize("name", ["xor", "concentric", "checkerboard"])
def test_points_can_be_read_off_bumps(name, size):
    population = make(name, size=size, channels=2)
    x = population.sample(500, np.random.default_rng(0)).x
    images = population.images(x)
    assert images.shape == (500, 2, size, size)
    assert (images[:, 0] == images[:, 1]).all()
    np.testing.assert_allclose(recovered_from_bump(images, population.frame), x, atol=2e-4)


def test_points_outside_of_the_frame_are_still_told_apart():
    population = make("xor")
    (low, high), _ = population.frame
    x = np.array([[high + d * (high - low), 0.3] for d in (0.1, 0.2, 0.4)])
    found = recovered_from_bump(population.images(x), population.frame)
    np.testing.assert_allclose(found, x, atol=2e-4)


@pytest.mark.parametrize(("dim", "channels"), [(2, 1), (3, 1), (10, 3)])
def test_planes_are_an_isometry(dim, channels):
    population = make("two_gaussians", delta=2.0, dim=dim, rendering="plane", channels=channels)
    x = population.sample(200, np.random.default_rng(0)).x
    flat = population.images(x).reshape(200, -1).astype(np.float64)
    patterns = plane_patterns(dim, 8, channels).reshape(dim, -1)
    np.testing.assert_allclose(patterns @ patterns.T, np.eye(dim), atol=1e-12)
    np.testing.assert_allclose(flat @ patterns.T, x, atol=1e-5)
    np.testing.assert_allclose(patterns.sum(axis=1), 0, atol=1e-10)


def test_defaults():
    assert make("xor").rendering == "bump"
    assert make("two_gaussians", delta=1.0, dim=3).rendering == "plane"
    none = make("xor", rendering="none")
    assert none.image_shape is None
    with pytest.raises(ValueError, match="makes no images"):
        none.images(np.zeros((1, 2)))


@pytest.mark.parametrize("tau", [0.0, 2.0])
def test_the_frame_holds_all_but_a_millionth(tau):
    """By each tail's normal probability; and it is not wider than it need be."""
    population = make("xor", sigma=0.5).with_feature_noise(tau)
    sd = np.sqrt(0.25 + tau**2)
    tails = []
    for low, high in population.frame:
        tails += [np.mean([ndtr((low - m) / sd) for m in (-1, 1)])]
        tails += [np.mean([ndtr((m - high) / sd) for m in (-1, 1)])]
    assert sum(tails) == pytest.approx(FRAME_MISS, rel=1e-6)


def test_the_picture_is_the_same_at_any_size():
    """A quarter of the resolution shows the same spot (up to pixel centres)."""
    x = make("xor").sample(20, np.random.default_rng(0)).x
    coarse, fine = make("xor", size=16).images(x), make("xor", size=64).images(x)
    blocks = fine.reshape(20, 1, 16, 4, 16, 4).mean(axis=(3, 5))
    np.testing.assert_allclose(blocks, coarse, atol=0.03)

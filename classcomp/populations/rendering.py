"""Injective pictures of points, so that convolutional families can take laws with a known risk.

An injective rendering carries the law of x over without loss: posterior and Bayes risk of the
pictures are those of the points.
"""

from functools import lru_cache

import numpy as np
import scipy  # its parts are loaded as they are used
from jaxtyping import Float, Float32, Float64

from classcomp.populations.base import check_integer
from classcomp.populations.mixture_law import MixtureLaw

RENDERINGS = ("bump", "plane", "none")
FRAME_MISS = 1e-6  # probability that a point lies outside of the frame, at most
SPOTS_PER_SIDE = 8  # the spot's standard deviation is the frame's side over this


def check_rendering(rendering: str | None, dim: int, size: int, channels: int) -> str:
    """Return the rendering for points of dimension `dim`; None chooses bump for 2, else plane.

    Raises:
        ValueError: the rendering, the size or the number of channels is not possible.
    """
    if rendering is None:
        rendering = "bump" if dim == 2 else "plane"
    if rendering not in RENDERINGS:
        raise ValueError(f"rendering = {rendering!r}: must be one of {', '.join(RENDERINGS)}")
    check_integer("size", size, low=8, high=64)
    check_integer("channels", channels, low=1, high=64)
    if rendering == "bump" and dim != 2:
        raise ValueError(f"rendering = 'bump': needs points of dimension 2, not {dim}")
    if rendering == "plane" and dim >= channels * size**2:
        raise ValueError(
            f"rendering = 'plane': points of dimension {dim} need more than {channels} x {size} "
            f"x {size} pixels; raise size or channels, or choose 'none'"
        )
    return rendering


@lru_cache(maxsize=1024)
def frame(law: MixtureLaw) -> tuple[tuple[float, float], ...]:
    """Per coordinate (low, high) of a box that holds all but FRAME_MISS of the law's mass.

    Every one of the 2d tails is given the same share of FRAME_MISS (a union bound).
    """
    tail = FRAME_MISS / (2 * law.dim)
    means, covs = np.array(law.means), law.covariance_matrices()
    weights = np.array(law.weights)
    sides = []
    for j in range(law.dim):
        mean, sd = means[:, j], np.sqrt(covs[:, j, j])

        def below(t: float, mean: np.ndarray = mean, sd: np.ndarray = sd) -> float:
            return float(weights @ scipy.special.ndtr((t - mean) / sd)) - tail

        def above(t: float, mean: np.ndarray = mean, sd: np.ndarray = sd) -> float:
            return float(weights @ scipy.special.ndtr((mean - t) / sd)) - tail

        start, end = (mean - 40 * sd).min(), (mean + 40 * sd).max()
        left, right = (float(scipy.optimize.brentq(f, start, end)) for f in (below, above))
        sides.append((left, right))
    return tuple(sides)


def bump_images(
    x: Float[np.ndarray, "n 2"], box: tuple[tuple[float, float], ...], size: int, channels: int
) -> Float32[np.ndarray, "n channels size size"]:
    """A Gaussian spot of height 1 at each point.

    The picture is the box; coordinate 0 runs to the right, 1 downwards. The spot's width is an
    eighth of the picture at any size, so `size` is resolution only. Separable: an outer product
    of two profiles. Every channel is the same.
    """
    profiles = [_profile(x[:, j], *box[j], size) for j in (0, 1)]
    spot = profiles[1][:, :, None] * profiles[0][:, None, :]
    return np.repeat(spot[:, None], channels, axis=1)


def _profile(coordinate: np.ndarray, low: float, high: float, size: int) -> np.ndarray:
    centres = (np.arange(size) + 0.5) / size
    position = (coordinate - low) / (high - low)
    offset = (centres - position[:, None]) * SPOTS_PER_SIDE
    profile: np.ndarray = np.exp(-0.5 * offset**2).astype(np.float32)
    return profile


def mean_bumps(
    mean: Float64[np.ndarray, "n 2"],
    covariance: Float64[np.ndarray, "2 2"],
    box: tuple[tuple[float, float], ...],
    size: int,
    *,
    power: int = 1,
) -> Float64[np.ndarray, "n size size"]:
    """E of `bump_images` of x ~ N(mean, covariance), one channel, pixel by pixel to a power.

    A spot is exp(-(a - x)' W^-1 (a - x) / 2) at the pixel around a, so that it is
    |I + W^-1 S|^-1/2 exp(-(a - m)' (W + S)^-1 (a - m) / 2), with W / power in W's place.
    """
    low, high = np.array(box).T
    wide = np.diag(((high - low) / SPOTS_PER_SIDE) ** 2 / power)
    precision = np.linalg.inv(wide + covariance)
    height = np.sqrt(np.linalg.det(wide @ precision))
    centres = low[:, None] + (high - low)[:, None] * (np.arange(size) + 0.5) / size
    across = (centres[0] - mean[:, :1])[:, None, :]
    down = (centres[1] - mean[:, 1:])[:, :, None]
    square = precision[0, 0] * across**2 + precision[1, 1] * down**2
    found: np.ndarray = height * np.exp(-0.5 * (square + 2 * precision[0, 1] * across * down))
    return found


def plane_images(
    x: Float[np.ndarray, "n d"], size: int, channels: int
) -> Float32[np.ndarray, "n channels size size"]:
    """x_1 A_1 + x_2 A_2 + ..., A_j the orthonormal `plane_patterns`; an isometry."""
    patterns = plane_patterns(x.shape[1], size, channels)
    flat: np.ndarray = x @ patterns.reshape(len(patterns), -1)
    return flat.astype(np.float32).reshape(len(x), channels, size, size)


@lru_cache(maxsize=64)
def plane_patterns(
    num: int, size: int, channels: int
) -> Float64[np.ndarray, "num channels size size"]:
    """Orthonormal cosine patterns, slowest first, none constant.

    A constant pattern would not survive a network that normalises its input.
    """

    def waves(length: int) -> np.ndarray:
        k, i = np.arange(length)[:, None], np.arange(length)[None]
        wave: np.ndarray = np.cos(np.pi * k * (i + 0.5) / length)
        wave /= np.linalg.norm(wave, axis=1, keepdims=True)
        return wave

    frequencies = np.indices((channels, size, size)).reshape(3, -1)
    order = np.lexsort((frequencies[2], frequencies[0], frequencies.sum(axis=0)))[1 : num + 1]
    c, i, j = frequencies[:, order]
    along = waves(size)
    patterns: np.ndarray = np.einsum("nc,ni,nj->ncij", waves(channels)[c], along[i], along[j])
    patterns.flags.writeable = False
    return patterns

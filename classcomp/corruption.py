"""Training images of which a share is corrupted: an accident of the sample, as label noise is.

The law stays what it was: rules are scored on clean images of it, and R*, the best rule and every
error keep their meaning. Which images are corrupted, and into what, is drawn once: a corrupted
picture in a training set stays as it is. One generator corrupts nested sets: what is corrupted at a
smaller share is so, in the same way, at a larger one.

| kind              | what an image becomes                                                       |
| ----------------- | --------------------------------------------------------------------------- |
| `outliers`        | another image, of another set; the label stays, of which it says nothing    |
| `pixel_noise`     | itself and N(0, s^2) at every pixel and channel, s half the pixels' range   |
| `salt_and_pepper` | itself, but a pixel is black with probability .1, and white with .1         |
| `occlusion`       | itself behind a grey square, half as wide as it is, anywhere in the picture |

Outliers are scikit-learn's digits, 8 x 8, resampled to the size of the image; where the images are
digits themselves they are Gaussian spots. Nothing is clipped to the range of the pixels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import scipy  # its parts are loaded as they are used
from jaxtyping import Float, Float32, Float64

from classcomp.populations.base import Population
from classcomp.populations.damage import noised, to_floats
from classcomp.populations.image_mixtures import FittedImages
from classcomp.populations.named import NamedSource
from classcomp.populations.real import RealData

NOISE = 0.5
"""Standard deviation of `pixel_noise`, as a share of the range from black to white."""
SPECKLED = 0.2
"""Share of the pixels that `salt_and_pepper` makes black or white, half of them each."""
COVERED = 0.5
"""Side of the square of `occlusion`, as a share of the image's shorter one."""
SPOT_RADII = (1 / 12, 1 / 4)
"""Between which the standard deviation of a spot lies, as a share of the image's side."""
SETS_OF_DIGITS = ("digits", "mnist")

Images = Float[np.ndarray, "n channels height width"]
Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Corruption:
    """What happens to images.

    Attributes:
        kind: a key of `CORRUPTIONS`.
        share: of the images, in [0, 1].
    """

    kind: str
    share: float

    def __call__(self, x: Images, population: Population, rng: np.random.Generator) -> Images:
        """Images of a population, a share of them corrupted and the others as they are.

        Of n images share * n are corrupted, and where that is no whole number one of the two next
        to it, so that it is the share on average.
        """
        num = int(self.share * len(x) + rng.random())
        chosen = rng.permutation(len(x))[:num]
        corrupted = x.copy()
        corrupted[chosen] = CORRUPTIONS[self.kind](x[chosen], population, rng)
        return corrupted


def corruption_of(distortion: str, severity: float) -> Corruption | None:
    """What a distortion does to training images; None where it leaves them as the law has them."""
    if distortion not in CORRUPTIONS or severity == 0:
        return None
    return Corruption(kind=distortion, share=severity)


def check_pixels(kind: str, population: Population) -> None:
    """Raise ValueError, in one line, unless a population's examples are images."""
    if not population.has_pixels:
        raise ValueError(
            f"{kind}: {population.label} has points, rendered or not; allowed with images: "
            "gaussian_images, fitted_images, real images, and teachers of images"
        )


def pixel_noise(x: Images, population: Population, rng: np.random.Generator) -> Images:
    """Gaussian noise on all pixels."""
    black, white = population.pixel_range
    return noised(x, NOISE * (white - black), rng)


def salt_and_pepper(x: Images, population: Population, rng: np.random.Generator) -> Images:
    """Some pixels black and some white, in all channels at once."""
    black, white = population.pixel_range
    uniform = rng.random((len(x), 1, *x.shape[2:]))
    whitened = np.where(uniform >= 1 - SPECKLED / 2, white, x)
    return np.where(uniform < SPECKLED / 2, black, whitened).astype(x.dtype)


def occlusion(x: Images, population: Population, rng: np.random.Generator) -> Images:
    """A grey square over a part of every image: it is seen on black and on white."""
    sides = x.shape[2:]
    covered = round(COVERED * min(sides))
    uniform = rng.random((len(x), 2))
    rows, columns = (
        _within(side, covered, place) for side, place in zip(sides, uniform.T, strict=True)
    )
    is_covered = rows[:, None, :, None] & columns[:, None, None, :]
    return np.where(is_covered, sum(population.pixel_range) / 2, x).astype(x.dtype)


def outliers(x: Images, population: Population, rng: np.random.Generator) -> Images:
    """Images of another set in the place of these, equal in all channels."""
    black, white = population.pixel_range
    height, width = x.shape[2:]
    uniform = rng.random((len(x), 3))
    if _shows_digits(population):
        shown = _spots(uniform, height, width)
    else:
        pool = _digits(height, width)
        shown = pool[(uniform[:, 0] * len(pool)).astype(np.int64)]
    scaled = black + (white - black) * shown[:, None]
    return np.broadcast_to(scaled, x.shape).astype(x.dtype)


CORRUPTIONS: Mapping[str, Callable[[Images, Population, np.random.Generator], Images]] = (
    MappingProxyType(
        {
            "outliers": outliers,
            "pixel_noise": pixel_noise,
            "salt_and_pepper": salt_and_pepper,
            "occlusion": occlusion,
        }
    )
)
"""Each takes one array of draws, image by image, so that more images leave the first ones alone."""


def keeps_image(kind: str) -> bool:
    """Whether a corrupted image still is one of what it was."""
    return kind != "outliers"


def _within(side: int, covered: int, place: Float64[np.ndarray, " n"]) -> np.ndarray:
    """`(n, side)` whether a pixel is of the `covered` ones from a place in [0, 1) on."""
    first = (place * (side - covered + 1)).astype(np.int64)[:, None]
    pixels = np.arange(side)
    return (pixels >= first) & (pixels < first + covered)


def _shows_digits(population: Population) -> bool:
    if isinstance(population, FittedImages):
        return population.fit.wanted.dataset in SETS_OF_DIGITS
    return isinstance(population, RealData) and population.source.name in SETS_OF_DIGITS


def _spots(
    uniform: Float64[np.ndarray, "n 3"], height: int, width: int
) -> Float64[np.ndarray, "n height width"]:
    """One Gaussian spot an image, 1 at its centre, which is anywhere in the picture."""
    least, most = SPOT_RADII
    radius = (least + (most - least) * uniform[:, 2]) * min(height, width)
    rows = np.arange(height) + 0.5 - height * uniform[:, :1]
    columns = np.arange(width) + 0.5 - width * uniform[:, 1:2]
    square = rows[:, :, None] ** 2 + columns[:, None, :] ** 2
    spots: np.ndarray = np.exp(-square / (2 * radius[:, None, None] ** 2))
    return spots


@lru_cache(maxsize=4)
def _digits(height: int, width: int) -> Float32[np.ndarray, "1797 height width"]:
    """scikit-learn's digits, from 0 to 1, resampled (bilinear)."""
    source = NamedSource(name="digits")
    arrays = source.arrays()
    raw = np.concatenate([arrays.train_images, arrays.test_images])[:, 0]
    images = to_floats(raw, source.white)
    zoom = (1, height / images.shape[1], width / images.shape[2])
    resampled: np.ndarray = scipy.ndimage.zoom(
        images, zoom, order=1, mode="nearest", grid_mode=True
    )
    resampled.flags.writeable = False
    return resampled

"""What happens to the pixels of real examples, drawn anew whenever they are looked at."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int64, Real


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PixelDamage:
    """A `Damage` (see base.py) of n examples: x becomes T((1 - s/2) x + (s/2) x') + noise.

    x' is another example of the sample itself, whatever the pool was that it came from: n examples
    seen again and again never show more than n. Examples of a sample that holds one class only
    are their own partners, which leaves them as they are.

    Attributes:
        raw: as the data hold them: uint8, or floats that are taken as they are.
        white: the value of a uint8 pixel that becomes 1.0.
        labels: clean.
        blend: overlap s.
        noise: standard deviation of what is added to every pixel or coordinate.
        shift: pixels that an image is moved by at most (T), down or up and right or left.
    """

    raw: Real[np.ndarray, " n *shape"]
    white: int
    labels: Int64[np.ndarray, " n"]
    blend: float
    noise: float
    shift: int = 0

    def __call__(
        self, chosen: Int64[np.ndarray, " b"], rng: np.random.Generator
    ) -> Float[np.ndarray, " b *shape"]:
        x = to_floats(self.raw[chosen], self.white)
        if self.blend > 0:
            partners = self._partners(chosen, rng.random(len(chosen)))
            other = to_floats(self.raw[partners], self.white)
            x = (1 - self.blend / 2) * x + self.blend / 2 * other
        if self.shift > 0:
            x = moved(x, shifts_drawn(len(x), self.shift, rng))
        if self.noise > 0:
            x = noised(x, self.noise, rng)
        return x

    def of(self, kept: Int64[np.ndarray, " kept"]) -> "PixelDamage":
        """Return that of the examples `kept` alone, in their order."""
        return replace(self, raw=self.raw[kept], labels=self.labels[kept])

    def _partners(
        self, chosen: Int64[np.ndarray, " b"], uniform: Float[np.ndarray, " b"]
    ) -> Int64[np.ndarray, " b"]:
        """For each of `chosen` an example of another class; itself where there is none."""
        partners = chosen.copy()
        for k in np.unique(self.labels[chosen]):
            mine = self.labels[chosen] == k
            others = np.flatnonzero(self.labels != k)
            if len(others) > 0:
                partners[mine] = others[(uniform[mine] * len(others)).astype(np.int64)]
        return partners


def to_floats(x: Real[np.ndarray, " n *shape"], white: int) -> Float[np.ndarray, " n *shape"]:
    """Pixels of uint8 in [0, 1], float32; floats as they are."""
    return x.astype(np.float32) / np.float32(white) if x.dtype == np.uint8 else x


def noised(
    x: Float[np.ndarray, " n *shape"], tau: float, rng: np.random.Generator
) -> Float[np.ndarray, " n *shape"]:
    """x + tau N(0, I), in the precision of x."""
    noisy: np.ndarray = x + x.dtype.type(tau) * rng.standard_normal(x.shape, dtype=x.dtype)
    return noisy


def shifts_drawn(num: int, most: int, rng: np.random.Generator) -> Int64[np.ndarray, "num 2"]:
    """Pixels down and right, uniform on [-most, most]^2."""
    return rng.integers(-most, most + 1, size=(num, 2))


def moved(
    x: Float[np.ndarray, "n c h w"], by: Int64[np.ndarray, "m 2"]
) -> Float[np.ndarray, "n c h w"]:
    """Images moved down and right; what leaves one edge enters at the opposite one.

    Args:
        x: images.
        by: pixels of each image, or of all of them (m = 1).
    """
    height, width = x.shape[2:]
    rows = (np.arange(height) - by[:, :1]) % height
    columns = (np.arange(width) - by[:, 1:]) % width
    number, channel = np.ogrid[: len(x), : x.shape[1]]
    rolled: np.ndarray = x[
        number[:, :, None, None], channel[:, :, None, None], rows[:, None, :, None],
        columns[:, None, None, :],
    ]  # fmt: skip
    return rolled

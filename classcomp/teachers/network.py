"""What fixes a teacher's network, and the inputs it gets; without torch."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64

from classcomp.populations import Population
from classcomp.populations.base import Embeds
from classcomp.populations.mixture_law import MixtureLaw
from classcomp.populations.seen_mixture import SeenMixture
from search_spaces import SPACES


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """What fixes a teacher's network.

    Attributes:
        family: one of `TEACHING_FAMILIES`.
        depth: of the network; its width is the one that students get.
        capacity: of the network; the factor of the depth's budget that it meets.
        seed: of its initial weights and, where it is trained, of its training.
        size: pixels per side of its inputs, N(0, 1) each; None where it is trained.
        trained_on: the law whose posterior it was trained to give, and whose inputs it gets;
            None for a random one.
    """

    family: str
    depth: int
    seed: int
    size: int | None
    trained_on: Population | None
    capacity: float = 1.0

    @property
    def takes_images(self) -> bool:
        """What the network sees: images or vectors."""
        return SPACES[self.family].takes == "images"

    @property
    def num_classes(self) -> int:
        """K."""
        return 2 if self.trained_on is None else self.trained_on.num_classes

    @property
    def vector_shape(self) -> tuple[int, ...]:
        """Shape of an input as a vector."""
        if self.trained_on is not None:
            return self.trained_on.vector_shape
        assert self.size is not None
        return (self.size**2,)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Shape of an input as an image; None where there are none."""
        if self.trained_on is not None:
            return self.trained_on.image_shape
        assert self.size is not None
        return (1, self.size, self.size)

    @property
    def has_unit_pixels(self) -> bool:
        """Whether inputs as images lie in [0, 1] by construction."""
        return self.trained_on is not None and self.trained_on.has_unit_pixels

    @property
    def has_pixels(self) -> bool:
        """Whether inputs are images themselves."""
        return self.trained_on is None or self.trained_on.has_pixels

    @property
    def pixel_range(self) -> tuple[float, float]:
        """Black and white: of N(0, 1) two standard deviations off."""
        return (-2.0, 2.0) if self.trained_on is None else self.trained_on.pixel_range

    def inputs(self, num: int, rng: np.random.Generator) -> Float[np.ndarray, " num *shape"]:
        """Draw inputs in the law's coordinates."""
        if self.trained_on is not None:
            return self.trained_on.sample(num, rng).x
        assert self.image_shape is not None
        return rng.standard_normal((num, *self.image_shape), dtype=np.float32)

    def vectors(self, x: Float[np.ndarray, " n *shape"]) -> Float32[np.ndarray, "n d"]:
        """Inputs as vectors."""
        if self.trained_on is not None:
            return self.trained_on.vectors(x)
        return np.asarray(x, dtype=np.float32).reshape(len(x), -1)

    def images(self, x: Float[np.ndarray, " n *shape"]) -> Float32[np.ndarray, "n c h w"]:
        """Inputs as images."""
        return np.asarray(x, np.float32) if self.trained_on is None else self.trained_on.images(x)

    def seen_mixture(self) -> Embeds | None:
        """The law of inputs where it is a mixture of Gaussians."""
        if self.trained_on is not None:
            return self.trained_on.seen_mixture()
        origin = (0.0,) * self.vector_shape[0]
        law = MixtureLaw(means=(origin,), covariances=(1.0,), weights=(1.0,), labels=(0,))
        return SeenMixture(law=law)

    def log_density(self, x: Float[np.ndarray, " n *shape"]) -> Float64[np.ndarray, " n"] | None:
        """Log density of inputs in nats, None where it is unknown."""
        if self.trained_on is not None:
            return self.trained_on.log_density(x)
        flat = np.asarray(x, dtype=np.float64).reshape(len(x), -1)
        log_density: np.ndarray = -0.5 * (flat**2 + np.log(2 * np.pi)).sum(axis=1)
        return log_density

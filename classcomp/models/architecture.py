"""What fixes an architecture of any family, and the checks of its values."""

import operator
from dataclasses import dataclass

from search_spaces.family import MIN_IMAGE_SIDE

MAX_DEPTH = 8
MAX_LATENT_DIM = 4_096


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchitectureConfig:
    """What fixes an architecture of any family; families add their hyperparameters.

    Attributes:
        depth: number of blocks (image families) or hidden layers, 1 to `MAX_DEPTH`.
        input_shape: `(d,)` for vectors, `(C, H, W)` for images.
        num_classes: K, at least 2.

    Raises:
        ValueError: a value is out of range.
    """

    depth: int
    input_shape: tuple[int, ...]
    num_classes: int

    def __post_init__(self) -> None:
        check_integer("depth", self.depth, 1, MAX_DEPTH)
        check_integer("num_classes", self.num_classes, 2)
        if not isinstance(self.input_shape, tuple) or len(self.input_shape) not in (1, 3):
            raise ValueError(f"input_shape must be (d,) or (C, H, W), got {self.input_shape!r}")
        for side in self.input_shape:
            check_integer("every entry of input_shape", side, 1)
        if len(self.input_shape) == 3 and min(self.input_shape[1:]) < MIN_IMAGE_SIDE:
            raise ValueError(
                f"input_shape: images must be at least {MIN_IMAGE_SIDE} pixels high and wide, "
                f"got {self.input_shape!r}"
            )

    @property
    def counted(self) -> "ArchitectureConfig":
        """The architecture whose parameters a budget counts: this one."""
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageConfig(ArchitectureConfig):
    """An architecture that takes images only.

    Raises:
        ValueError: `input_shape` is not `(C, H, W)`, or another value is out of range.
    """

    def __post_init__(self) -> None:
        # Not super(): a slotted dataclass is a second class, which super() does not know.
        ArchitectureConfig.__post_init__(self)
        if len(self.input_shape) != 3:
            raise ValueError(
                f"input_shape must be (C, H, W) for a family of images, got {self.input_shape!r}"
            )


def check_integer(name: str, value: object, low: int, high: int | None = None) -> None:
    """Raise a ValueError naming `name` unless `value` is an integer of `[low, high]`."""
    allowed = f"at least {low}" if high is None else f"from {low} to {high}"
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # what is none raises
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be an integer {allowed}, got {value!r}")


def check_real(name: str, value: object, low: float, *, above: bool = False) -> None:
    """Raise a ValueError unless `value` is a finite number >= `low` (> `low` with `above`)."""
    allowed = f"above {low:g}" if above else f"at least {low:g}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        reached = low < value if above else low <= value
        if reached and value != float("inf"):
            return
    raise ValueError(f"{name} must be a finite number {allowed}, got {value!r}")


def check_share(name: str, value: float) -> None:
    """Raise a ValueError unless `value` is a number of `[0, 1)`."""
    check_real(name, value, 0.0)
    if value >= 1:
        raise ValueError(f"{name} must be below 1, got {value!r}")


def check_truth(name: str, value: object) -> None:
    """Raise a ValueError unless `value` is true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {value!r}")

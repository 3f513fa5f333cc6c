"""What is known of a family without building it: its space, its defaults, what may be asked."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from search_spaces.domains import Domain, is_number

MOST_DEPTH = 8
MIN_IMAGE_SIDE = 4
"""Pixels, of every family that sees images: blocks are pooled."""
FREE_WIDTH = 16
"""Channels of the first block, or units of a hidden layer, where no parameter budget is met and
no `width` is asked for."""
BUDGET_AT_DEPTH_1 = 8_000
"""Parameters that a width is matched to; it doubles with each depth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The values a network or its training can take at all: wider than what is searched.

    Attributes:
        low: the smallest value, itself excluded with `above`.
        high: the largest value, itself excluded.
        whole: integers only.
    """

    low: float
    high: float = math.inf
    above: bool = False
    whole: bool = False

    def contains(self, value: Any) -> bool:
        """Return whether `value` is a number within the limits."""
        if not is_number(value) or (self.whole and not isinstance(value, int)):
            return False
        return bool((self.low < value if self.above else self.low <= value) and value < self.high)

    def __str__(self) -> str:
        if self.whole and self.high != math.inf:
            return f"an integer from {self.low:g} to {int(self.high) - 1:,}"
        kind = "an integer" if self.whole else "a finite number"
        below = "" if self.high == math.inf else f" and below {self.high:g}"
        return f"{kind} {'above' if self.above else 'of at least'} {self.low:g}{below}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """True and false, and nothing that only looks like them."""

    def contains(self, value: Any) -> bool:
        """Return whether `value` is one of the two."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """Some words, and with `file` a file of weights."""

    words: tuple[str, ...]
    file: bool = False

    def contains(self, value: Any) -> bool:
        """Return whether `value` is one of these."""
        if not isinstance(value, str):
            return False
        return value in self.words or (self.file and is_weights_file(value))

    def __str__(self) -> str:
        or_file = f" or a file of weights ({', '.join(WEIGHTS_SUFFIXES)})" if self.file else ""
        return f"one of {', '.join(self.words)}{or_file}"


WEIGHTS_SUFFIXES = (".pt", ".pth")
CONTENT = "sha256="


def is_weights_file(value: Any) -> bool:
    """Return whether a value names a file of weights."""
    return isinstance(value, str) and value.endswith(WEIGHTS_SUFFIXES)


def is_content(value: Any) -> bool:
    """Return whether a value is a file's content in place of its name."""
    return isinstance(value, str) and value.startswith(CONTENT)


OTHER_CLASSES, IMAGENET = "other_classes", "imagenet"
PRETRAINED_WEIGHTS = Words(words=(OTHER_CLASSES, IMAGENET), file=True)

ROBUST_LOSSES = ("l2", "charbonnier", "cauchy", "geman_mcclure", "welsch", "adaptive")

LIMITS: dict[str, Limits | Truth | Words] = {
    "learning_rate": Limits(low=0, above=True),
    "weight_decay": Limits(low=0),
    "batch_size": Limits(low=1, whole=True),
    "latent_dim": Limits(low=1, high=4097, whole=True),
    "noise_dim": Limits(low=1, high=4097, whole=True),
    "beta": Limits(low=0),
    "loss": Words(words=ROBUST_LOSSES),
    "scale": Limits(low=0, above=True),
    "codes": Limits(low=2, high=1_025, whole=True),
    "code_dim": Limits(low=1, high=257, whole=True),
    "law": Words(words=("gaussian", "exponential", "uniform")),
    "latent_rate": Limits(low=0, above=True),
    "latent_decay": Limits(low=0),
    "inference_steps": Limits(low=1, whole=True),
    "refining_steps": Limits(low=0, whole=True),
    "svm_c": Limits(low=0, above=True),
    "clusters_per_class": Limits(low=1, whole=True),
    "components": Limits(low=1, whole=True),
    "covariance": Words(words=("full", "diag")),
    "neighbours": Limits(low=1, whole=True),
    "hidden": Limits(low=1, whole=True),
    "dropout": Limits(low=0, high=1),
    "l1": Limits(low=0),
    "l2": Limits(low=0),
    "batch_norm": Truth(),
    "flips": Truth(),
    "grid": Limits(low=1, high=65, whole=True),
    "rotation": Limits(low=0, high=180),
    "fine_tuning_rate": Limits(low=0, above=True),
    "weights": PRETRAINED_WEIGHTS,
    "width": Limits(low=1),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What a word chooses of a family that is put together of parts.

    Attributes:
        defaults: of the hyperparameters that the part brings.
        limits: of all that it brings, what has no default included.
    """

    defaults: Mapping[str, Any]
    limits: Mapping[str, Limits | Truth | Words]


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilySpace:
    """A family's search space and facts.

    Attributes:
        space: what is searched, in the order in which it is proposed.
        defaults: every value used where nothing is searched; what is fixed is here only.
        takes: "vectors", "images", or "any": images where the population renders them.
        task: a key of `classcomp.tasks`.
        limits: what may be asked for by name, searched by default or not; a user's own network
            may be asked for more (`defaults`), which only its constructor can judge.
        teaches: whether a network of it can be the law that others learn (`classcomp.teachers`).
        most_depth: the largest depth it has.
        most_coordinates: the longest input that it takes; None: any.
        grows_with_input: whether no layer of it may be narrower than the input or the output
            allows, so that long inputs exceed a parameter budget.
        sees_gaps: whether it takes images of which pixels are missing.
        meets_budget: whether a width that is not given is matched to a parameter budget.
        parts: by the name of a hyperparameter and its words what each chooses; `defaults` and
            `limits` are those of the words chosen.
    """

    space: dict[str, Domain]
    defaults: dict[str, Any]
    takes: str
    task: str = "classification"
    limits: Mapping[str, Limits | Truth | Words] = field(default_factory=dict)
    teaches: bool = False
    most_depth: int = MOST_DEPTH
    most_coordinates: int | None = None
    grows_with_input: bool = False
    sees_gaps: bool = False
    meets_budget: bool = True
    parts: Mapping[str, Mapping[str, Part]] = field(default_factory=dict)

    @property
    def has_matched_width(self) -> bool:
        """Whether the width of its networks is chosen by a parameter budget."""
        return self.meets_budget and "width" not in self.defaults

    def with_part(self, key: str, words: Collection[str]) -> "FamilySpace":
        """Return the space with one of `words` chosen; of several, it has what all of them have.

        What was fixed or searched before and is of the new part too stays as it was.
        """
        every, chosen = self.parts[key], [self.parts[key][word] for word in words]
        shared = set.intersection(*(set(part.limits) for part in chosen))
        dropped = {name for part in every.values() for name in part.limits} - shared
        given = {name: value for part in chosen for name, value in part.defaults.items()}
        limits = {name: limit for part in chosen for name, limit in part.limits.items()}
        return replace(
            self,
            space={n: domain for n, domain in self.space.items() if n not in dropped},
            defaults={
                n: self.defaults.get(n, value)
                for n, value in (self.defaults | given).items()
                if n not in dropped
            },
            limits={n: v for n, v in (dict(self.limits) | limits).items() if n not in dropped},
        )

    def refusal(
        self, vector_shape: tuple[int, ...], image_shape: tuple[int, ...] | None
    ) -> str | None:
        """Return why no network of the family can see such examples, or None where one can.

        Args:
            vector_shape: `(d,)`.
            image_shape: `(C, H, W)`, or None where nothing is rendered, which is not judged here.
        """
        sees_images = self.takes != "vectors" and image_shape is not None
        shape = image_shape if sees_images and image_shape is not None else vector_shape
        if sees_images and min(shape[1:]) < MIN_IMAGE_SIDE:
            rows, columns = shape[1:]
            return (
                f"images of {rows} x {columns} pixels; allowed are at least "
                f"{MIN_IMAGE_SIDE} x {MIN_IMAGE_SIDE}"
            )
        num = math.prod(shape)
        if self.most_coordinates is not None and num > self.most_coordinates:
            return f"{num:,} coordinates; allowed are at most {self.most_coordinates:,}"
        return None

"""A user's own network as a family: any torch module of logits, any scikit-learn classifier."""

import inspect
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor, nn

from classcomp.models.architecture import ArchitectureConfig
from classcomp.models.base import Classifier
from classcomp.models.loading import kind_of, load_class
from classcomp.models.widths import count_parameters, nearest_width, parameter_budget
from classcomp.trial import Network
from classcomp.wording import one_line
from search_spaces import TRAINING_HYPERPARAMETERS
from search_spaces.reading import RESERVED

# The training loop's; no constructor sees them. Equal to search_spaces', which a test checks.
TAKES = ("vectors", "images", "any")
_FIXED_SEED = 0  # of whatever a user's code draws where nothing random is expected of it


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnFamily:
    """A user's own network, loaded.

    Attributes:
        name: as the study calls it.
        constructor: the user's class.
        kind: "torch" or "sklearn".
        takes: the class's own attribute `takes`, or "any".
        task: a key of `classcomp.tasks.TASKS`.
    """

    name: str
    constructor: type
    kind: str
    takes: str
    task: str = "classification"


def own_family(network: Network) -> OwnFamily:
    """Load a user's network.

    Raises:
        ValueError: there is no such class, or its `takes` is none of `TAKES`.
    """
    with seeded(_FIXED_SEED):
        own = load_class(network.path)
    takes = getattr(own, "takes", "any")
    if takes not in TAKES:
        allowed = ", ".join(TAKES)
        raise ValueError(f"{network.name}: {own.__name__}.takes = {takes!r}: must be {allowed}")
    return OwnFamily(name=network.name, constructor=own, kind=kind_of(own), takes=takes)


def build_own(
    family: OwnFamily,
    *,
    architecture: ArchitectureConfig,
    capacity: float = 1.0,
    parameters: Mapping[str, Any],
    generator: torch.Generator,
) -> Classifier:
    """Return a user's network.

    A torch class is called as `Class(input_shape=, num_classes=, depth=, **parameters)`; one
    with a parameter `width` that is not given gets the width that meets the depth's budget. A
    scikit-learn class is called as `Class(**parameters)` and has no depth.

    Args:
        family: the user's class.
        architecture: what it is to be built for.
        capacity: the factor of the depth's budget that is to be met.
        parameters: of its constructor; of a torch class `TRAINING_HYPERPARAMETERS` are ignored.
        generator: on the CPU, the only source of randomness; global states are not touched.

    Raises:
        ValueError: a parameter is unknown, or the constructor refuses, or the inputs are no
            images and the network takes nothing else, or there is a capacity and no width to match.
    """
    if family.takes == "images" and len(architecture.input_shape) != 3:
        raise ValueError(
            f"{family.name}: input_shape must be (C, H, W) for a network of images, "
            f"got {architecture.input_shape!r}"
        )
    if capacity != 1.0 and not has_matched_width(family, parameters):
        raise ValueError(
            f"capacity = {capacity:g}: the width of {family.name} is matched to no budget"
        )
    if family.kind == "sklearn":
        _check_names(family, parameters)
        return Estimator(partial(_construct, family, **parameters), architecture.num_classes)
    given = {name: getattr(architecture, name) for name in RESERVED}
    own = {k: v for k, v in parameters.items() if k not in TRAINING_HYPERPARAMETERS}
    _check_names(family, given | own)
    make = partial(_construct, family, **given, **own)
    if has_matched_width(family, own):
        with seeded(_FIXED_SEED):
            width = nearest_width(
                lambda width: count_parameters(make(width=round(width))),
                parameter_budget(architecture.depth, capacity),
                name=family.name,
            )
        make = partial(make, width=round(width))
    model = OwnNetwork(make)
    model.initialise(generator)
    return model


def has_matched_width(family: OwnFamily, parameters: Mapping[str, Any]) -> bool:
    """Return whether a network's width is left to be matched to the depth's budget."""
    takes_width = "width" in inspect.signature(family.constructor).parameters
    return family.kind == "torch" and takes_width and "width" not in parameters


def _check_names(family: OwnFamily, names: Iterable[str]) -> None:
    accepted = inspect.signature(family.constructor).parameters
    if any(p.kind == inspect.Parameter.VAR_KEYWORD for p in accepted.values()):
        return
    for name in names:
        if name not in accepted:
            its_own = ", ".join(held for held in accepted if held not in RESERVED) or "none"
            what = (
                f"does not take {name}, which every network is given"
                if name in RESERVED
                else f"has no parameter {name}; allowed: {its_own}"
            )
            raise ValueError(f"{family.name}: {family.constructor.__name__} {what}")


@contextmanager
def seeded(source: int | torch.Generator) -> Iterator[None]:
    """Let the global states of torch, NumPy and Python start from a seed, and put them back.

    A user's code draws from them and knows no generators.

    Args:
        source: a seed, or a generator to draw one from.
    """
    seed = source if isinstance(source, int) else _drawn_seed(source)
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=devices):
        try:
            torch.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            random.seed(seed)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


class OwnNetwork(Classifier):
    """A user's torch module of logits, trained by cross-entropy.

    What its constructor and its training forward draw comes from the generators that this
    class is given; in evaluation it draws the same at every call.
    """

    takes: ClassVar[str] = "any"

    def __init__(self, make: partial[nn.Module]) -> None:
        """Takes the call that constructs the module; `initialise` makes it."""
        super().__init__()
        self._make = make

    def initialise(self, generator: torch.Generator) -> None:
        """Construct the module anew: how it starts is its constructor's business."""
        with seeded(generator):
            self.network = self._make()

    def to(self, *args: Any, **kwargs: Any) -> "OwnNetwork":
        """Move as every module does, but keep the memory format: `view` would fail in another."""
        kwargs.pop("memory_format", None)
        return super().to(*args, **kwargs) if args or kwargs else self

    def forward(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Return logits."""
        with seeded(_FIXED_SEED):
            logits: Tensor = self.network(inputs.contiguous())
        return logits

    def training_logits(
        self, inputs: Float[Tensor, " batch *shape"], generator: torch.Generator
    ) -> Float[Tensor, "batch classes"]:
        """Return logits; dropout and the like are the generator's."""
        with seeded(generator):
            logits: Tensor = self.network(inputs.contiguous())
        return logits

    def features(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch features"]:
        """Return what the linear layer called last is given, flattened.

        The logits where there is no such layer, or where it is not given the batch as such.
        """
        seen: list[Tensor] = []

        def keep(_: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
            seen.append(args[0] if args else kwargs["input"])

        hooks = [
            layer.register_forward_pre_hook(keep, with_kwargs=True)
            for layer in self.network.modules()
            if isinstance(layer, nn.Linear)
        ]
        try:
            logits = self(inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return seen[-1].flatten(1) if seen and len(seen[-1]) == len(inputs) else logits


class Estimator(Classifier):
    """A scikit-learn classifier: fitted by `fit_head`, not trained; it has no parameters.

    It is given images flattened, as float64. Classes absent from its sample get
    probability 0. A sample of one class only is answered by that class, without asking it:
    many classifiers refuse to be fitted then.
    """

    takes: ClassVar[str] = "any"
    needs_head: ClassVar[bool] = True

    def __init__(self, make: partial[Any], num_classes: int) -> None:
        """Takes the call that constructs the classifier; each `fit_head` makes a new one."""
        super().__init__()
        self.num_classes = num_classes
        self._make = make
        self.estimator: Any = None  # None also where the sample has a single class
        # Classes of the sample, in the estimator's order.
        self.present: Int64[np.ndarray, " present"] | None = None

    def initialise(self, generator: torch.Generator) -> None:
        """There is nothing to set before it is fitted."""

    def objectives(self) -> tuple[()]:
        """Return none."""
        return ()

    def fit_head(
        self,
        inputs: Float[Tensor, " n *shape"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> None:
        """Fit it to a sample; its `random_state`, where it has one, is the generator's.

        One that the user fixed stays.
        """
        classes = labels.cpu().numpy()
        self.estimator, self.present = None, np.unique(classes)
        with seeded(generator):
            estimator = self._make()
            if len(self.present) > 1:
                if getattr(estimator, "random_state", 0) is None:
                    estimator.random_state = _drawn_seed(generator)
                self.estimator = estimator.fit(flat(inputs), classes)
                self.present = np.asarray(self.estimator.classes_)

    def features(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch features"]:
        """Return the inputs as the classifier sees them, but for their float64."""
        return inputs.flatten(1)

    def forward(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Return log probabilities; minus infinity for a class it excludes."""
        return self.predict_proba(inputs).log()

    def predict(self, inputs: Float[Tensor, " batch *shape"]) -> Int64[Tensor, " batch"]:
        """Return the classifier's own decisions: ties are its to break.

        Raises:
            RuntimeError: `fit_head` has not been called.
        """
        present = self._fitted_classes()
        decided = np.full(len(inputs), present[0])
        if self.estimator is not None:
            with seeded(_FIXED_SEED):
                decided = np.asarray(self.estimator.predict(flat(inputs)))
        return torch.from_numpy(decided.astype(np.int64)).to(inputs.device)

    def predict_proba(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> Float32[Tensor, "batch classes"]:
        """Return its probabilities, each under the class it is of.

        Raises:
            RuntimeError: `fit_head` has not been called.
        """
        proba = np.zeros((len(inputs), self.num_classes), dtype=np.float32)
        present = self._fitted_classes()
        proba[:, present] = 1.0
        if self.estimator is not None:
            with seeded(_FIXED_SEED):
                proba[:, present] = self.estimator.predict_proba(flat(inputs))
        return torch.from_numpy(proba).to(inputs.device)

    def decide(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> tuple[Int64[Tensor, " batch"], Float32[Tensor, "batch classes"]]:
        """Return `predict` and `predict_proba`."""
        return self.predict(inputs), self.predict_proba(inputs)

    def _fitted_classes(self) -> Int64[np.ndarray, " present"]:
        if self.present is None:
            raise RuntimeError("a scikit-learn classifier: call fit_head before predicting")
        return self.present


def flat(inputs: Float[Tensor, " n *shape"]) -> Float64[np.ndarray, "n dim"]:
    """Return examples as scikit-learn takes them."""
    return inputs.flatten(1).double().cpu().numpy()


def _construct(family: OwnFamily, **arguments: Any) -> Any:
    try:
        return family.constructor(**arguments)
    except (Exception, SystemExit) as error:
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        call = f"{family.constructor.__name__}({given})"
        raise ValueError(f"{family.name}: {call} raises {one_line(error)}") from None


def _drawn_seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**32 - 1, (1,), generator=generator, device=generator.device))

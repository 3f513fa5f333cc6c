"""What every family shares: a model's interface, and what it can do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Float32, Float64, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from classcomp.models.initialisation import initialise_layers


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some examples of a sample.

    Attributes:
        inputs: vectors `(d,)` or images `(C, H, W)`.
        labels: classes from 0.
        index: positions of the examples in the sample or stream they are of.
        targets: what to learn in the labels' place, or None: class probabilities, or what is to be
            made of the inputs. Where they are the posterior, or its mean, the cross-entropy, or the
            squared error, has the same minimum and a gradient of less noise.
        rate: share of the full learning rate at which they are visited, for who moves by itself
            what no optimizer knows.
    """

    inputs: Float[Tensor, " batch *shape"]
    labels: Int64[Tensor, " batch"]
    index: Int64[Tensor, " batch"]
    targets: Float[Tensor, " batch *wanted"] | None = None
    rate: float = 1.0

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, begin: int, end: int) -> "Batch":
        """Return the examples at the places `[begin, end)` of this batch."""
        return Batch(
            inputs=self.inputs[begin:end],
            labels=self.labels[begin:end],
            index=self.index[begin:end],
            targets=None if self.targets is None else self.targets[begin:end],
        )

    def at(self, chosen: Int64[Tensor, " chosen"]) -> "Batch":
        """Return the examples at the places `chosen` of this batch."""
        return Batch(
            inputs=self.inputs[chosen],
            labels=self.labels[chosen],
            index=self.index[chosen],
            targets=None if self.targets is None else self.targets[chosen],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What some of a model's parameters are trained to lower; each has an optimizer of its own.

    Attributes:
        parameters: what is moved.
        loss: of a batch, with a generator of any draws.
        rate: factor on the trial's learning rate.
        betas: of AdamW: how slowly it forgets gradients and their squares.
    """

    parameters: tuple[nn.Parameter, ...]
    loss: Callable[[Batch, torch.Generator], Float[Tensor, ""]]
    rate: float = 1.0
    betas: tuple[float, float] = (0.9, 0.999)


class Model(nn.Module):
    """A family's module: what it is trained on, stage by stage. What it can do, it has methods for.

    Inputs are vectors, of `shape` `(d,)`, or images `(C, H, W)`.
    """

    takes: ClassVar[str]  # "vectors" | "images" | "any": images if the population renders
    needs_head: ClassVar[bool] = False  # True: predicting needs a `fit_head` first
    starts_pretrained: ClassVar[bool] = (
        False  # True: its `body` starts from weights found elsewhere
    )
    sees_gaps: ClassVar[bool] = False  # True: pixels that are nan are missing, and it knows how

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the one objective of a model that has no more."""
        raise NotImplementedError

    def objectives(self) -> tuple[Objective, ...]:
        """Return what is lowered at every step, in this order; by default `loss`, by everything.

        A stage without objectives is fitted, not trained: its `fit_head` does everything.
        """
        return (Objective(parameters=tuple(self.parameters()), loss=self.loss),)

    def fit_head(
        self,
        inputs: Float[Tensor, " n *shape"],
        labels: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> None:
        """Refit, on a training sample, what gradients do not train; here there is nothing."""

    def prepare(self, inputs: Float[Tensor, " n *shape"]) -> None:
        """Look at the sample that training is about to visit; on a stream there is none.

        `Batch.index` are places in it. Here there is nothing to do.
        """

    def rule_of_class(self, generator: torch.Generator) -> "Classifier | Denoiser":
        """Return a network that spans the architecture's rules: U_H is sought in it.

        It shares this model's parameters. A two-stage family has a linear head there, drawn from
        `generator`, in place of what it fits.
        """
        raise NotImplementedError

    def stages(self) -> tuple["Model", ...]:
        """Return the modules to train one after another, this one last; they share parameters."""
        return (self,)

    def pass_through(self, inputs: Float[Tensor, " batch *shape"]) -> None:
        """Send `inputs` through every layer once; what hooks listen to (`classcomp.features`)."""
        self(inputs)

    def initialise(self, generator: torch.Generator) -> None:
        """Set every parameter and buffer, drawing from `generator` alone."""
        initialise_layers(self, generator)


class Classifier(Model):
    """A network of logits, trained by cross-entropy unless it says otherwise."""

    search_losses: ClassVar[tuple[str, str]] = ("log_odds", "zero_one")
    """What the search for the best rule lowers, of `training.best_in_class`: first, and at last."""

    def forward(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch classes"]:
        """Return logits."""
        raise NotImplementedError

    def training_logits(
        self, inputs: Float[Tensor, " batch *shape"], generator: torch.Generator
    ) -> Float[Tensor, "batch classes"]:
        """Return logits as training sees them, its draws from `generator`."""
        logits: Tensor = self(inputs)
        return logits

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean cross-entropy of a batch, in nats, against its targets or labels."""
        wanted = batch.labels if batch.targets is None else batch.targets
        return F.cross_entropy(self.training_logits(batch.inputs, generator), wanted)

    def rule_of_class(self, generator: torch.Generator) -> "Classifier":
        """Return this network."""
        return self

    def predict_proba(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> Float32[Tensor, "batch classes"]:
        """Return class probabilities; the caller sets eval and no_grad."""
        logits: Tensor = self(inputs)
        return logits.float().softmax(dim=1)

    def predict(self, inputs: Float[Tensor, " batch *shape"]) -> Int64[Tensor, " batch"]:
        """Return the classes decided for."""
        return self.predict_proba(inputs).argmax(dim=1)

    def decide(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> tuple[Int64[Tensor, " batch"], Float32[Tensor, "batch classes"]]:
        """Return `predict` and `predict_proba` of the same inputs, in one pass."""
        probabilities = self.predict_proba(inputs)
        return probabilities.argmax(dim=1), probabilities


class Denoiser(Model):
    """A network from noisy inputs to clean ones, trained by the squared error: the risk itself."""

    search_losses: ClassVar[tuple[str, str]] = ("squared", "squared")

    def forward(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, " batch *shape"]:
        """Return inputs without their noise."""
        raise NotImplementedError

    def denoise(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, " batch *shape"]:
        """Return the same; the caller sets eval."""
        clean: Tensor = self(inputs)
        return clean

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean squared error of a coordinate, in squared input units."""
        assert batch.targets is not None, "who takes noise off learns from pairs"
        return F.mse_loss(self(batch.inputs), batch.targets)

    def rule_of_class(self, generator: torch.Generator) -> "Denoiser":
        """Return this network."""
        return self


# Capabilities: what a task, a score or an exhibit may need. In each the caller sets eval.


@runtime_checkable
class Decides(Protocol):
    """Says a class for each example."""

    def predict(self, inputs: Float[Tensor, " batch *shape"]) -> Int64[Tensor, " batch"]:
        """Return the classes decided for."""

    def predict_proba(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> Float32[Tensor, "batch classes"]:
        """Return class probabilities."""

    def decide(
        self, inputs: Float[Tensor, " batch *shape"]
    ) -> tuple[Int64[Tensor, " batch"], Float32[Tensor, "batch classes"]]:
        """Return both."""


@runtime_checkable
class Encodes(Protocol):
    """Has a space of features."""

    def features(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, "batch features"]:
        """Return what the last, linear layer (or the head) sees."""


@runtime_checkable
class Reconstructs(Protocol):
    """Gives back what it is shown."""

    def reconstruct(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, " batch *shape"]:
        """Return the reconstruction."""


@runtime_checkable
class Denoises(Protocol):
    """Makes clean examples of noisy ones."""

    def denoise(self, inputs: Float[Tensor, " batch *shape"]) -> Float[Tensor, " batch *shape"]:
        """Return them."""


@runtime_checkable
class Decodes(Encodes, Protocol):
    """Its features are latents, from which there is a way back."""

    def decode(self, latents: Float[Tensor, "batch latents"]) -> Float[Tensor, " batch *shape"]:
        """Return what latents stand for, in the shape of the inputs."""


@runtime_checkable
class Infers(Decodes, Protocol):
    """Finds its latents step by step, lowering an objective of theirs, in place of a network."""

    inference_steps: int
    latent_rate: float

    def infer(
        self, inputs: Float[Tensor, " batch *shape"], *, steps: int
    ) -> Float[Tensor, "batch latents"]:
        """Return the latents found in so many steps; `features` are those of `inference_steps`."""


@runtime_checkable
class Recalls(Reconstructs, Protocol):
    """Has its training examples as training has them, where others are searched for."""

    def is_known(self, index: Int64[Tensor, " batch"]) -> Bool[Tensor, " batch"]:
        """Return of which examples, at these places of the sample, it has seen anything to keep."""

    def recall(
        self, inputs: Float[Tensor, " batch *shape"], index: Int64[Tensor, " batch"]
    ) -> Float[Tensor, " batch *shape"]:
        """Return what it gives back for these examples, at these places of the sample."""


@runtime_checkable
class DrawsLatents(Decodes, Protocol):
    """Its latents are draws of q(z|x), of which `features` are the means."""

    def draw_latents(
        self, inputs: Float[Tensor, " batch *shape"], generator: torch.Generator
    ) -> Float[Tensor, "batch latents"]:
        """Return a draw for each input, as training has them."""


@runtime_checkable
class Quantises(Protocol):
    """Says an example in symbols, and what these take in bits."""

    def codes(self, inputs: Float[Tensor, " batch *shape"]) -> Int64[Tensor, "batch places"]:
        """Return the codes of each input, from 0."""

    def code_bits(self, codes: Int64[Tensor, "batch places"]) -> Float64[Tensor, " batch"]:
        """Return the bits of each input's codes, by a prior fitted on the training sample."""


@runtime_checkable
class HasRobustLoss(Protocol):
    """Is trained by Barron's loss, whose shape may be learned."""

    def loss_shapes(self) -> tuple[Float[Tensor, " pixels"], Float[Tensor, " pixels"]] | None:
        """Return each pixel's alpha and c; None where they are not learned."""


@runtime_checkable
class Generates(Protocol):
    """Makes examples out of nothing but noise."""

    def sample(self, num: int, generator: torch.Generator) -> Float[Tensor, " num *shape"]:
        """Return `num` examples in the shape of the inputs."""


@runtime_checkable
class Competes(Protocol):
    """Learns to generate against a part of its own that learns to tell."""

    def losses(
        self, inputs: Float[Tensor, " batch *shape"], generator: torch.Generator
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the losses of what generates and of what tells on examples, in nats."""


@runtime_checkable
class HasDensity(Protocol):
    """Knows, or bounds from below, how likely an example is."""

    def log_density(
        self, inputs: Float[Tensor, " batch *shape"], generator: torch.Generator
    ) -> Float64[Tensor, " batch"]:
        """Return log p(x), in nats; a bound may draw from `generator`."""

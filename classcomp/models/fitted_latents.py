"""A decoder without an encoder: each example has latents of its own, found by descent."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from classcomp.models.architecture import MAX_LATENT_DIM, ImageConfig, check_integer, check_real
from classcomp.models.base import Batch
from classcomp.models.blocks import BATCH_NORM_MOMENTUM
from classcomp.models.gaps import seen_errors
from classcomp.models.inference import (
    Moments,
    adam_step,
    gradient_of,
    lowered,
)
from classcomp.models.latent_laws import LatentLaw
from classcomp.models.transposed_decoder import RangedImages, TransposedDecoder

NUM_KNOWN = 512
"""Rows of the table that a search begins at the nearest of."""
NOISE_SEED = 0
"""Of the draws with which latents are looked for where nothing is trained: the same for all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedConfig(ImageConfig):
    """A decoder's architecture, and how latents are found.

    Attributes:
        latent_dim: L, dimensions of the latent space.
        latent_rate: step size of Adam on an example's latents.
        inference_steps: steps in which the latents of an example are found that is new.

    Raises:
        ValueError: a value is out of range.
    """

    latent_dim: int = 128
    latent_rate: float = 0.1
    inference_steps: int = 100

    def __post_init__(self) -> None:
        ImageConfig.__post_init__(self)
        check_integer("latent_dim", self.latent_dim, 1, MAX_LATENT_DIM)
        check_real("latent_rate", self.latent_rate, 0.0, above=True)
        check_integer("inference_steps", self.inference_steps, 1)


class FittedLatents(RangedImages):
    """What auto-decoders share; labels play no part.

    An example is described by a row of numbers, the parameters of a law of its latents. Rows and
    weights lower one objective, minus the evidence lower bound in the risk's unit,

        |x - decode(z)|^2 / d + 2 weight v / d * divergence,   z drawn of the row's law,

    v the observation variance: the moving average of batches' mean squared errors, which are its
    maximum-likelihood values (Rybkin et al. 2021, sec. 4.2).

    The rows of a sample are a table, which no optimizer knows: a row takes one step of Adam when
    its example is visited, by its own moments, and the weights take theirs on the loss at the rows
    as they are then. An example that is new, never visited or of a stream, has its row looked for
    in `inference_steps` steps from the row of the known example that is decoded to what is nearest;
    and so has every example that is scored. Rows always move in evaluation mode: they are those of
    the network as it decodes one example at a time, and found in training as they are afterwards.
    """

    takes: ClassVar[str] = "images"
    sees_gaps: ClassVar[bool] = True
    observation_variance: Float[Tensor, ""]
    start: Float[Tensor, " numbers"]
    rows: Float[Tensor, "n numbers"]
    row_means: Float[Tensor, "n numbers"]
    row_squares: Float[Tensor, "n numbers"]
    row_counts: Float[Tensor, "n 1"]

    def __init__(
        self, config: FittedConfig, width: float, *, law: LatentLaw, weight: float
    ) -> None:
        super().__init__()
        self.law, self.weight = law, weight
        self.latent_dim, self.latent_rate = config.latent_dim, config.latent_rate
        self.inference_steps = config.inference_steps
        self.decoder = TransposedDecoder(config.latent_dim, config.input_shape, config.depth, width)
        num = law.num * config.latent_dim
        self.register_buffer("observation_variance", torch.ones(()))
        self.register_buffer("start", torch.zeros(num))
        self._set_table(torch.zeros(0, num), torch.zeros(0, num), torch.zeros(0, num))

    def initialise(self, generator: torch.Generator) -> None:
        """Set every parameter and buffer, drawing from `generator` alone."""
        super().initialise(generator)
        self.observation_variance.fill_(1.0)
        self.start.copy_(self.law.start(self.latent_dim, generator).flatten())

    def prepare(self, inputs: Float[Tensor, "n c h w"]) -> None:
        """Make a table of a row for each example of a sample, none of them visited yet."""
        rows = self.start.repeat(len(inputs), 1)
        self._set_table(rows, torch.zeros_like(rows), torch.zeros_like(rows))

    def decode(self, latents: Float[Tensor, "batch latents"]) -> Float[Tensor, "batch c h w"]:
        """Return the images that latents stand for, in the unit of the examples."""
        return self.unscaled(self.decoder(latents))

    def features(self, inputs: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch latents"]:
        """Return the expectation of the latents that are found for each example."""
        return self._means(self.found(inputs))

    def reconstruct(self, inputs: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """Return what is decoded from these."""
        return self.decode(self.features(inputs))

    def is_known(self, index: Int64[Tensor, " batch"]) -> Bool[Tensor, " batch"]:
        """Return which of a sample's examples were visited: the rows of others say nothing."""
        known: Tensor = self.row_counts[index, 0] > 0
        return known

    def recall(
        self, inputs: Float[Tensor, "batch c h w"], index: Int64[Tensor, " batch"]
    ) -> Float[Tensor, "batch c h w"]:
        """Return what is decoded from the rows of a sample's examples, as training left them."""
        return self.decode(self._means(self.rows[index]))

    def infer(
        self, inputs: Float[Tensor, "batch c h w"], *, steps: int
    ) -> Float[Tensor, "batch latents"]:
        """Return the same as `features`, in a given number of steps."""
        return self._means(self.found(inputs, steps=steps))

    def sample(self, num: int, generator: torch.Generator) -> Float[Tensor, "num c h w"]:
        """Return what is decoded from draws of the standard law."""
        drawn = self.law.standard(num, self.latent_dim, generator)
        return self.decode(drawn.to(self.start))

    def pass_through(self, inputs: Float[Tensor, "batch c h w"]) -> None:
        """Look for latents, and send those that are found through the decoder last."""
        self.reconstruct(inputs)

    def found(
        self,
        inputs: Float[Tensor, "batch c h w"],
        generator: torch.Generator | None = None,
        *,
        steps: int | None = None,
    ) -> Float[Tensor, "batch numbers"]:
        """Return the row of each example as it is looked for; weights are fixed.

        Args:
            inputs: examples; a pixel that is nan is not known.
            generator: of draws for each example; None: all share those of a fixed seed, so that
                what is found does not depend on the rest of the batch.
            steps: `inference_steps` where nothing is said.
        """
        draws = generator or torch.Generator().manual_seed(NOISE_SEED)
        num_draws = 1 if generator is None else len(inputs)

        def terms(rows: Tensor) -> Tensor:
            return self.terms(inputs, rows, self._noise(num_draws, draws))

        start = self.nearest(inputs)
        num_steps = self.inference_steps if steps is None else steps
        return lowered(terms, start, steps=num_steps, rate=self.latent_rate)

    @torch.no_grad()
    def nearest(self, inputs: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch numbers"]:
        """Return the row of the known example that is decoded to what is nearest to each input.

        By the pixels that are seen, of the first NUM_KNOWN rows that were visited; where there is
        none, as on a stream, the moving average of rows.
        """
        known = self.rows[:NUM_KNOWN][self.row_counts[:NUM_KNOWN, 0] > 0]
        if not len(known):
            return self.start.expand(len(inputs), -1)
        shown = self.decode(self._means(known)).flatten(1)
        seen = (~inputs.isnan()).flatten(1).to(shown)
        # |x - y|^2 over what is seen, less |x|^2
        distances = seen @ shown.square().T - 2 * inputs.nan_to_num().flatten(1) @ shown.T
        nearest: Tensor = known[distances.argmin(dim=1)]
        return nearest

    def terms(
        self,
        inputs: Float[Tensor, "batch c h w"],
        rows: Float[Tensor, "batch numbers"],
        noise: Float[Tensor, "draws latents"],
    ) -> Float[Tensor, " batch"]:
        """Return each example's objective at its row, in squared input units."""
        errors = seen_errors(inputs, self.decode(self.law.draw(self._of_law(rows), noise)))
        return errors + self._per_nat(inputs) * self.law.divergence(self._of_law(rows))

    def loss(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, ""]:
        """Return the mean objective of a batch at its rows, which training moves first."""
        seen = batch.inputs[~batch.inputs.isnan()]
        if self.training:
            self._note(seen)
        rows = self._moved(batch, generator)
        if self.training:
            self.start.lerp_(rows.mean(dim=0), BATCH_NORM_MOMENTUM)
        noise = self._noise(len(batch), generator)
        made = self.decode(self.law.draw(self._of_law(rows), noise))
        error = seen_errors(batch.inputs, made).mean()
        if self.training:
            variance = error.detach() * batch.inputs.numel() / seen.numel()
            self.observation_variance.lerp_(variance, BATCH_NORM_MOMENTUM)
        nats = self.law.divergence(self._of_law(rows)).mean()
        return error + self._per_nat(batch.inputs) * nats

    def _note(self, seen: Float[Tensor, " pixels"]) -> None:
        """Widen the range; of the first pixels there are, v is how much they differ."""
        if not self.has_seen:
            self.observation_variance.copy_(seen.var(correction=0))
        self.note_range(seen)

    def _moved(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, "batch numbers"]:
        """The rows of a batch, a step further where they are known; they enter the table."""
        was_training = self.training
        self.eval()
        if was_training and len(self.rows):
            rows = self._visited(batch, generator)
        else:
            rows = self.found(batch.inputs, generator)
        self.train(was_training)
        return rows

    def _visited(self, batch: Batch, generator: torch.Generator) -> Float[Tensor, "batch numbers"]:
        index = batch.index
        is_new = self.row_counts[index, 0] == 0
        if is_new.any():
            new = index[is_new]
            self.rows[new] = self.found(batch.inputs[is_new], generator)
            self.row_counts[new] = 1
        if not is_new.all():
            known = index[~is_new]
            self._step(batch.inputs[~is_new], known, batch.rate, generator)
        return self.rows[index]

    def _step(
        self, inputs: Tensor, index: Tensor, share: float, generator: torch.Generator
    ) -> None:
        rows, noise = self.rows[index], self._noise(len(index), generator)
        gradient = gradient_of(lambda moved: self.terms(inputs, moved, noise), rows)
        moments = Moments(
            mean=self.row_means[index],
            square=self.row_squares[index],
            count=self.row_counts[index],
        )
        rows, moments = adam_step(rows, gradient, moments, share * self.latent_rate)
        self.rows[index], self.row_counts[index] = rows, moments.count
        self.row_means[index], self.row_squares[index] = moments.mean, moments.square

    def _per_nat(self, inputs: Tensor) -> Tensor:
        """Squared input units of a coordinate for each nat of the divergence."""
        per_nat: Tensor = 2 * self.weight * self.observation_variance / inputs[0].numel()
        return per_nat

    def _noise(self, num: int, generator: torch.Generator) -> Tensor:
        noise: Tensor = self.law.noise(num, self.latent_dim, generator)
        return noise.to(self.start)

    def _of_law(self, rows: Tensor) -> Float[Tensor, "batch numbers latents"]:
        parameters: Tensor = rows.unflatten(1, (self.law.num, self.latent_dim))
        return parameters

    def _means(self, rows: Tensor) -> Float[Tensor, "batch latents"]:
        means: Tensor = self.law.mean(self._of_law(rows))
        return means

    def _set_table(self, rows: Tensor, means: Tensor, squares: Tensor) -> None:
        """Buffers, so that they are saved with the weights and are no parameters."""
        for name, held in (
            ("rows", rows),
            ("row_means", means),
            ("row_squares", squares),
            ("row_counts", torch.zeros_like(rows[:, :1])),
        ):
            self.register_buffer(name, held)

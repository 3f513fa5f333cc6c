"""Draws from a population, laid out as one family sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from classcomp.corruption import Corruption
from classcomp.distortions import flip_labels, noisy_posterior
from classcomp.populations import Population
from classcomp.populations.base import Damage
from classcomp.populations.damage import noised

EVALUATION_SIZE = 10_000
"""Examples of the evaluation draw, shared by all trials of a population whose law is known."""
SELECTION_SIZE = 5_000
"""Examples of the draw on which the best rule of an architecture is chosen."""
RENEWAL_BLOCK = 64
"""Places of the endless sequence of rounds that one generator serves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Presenter:
    """From law coordinates to what a family sees, images or vectors, float32, on a device.

    Attributes:
        population: whose coordinates they are.
        takes_images: whether the family does.
        device: of the tensors.
    """

    population: Population
    takes_images: bool
    device: torch.device

    def __call__(self, x: Float[np.ndarray, " n *point"]) -> Float32[Tensor, " n *shape"]:
        """Present examples."""
        population = self.population
        return self.tensor(population.images(x) if self.takes_images else population.vectors(x))

    def tensor(self, shown: Float[np.ndarray, " n *shape"]) -> Float32[Tensor, " n *shape"]:
        """Arrays that look as they are to be seen already."""
        tensor = staged(np.ascontiguousarray(shown, dtype=np.float32), self.device)
        return tensor.contiguous(memory_format=torch.channels_last) if self.takes_images else tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Examples to score a rule on.

    Attributes:
        inputs: what the family sees.
        labels: classes from 0.
        targets: what is to be made of the inputs, where that is more than a class; or what it is
            on average, given them.
        spread: E |target - targets|^2 / d given the inputs, where `targets` are that average; None
            where they are the targets themselves.
        posterior: None where the law is unknown.
        log_density: in nats, of what a generative model sees, or None where there is none.
        law: what they are of; None where nobody asked.
        index: their places in the sample that training visits, where that is what they are.
    """

    inputs: Float32[Tensor, " n *shape"]
    labels: Int64[Tensor, " n"]
    targets: Float32[Tensor, " n *shape"] | None = None
    spread: Float64[np.ndarray, " n"] | None = None
    posterior: Float64[np.ndarray, "n classes"] | None = None
    log_density: Float64[np.ndarray, " n"] | None = None
    law: Population | None = None
    index: Int64[Tensor, " n"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """A fixed sample's inputs with their distortion drawn anew at every visit.

    Visits are the places of an endless sequence of rounds over the sample. What is drawn is a
    function of seed and place: a trial that goes on after an interruption, or asks for the same
    places in other portions, sees the same.

    Attributes:
        damage: of the sample.
        present: as for every other input.
        seed: of stream `damage`.
        noise: tau of noise that is added and to be taken off again: the inputs without it are the
            targets. None: inputs have no targets.
    """

    damage: Damage
    present: Presenter
    seed: int
    noise: float | None = None

    def of(self, kept: Int64[np.ndarray, " kept"]) -> "Renewal":
        """That of the examples `kept` alone: they are blended with each other only."""
        return replace(self, damage=self.damage.of(kept))

    def __call__(
        self, begin: int, chosen: Int64[np.ndarray, " b"]
    ) -> tuple[Float32[Tensor, " b *shape"], Float32[Tensor, " b *shape"] | None]:
        """Inputs and targets at places [begin, begin + b), examples `chosen` of the sample."""
        end = begin + len(chosen)
        x, clean = [], []
        for block in range(begin // RENEWAL_BLOCK, -(-end // RENEWAL_BLOCK)):
            first = block * RENEWAL_BLOCK
            lo, hi = max(begin, first), min(end, first + RENEWAL_BLOCK)
            # Whole blocks are drawn, whoever stands in the places that nobody asked for.
            places = np.zeros(RENEWAL_BLOCK, dtype=np.int64)
            places[lo - first : hi - first] = chosen[lo - begin : hi - begin]
            rng = np.random.default_rng([self.seed, block])
            drawn = self.damage(places, rng)
            if self.noise is not None:
                clean.append(drawn[lo - first : hi - first])
                drawn = noised(drawn, self.noise, rng)
            x.append(drawn[lo - first : hi - first])
        targets = self.present(np.concatenate(clean)) if clean else None
        return self.present(np.concatenate(x)), targets


@dataclass(frozen=True, kw_only=True, slots=True)
class Draws:
    """Draws from one population, by stream.

    Attributes:
        population: the law, distorted.
        present: how the family sees them, on `device`.
        device: where labels go.
        streams: seeds by name.
        corruption: of images to train and to validate on; None: they are as the law has them.
        missing: share of an image's pixels that are not seen; `classcomp.gappy_draws`.
    """

    population: Population
    present: Presenter
    device: torch.device
    streams: Mapping[str, int]
    corruption: Corruption | None = None
    missing: float = 0.0

    def training(self, num: int) -> Examples:
        """`num` training examples with the population's label noise, corrupted ones among them."""
        sample = self.population.sample(num, self._rng("data"), split="train")
        labels = self._flipped(sample.labels, self._rng("noise"))
        inputs, noisy = self._tensors(self._corrupted(sample.x, "corruption"), labels)
        return Examples(inputs=inputs, labels=noisy)

    def corrupted_training(
        self, num: int, most: int
    ) -> tuple[Float32[np.ndarray, "k c h w"], Float32[np.ndarray, "k c h w"]]:
        """The first ones of the images of `training` that are corrupted: as they were, and are."""
        clean = self.population.sample(num, self._rng("data"), split="train").x
        found = self._corrupted(clean, "corruption")
        changed = np.flatnonzero((found != clean).reshape(num, -1).any(axis=1))[:most]
        return self.population.images(clean[changed]), self.population.images(found[changed])

    def renewal(self, num: int, *, stream: str = "data", split: str = "train") -> Renewal | None:
        """How the sample that a stream begins with looks at every visit.

        That is the sample of `training`; of another stream that of `more`, given a new generator of
        it. None where it always looks the same, as do corrupted images.
        """
        damage = self.population.sample(num, self._rng(stream), split=split).damage
        if damage is None:
            return None
        return Renewal(damage=damage, present=self.present, seed=self.streams["damage"])

    def more(
        self,
        num: int,
        rng: np.random.Generator,
        *,
        split: str = "train",
        noisy: bool,
        is_soft: bool,
    ) -> tuple[
        Float32[Tensor, " num *shape"],
        Int64[Tensor, " num"],
        Float32[Tensor, " num *wanted"] | None,
    ]:
        """`num` training examples, all drawn from `rng`, with or without label noise.

        And with corrupted images, or without. With them, where the law is known and `is_soft`, the
        probabilities of their labels given x, noise included where it is in the labels; nobody
        knows them given what may be a corrupted x.
        """
        sample = self.population.sample(num, rng, split=split)
        labels = self._flipped(sample.labels, rng) if noisy else sample.labels
        is_corrupted = noisy and self.corruption is not None
        x = self._corrupted(sample.x, rng) if is_corrupted else sample.x
        posterior = self.population.posterior(x) if is_soft and not is_corrupted else None
        targets = None
        if posterior is not None:
            rho = self.population.label_noise if noisy else 0.0
            wanted = noisy_posterior(posterior, rho)
            targets = staged(wanted.astype(np.float32), self.device)
        return *self._tensors(x, labels), targets

    def validation(self, num: int) -> Examples:
        """What a search scores proposals on: as noisy as what a practitioner would hold out.

        Of real images, as many as are held out for it, if those are fewer.
        """
        num = self._num_held_out(num)
        sample = self.population.sample(num, self._rng("validation"), split="validation")
        labels = self._flipped(sample.labels, self._rng("validation_noise"))
        x = self._corrupted(sample.x, "validation_corruption")
        inputs, noisy = self._tensors(x, labels)
        return Examples(inputs=inputs, labels=noisy)

    def evaluation(self) -> Examples:
        """Clean examples of the law: a fresh draw, or the whole test split of real images."""
        num = self.population.num_available("test") or EVALUATION_SIZE
        sample = self.population.sample(num, self._rng("evaluation"), split="test")
        inputs, labels = self._tensors(sample.x, sample.labels)
        return Examples(
            inputs=inputs,
            labels=labels,
            posterior=self.population.posterior(sample.x),
            log_density=self.population.log_density(sample.x),
        )

    def selection(self) -> Examples | None:
        """Where the best rule of an architecture is chosen, never where it is scored.

        None where the law is unknown: there is no best rule to be known then.
        """
        if not self.is_law_known:
            return None
        sample = self.population.sample(SELECTION_SIZE, self._rng("selection"))
        inputs, labels = self._tensors(sample.x, sample.labels)
        return Examples(inputs=inputs, labels=labels, posterior=self.population.posterior(sample.x))

    def corrupted(self, examples: Examples, kind: str) -> Examples:
        """The same examples, every image corrupted in one way; they are its targets."""
        assert self.population.image_shape is not None
        x = examples.inputs.cpu().numpy().reshape(-1, *self.population.image_shape)
        whole, rng = Corruption(kind=kind, share=1.0), self._rng("evaluation_corruption")
        targets = examples.inputs if examples.targets is None else examples.targets
        return replace(
            examples, inputs=self.present(whole(x, self.population, rng)), targets=targets
        )

    @property
    def is_law_known(self) -> bool:
        """Whether examples can be drawn without end."""
        return self.population.num_available("train") is None

    def _num_held_out(self, num: int) -> int:
        available = self.population.num_available("validation")
        return num if available is None else min(num, available)

    def _rng(self, stream: str) -> np.random.Generator:
        return np.random.default_rng(self.streams[stream])

    def _corrupted(self, x: np.ndarray, drawn: str | np.random.Generator) -> np.ndarray:
        """`drawn`: from a stream of this name, or from a generator."""
        if self.corruption is None:
            return x
        rng = self._rng(drawn) if isinstance(drawn, str) else drawn
        return self.corruption(x, self.population, rng)

    def _flipped(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return flip_labels(labels, self.population.label_noise, self.population.num_classes, rng)

    def _tensors(self, x: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        return self.present(x), staged(labels, self.device)


def staged(array: np.ndarray, device: torch.device) -> Tensor:
    """Return an array as a tensor on a device: to a GPU by pinned memory, meanwhile."""
    tensor = torch.from_numpy(array)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)

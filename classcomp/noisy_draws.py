"""Draws of noisy inputs and of what they were: x + tau N(0, I), and x.

tau is the population's feature noise (docs/adr/0015-denoising.md). A sample is one of clean
examples, of laws and of real data alike: its noise is known and costs nothing, so that it is drawn
anew at every visit (Vincent et al. 2008). On a fresh stream, and where a rule is scored, E[x | x +
tau N(0, I)] stands in the place of x where the law is known: the same population objective, and
the same risk, without the noise of what nobody can restore.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from torch import Tensor

from classcomp.draws import EVALUATION_SIZE, SELECTION_SIZE, Draws, Examples, Renewal
from classcomp.populations.base import Sample
from classcomp.populations.damage import PixelDamage, noised


@dataclass(frozen=True, kw_only=True, slots=True)
class NoisyDraws(Draws):
    """`Draws` whose inputs have targets. Labels come along and are nobody's."""

    def training(self, num: int) -> Examples:
        """`num` training examples, with the noise of a first look."""
        return self._pairs(num, self._rng("data"), "train", "corruption")

    def renewal(self, num: int, *, stream: str = "data", split: str = "train") -> Renewal | None:
        """How the sample that a stream begins with looks at every visit; see `Draws.renewal`."""
        sample = self._clean(num, self._rng(stream), split)
        if sample.damage is None and self.population.feature_noise == 0:
            return None
        still = PixelDamage(raw=sample.x, white=1, labels=sample.labels, blend=0.0, noise=0.0)
        return Renewal(
            damage=sample.damage or still,
            present=self.present,
            seed=self.streams["damage"],
            noise=self.population.feature_noise,
        )

    def more(
        self,
        num: int,
        rng: np.random.Generator,
        *,
        split: str = "train",
        noisy: bool,
        is_soft: bool,
    ) -> tuple[
        Float32[Tensor, " num *shape"], Int64[Tensor, " num"], Float32[Tensor, " num *shape"]
    ]:
        """`num` examples, all drawn from `rng`; their targets' means if that is to be and known.

        Nobody knows them of images of which some are corrupted.
        """
        is_corrupted = noisy and self.corruption is not None
        if is_soft and self.is_law_known and not is_corrupted:
            found = self._restored(num, rng)
        else:
            found = self._pairs(num, rng, split, rng if is_corrupted else None)
        assert found.targets is not None
        return found.inputs, found.labels, found.targets

    def validation(self, num: int) -> Examples:
        """What a search scores proposals on; of real images as many as are held out for it."""
        num = self._num_held_out(num)
        return self._pairs(num, self._rng("validation"), "validation", "validation_corruption")

    def evaluation(self) -> Examples:
        """A fresh draw of the noisy law, or the whole test split of real images with its noise."""
        rng, num = self._rng("evaluation"), self.population.num_available("test")
        if num is None:
            return self._restored(EVALUATION_SIZE, rng)
        return self._pairs(num, rng, "test")

    def selection(self) -> Examples | None:
        """Where the best rule of an architecture is chosen; None where the law is unknown."""
        if not self.is_law_known:
            return None
        return self._restored(SELECTION_SIZE, self._rng("selection"))

    def _clean(self, num: int, rng: np.random.Generator, split: str) -> Sample:
        return self.population.without_feature_noise().sample(num, rng, split=split)

    def _pairs(
        self,
        num: int,
        rng: np.random.Generator,
        split: str,
        corrupted: str | np.random.Generator | None = None,
    ) -> Examples:
        """Clean examples, then their noise; what is corrupted is, as what is to be restored."""
        sample = self._clean(num, rng, split)
        x = sample.x if corrupted is None else self._corrupted(sample.x, corrupted)
        inputs, labels = self._tensors(noised(x, self.population.feature_noise, rng), sample.labels)
        return Examples(inputs=inputs, labels=labels, targets=self.present(x))

    def _restored(self, num: int, rng: np.random.Generator) -> Examples:
        """Noisy examples of a law that is known, and what they say of the clean ones."""
        sample = self.population.sample(num, rng)
        known = self.population.restored(sample.x, as_images=self.present.takes_images)
        assert known is not None, "a law that is known has a posterior"
        inputs, labels = self._tensors(sample.x, sample.labels)
        return Examples(
            inputs=inputs,
            labels=labels,
            targets=self.present.tensor(known.mean),
            spread=known.spread,
            posterior=self.population.posterior(sample.x),
        )

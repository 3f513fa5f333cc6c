"""Draws of images of which some pixels were never seen: nan stands in their place.

What is missing is missing for good (docs/adr/0020-missing-pixels.md): in a sample the same pixels
at every visit, so that nobody learns from them, and where a rule is scored too. Which they are
depends on streams of the trial alone, not on what the pixels show. The images as they are come
along as targets, which the risk is held against and nothing is trained on.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from classcomp.draws import Draws, Examples, Renewal


@dataclass(frozen=True, kw_only=True, slots=True)
class GappyDraws(Draws):
    """`Draws`, and the same of images with gaps where pixels are `missing`."""

    def training(self, num: int) -> Examples:
        """`num` training examples; see `Draws.training`."""
        return self._with_gaps(Draws.training(self, num), "damage", 0)

    def renewal(self, num: int, *, stream: str = "data", split: str = "train") -> Renewal | None:
        """How the sample looks at every visit; with gaps as it did, since gaps stay."""
        return None if self.missing else Draws.renewal(self, num, stream=stream, split=split)

    def more(
        self,
        num: int,
        rng: np.random.Generator,
        *,
        split: str = "train",
        noisy: bool,
        is_soft: bool,
    ) -> tuple[Float[Tensor, " num *shape"], Int64[Tensor, " num"], Tensor | None]:
        """`num` examples, all drawn from `rng`; of what has gaps the targets are the images."""
        found = Draws.more(self, num, rng, split=split, noisy=noisy, is_soft=is_soft)
        if not self.missing:
            return found
        inputs, labels, _ = found
        return with_gaps(inputs, self.missing, rng), labels, inputs

    def validation(self, num: int) -> Examples:
        """What a search scores proposals on; see `Draws.validation`."""
        return self._with_gaps(Draws.validation(self, num), "damage", 1)

    def evaluation(self) -> Examples:
        """A fresh draw, or the whole test split of real images; see `Draws.evaluation`."""
        return self._with_gaps(Draws.evaluation(self), "evaluation", 2)

    def _with_gaps(self, examples: Examples, stream: str, number: int) -> Examples:
        """The same with gaps, drawn from a generator of a stream and a number."""
        if not self.missing:
            return examples
        rng = np.random.default_rng([self.streams[stream], number])
        inputs = with_gaps(examples.inputs, self.missing, rng)
        return replace(examples, inputs=inputs, targets=examples.inputs)


def with_gaps(
    images: Float[Tensor, "n c h w"], share: float, rng: np.random.Generator
) -> Float[Tensor, "n c h w"]:
    """Return images of which so many pixels, all channels of each, are nan.

    As many in every image, one at least and all but one at most; drawn without regard to what they
    show. What is missing at a smaller share is missing, from one generator, at a larger one.
    """
    num, _, rows, columns = images.shape
    cells = rows * columns
    count = min(max(1, round(share * cells)), cells - 1)
    ranks = rng.random((num, cells)).argsort(axis=1).argsort(axis=1)
    missing = torch.from_numpy((ranks < count).reshape(num, 1, rows, columns))
    return images.masked_fill(missing.to(images.device), torch.nan)

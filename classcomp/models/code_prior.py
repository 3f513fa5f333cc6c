"""How likely maps of codes are, by counting: what an image costs in bits."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn

UNSEEN = 0.5
"""Added to every count: Krichevsky and Trofimov's (1981), the least regret of a code's length."""


class CodePrior(nn.Module):
    """A law of maps of K codes, row by row: each given its place, the one to its left, that above.

    By Bayes' rule, as if these three were independent given the code:

        P(z | place i, left y, above x) is as q_i(z) P(left y | z) P(above x | z)

    q_i is counted at each place, the others over all places together, so that a few hundred images
    are enough. Before anything is counted all codes are equally likely.
    """

    singles: Int64[Tensor, "places codes"]
    across: Int64[Tensor, "codes codes"]  # a code, and the one to its right
    down: Int64[Tensor, "codes codes"]  # a code, and the one below

    def __init__(self, num_codes: int, size: tuple[int, int]) -> None:
        """Of maps of `size` rows and columns, which are given flat."""
        super().__init__()
        self.size = size
        self.register_buffer("singles", torch.empty(math.prod(size), num_codes, dtype=torch.int64))
        for name in ("across", "down"):
            self.register_buffer(name, torch.empty(num_codes, num_codes, dtype=torch.int64))

    def reset(self) -> None:
        """Forget all counts."""
        for counts in (self.singles, self.across, self.down):
            counts.zero_()

    def count(self, codes: Int64[Tensor, "n places"]) -> None:
        """Count further maps."""
        places, maps = (
            torch.arange(codes.shape[1], device=codes.device),
            codes.unflatten(1, self.size),
        )
        one = torch.ones((), dtype=torch.int64, device=codes.device)
        self.singles.index_put_((places, codes), one, accumulate=True)
        self.across.index_put_((maps[:, :, :-1], maps[:, :, 1:]), one, accumulate=True)
        self.down.index_put_((maps[:, :-1], maps[:, 1:]), one, accumulate=True)

    def forward(self, codes: Int64[Tensor, "n places"]) -> Float64[Tensor, " n"]:
        """Return -log2 of how likely each map is: what an arithmetic coder would take."""
        nats = torch.zeros(len(codes), dtype=torch.float64, device=codes.device)
        for place, law in enumerate(self._log_laws(codes)):
            nats -= law.gather(1, codes[:, place, None])[:, 0]
        return nats / math.log(2)

    def sample(self, num: int, generator: torch.Generator) -> Int64[Tensor, "num places"]:
        """Draw maps, place by place."""
        codes = self.singles.new_zeros(num, len(self.singles))
        for place, law in enumerate(self._log_laws(codes)):  # which reads what is drawn before
            drawn = torch.multinomial(law.exp().to(generator.device), 1, generator=generator)
            codes[:, place] = drawn[:, 0].to(codes.device)
        return codes

    def _log_laws(self, codes: Int64[Tensor, "n places"]) -> Iterator[Float64[Tensor, "n codes"]]:
        """The log law of each place's code, given those of `codes` at the places before it."""
        columns = self.size[1]
        across, down = (counts.double() + UNSEEN for counts in (self.across, self.down))
        left, above = (table.log() - table.sum(dim=0).log() for table in (across, down))
        for place, alone in enumerate((self.singles.double() + UNSEEN).log()):
            scores = alone.expand(len(codes), -1)
            if place % columns:
                scores = scores + left[codes[:, place - 1]]
            if place >= columns:
                scores = scores + above[codes[:, place - columns]]
            yield scores.log_softmax(dim=1)

"""How likely maps of codes are, by counting: what an image costs in bits."""

import math

import torch
from jaxtyping import Float64, Int64
from torch import Tensor, nn


class CodePrior(nn.Module):
    """A law of maps of K codes, each code given the one before it.

    Before a code is the one to its left, of a row's first the one above. What follows a code is
    counted over all places of the map, K counts of the place's own law added, which is counted with
    one of each code added: Laplace's rule, in MacKay and Peto's hierarchy (1995). Before anything
    is counted all codes are equally likely.
    """

    singles: Int64[Tensor, "places codes"]
    pairs: Int64[Tensor, "codes codes"]

    def __init__(self, num_codes: int, size: tuple[int, int]) -> None:
        """Of maps of `size` rows and columns, which are given flat, row by row."""
        super().__init__()
        columns, num_places = size[1], math.prod(size)
        self.before = [i - 1 if i % columns else i - columns for i in range(1, num_places)]
        counts = {"singles": (num_places, num_codes), "pairs": (num_codes, num_codes)}
        for name, shape in counts.items():
            self.register_buffer(name, torch.empty(shape, dtype=torch.int64))

    def reset(self) -> None:
        """Forget all counts."""
        self.singles.zero_()
        self.pairs.zero_()

    def count(self, codes: Int64[Tensor, "n places"]) -> None:
        """Count further maps."""
        places = torch.arange(codes.shape[1], device=codes.device)
        one = torch.ones((), dtype=torch.int64, device=codes.device)
        self.singles.index_put_((places, codes), one, accumulate=True)
        self.pairs.index_put_((codes[:, self.before], codes[:, 1:]), one, accumulate=True)

    def forward(self, codes: Int64[Tensor, "n places"]) -> Float64[Tensor, " n"]:
        """Return -log2 of how likely each map is: what an arithmetic coder would take."""
        places = torch.arange(codes.shape[1], device=codes.device)
        alone = self._alone()[places, codes]
        before, num_codes = codes[:, self.before], len(self.pairs)
        counted = self.pairs[before, codes[:, 1:]] + num_codes * alone[:, 1:]
        given = counted / (self.pairs.sum(dim=1)[before] + num_codes)
        return -torch.cat([alone[:, :1], given], dim=1).log2().sum(dim=1)

    def sample(self, num: int, generator: torch.Generator) -> Int64[Tensor, "num places"]:
        """Draw maps, place by place."""
        pairs, alone = self.pairs.double(), self._alone()
        law = alone[:1].expand(num, -1)
        drawn: list[Tensor] = []
        for place in range(len(alone)):
            if place > 0:  # what follows a code need not be scaled: a draw scales it
                law = pairs[drawn[self.before[place - 1]]] + len(pairs) * alone[place]
            picked = torch.multinomial(law.to(generator.device), 1, generator=generator)
            drawn.append(picked[:, 0].to(pairs.device))
        return torch.stack(drawn, dim=1)

    def _alone(self) -> Float64[Tensor, "places codes"]:
        counted = self.singles.double() + 1
        return counted / counted.sum(dim=1, keepdim=True)

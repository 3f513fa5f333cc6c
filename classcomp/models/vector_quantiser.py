"""A codebook that follows what it quantises by moving averages."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

DECAY = 0.99
DEAD = 0.05
"""A code is dead that is used less than this share of what an equal use of all would give it."""


class VectorQuantiser(nn.Module):
    """K points of D dimensions, the codes, the nearest of which takes a point's place.

    The codebook is no parameter: a code is the mean of the points that took it, by moving averages
    of their number and of their sum (van den Oord et al. 2017, appendix A.1; decay .99). So its
    fixed points are those of Lloyd's in which no code is dead: of Gaussian scalars the best one up
    to 30 codes, of more the outer ones are too rare. A dead code starts anew at one of the batch's
    points, with an equal share of use: this is also how all of them start.
    """

    codebook: Float[Tensor, "codes dims"]
    usage: Float[Tensor, " codes"]

    def __init__(self, num_codes: int, num_dims: int) -> None:
        super().__init__()
        self.register_buffer("codebook", torch.empty(num_codes, num_dims))
        self.register_buffer("usage", torch.empty(num_codes))  # points of a batch

    def reset(self, generator: torch.Generator) -> None:
        """Draw the codes of a network that has seen nothing; none of them outlives a batch."""
        self.codebook.normal_(generator=generator)
        self.usage.zero_()

    def free(self) -> None:
        """Make the codes parameters, for gradients to move: a rule may have any."""
        codes = self.codebook
        del self.codebook
        self.codebook = nn.Parameter(codes)

    def forward(self, points: Float[Tensor, "*shape dims"]) -> Float[Tensor, "*shape dims"]:
        """Return each point's code."""
        found: Tensor = self.codebook[self.nearest(points.flatten(0, -2))]
        return found.view_as(points)

    def nearest(self, points: Float[Tensor, "n dims"]) -> Int64[Tensor, " n"]:
        """Return the number of the code nearest to each point."""
        squares = self.codebook.square().sum(dim=1)
        return torch.addmm(squares, points, self.codebook.T, alpha=-2).argmin(dim=1)

    @torch.no_grad()
    def learn(
        self,
        points: Float[Tensor, "n dims"],
        codes: Int64[Tensor, " n"],
        generator: torch.Generator,
    ) -> None:
        """Move the codes to a batch of points that took them; those that are dead start anew.

        Which points these start at is drawn from `generator`, at every call, needed or not.
        """
        num, num_codes = len(points), len(self.codebook)
        taken = torch.bincount(codes, minlength=num_codes).to(points)
        sums = torch.zeros_like(self.codebook).index_add_(0, codes, points)
        usage = self.usage.lerp(taken, 1 - DECAY)
        moved = DECAY * self.usage[:, None] * self.codebook + (1 - DECAY) * sums
        order = torch.randperm(num, generator=generator, device=generator.device)
        fresh = points[order.to(codes)[torch.arange(num_codes, device=codes.device) % num]]
        share = num / num_codes
        is_dead = usage < DEAD * share
        means = moved / usage.clamp(min=torch.finfo(usage.dtype).tiny)[:, None]
        self.codebook.copy_(torch.where(is_dead[:, None], fresh, means))
        self.usage.copy_(usage.masked_fill(is_dead, share))

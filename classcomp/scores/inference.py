"""What it takes to give an example back, and what is left to the best latents there are."""

import time

import torch
from jaxtyping import Float
from torch import Tensor

from classcomp.models.base import Decodes, Infers, Reconstructs
from classcomp.models.inference import lowered
from classcomp.tasks import Evaluation
from classcomp.tasks.base import NUM_SEARCHED, mean_of, squared_errors

TIMES_THE_STEPS = 10
"""As many steps, from each start, as latents are found in."""


@torch.no_grad()
def inference_time_columns(evaluation: Evaluation) -> dict[str, float]:
    """`inference_s`: processor seconds of giving back one example, a search for latents included.

    A mean over the first NUM_SEARCHED examples, given back together. It is a time: no two runs
    agree on it, and on a GPU it is that of who waits for it.
    """
    model, inputs = evaluation.model, evaluation.examples.inputs[:NUM_SEARCHED]
    assert isinstance(model, Reconstructs)
    started = time.process_time()
    model.reconstruct(inputs).cpu()
    return {"inference_s": (time.process_time() - started) / len(inputs)}


@torch.no_grad()
def inference_columns(evaluation: Evaluation) -> dict[str, float]:
    """`best_latent_mse`, `inference_gap` and `inference_gap_se` on the first NUM_SEARCHED examples.

    R(g) = E min_z |x - g(z)|^2 / d is what the decoder itself can do; the gap, paired by example,
    is what the search for z leaves, the price of its prior included. Never below 0: the latents
    found are among those that are tried. Of examples of which pixels are missing neither is told:
    the least error on what a search does not see is no search's.
    """
    model = evaluation.model
    assert isinstance(model, Infers)
    if evaluation.examples.targets is not None:
        return {}
    inputs, found = evaluation.examples.inputs[:NUM_SEARCHED], evaluation.features[:NUM_SEARCHED]
    errors = squared_errors(inputs, model.decode(found)).double().cpu().numpy()
    steps = TIMES_THE_STEPS * model.inference_steps
    best = least_errors(model, inputs, found, steps=steps, rate=model.latent_rate)
    gap = mean_of(errors - best.double().cpu().numpy())
    return {
        "best_latent_mse": float(best.double().mean()),
        "inference_gap": gap.value,
        "inference_gap_se": gap.standard_error,
    }


def least_errors(
    model: Decodes,
    inputs: Float[Tensor, " n *shape"],
    found: Float[Tensor, "n latents"],
    *,
    steps: int,
    rate: float,
) -> Float[Tensor, " n"]:
    """Return the least error of each example that descent comes to, from above an upper bound.

    From three starts: the latents found, another example's, and the mean of all. The error alone
    is lowered, wherever latents go.

    Args:
        model: who decodes, in evaluation mode.
        inputs: examples.
        found: their latents.
        steps: of Adam from each start.
        rate: at the first of them; it falls to 0.
    """
    starts = (found, found.roll(1, dims=0), found.mean(dim=0).expand_as(found))

    def errors(latents: Tensor) -> Tensor:
        return squared_errors(inputs, model.decode(latents))

    reached = [lowered(errors, start, steps=steps, rate=rate) for start in starts]
    return torch.stack([errors(latents) for latents in (found, *reached)]).amin(dim=0)

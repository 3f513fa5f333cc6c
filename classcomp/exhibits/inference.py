"""How far an error falls with the steps in which latents are looked for."""

import numpy as np

from classcomp.draws import Examples
from classcomp.models.base import Infers
from classcomp.tasks import Evaluation
from classcomp.tasks.base import NUM_SEARCHED, errors_of

STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)


def inference_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """`steps` (S,) int64 and `mse` (S,), on the first NUM_SEARCHED evaluation examples.

    Each number of steps is a search of its own, whose rate falls to 0 within it. After 0 steps
    each example has the latents that the search starts from.
    """
    model, targets = evaluation.model, evaluation.examples.targets
    assert isinstance(model, Infers)
    shown = Examples(
        inputs=evaluation.examples.inputs[:NUM_SEARCHED],
        labels=evaluation.examples.labels[:NUM_SEARCHED],
        targets=None if targets is None else targets[:NUM_SEARCHED],
    )
    mse = [_mse(model, shown, steps) for steps in STEPS]
    return {"steps": np.array(STEPS), "mse": np.array(mse)}


def _mse(model: Infers, shown: Examples, steps: int) -> float:
    errors = errors_of(
        shown, lambda part: model.decode(model.infer(shown.inputs[part], steps=steps))
    )
    return float(errors.double().mean())

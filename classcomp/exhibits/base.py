"""What an exhibit is: arrays of a finished trial that are worth looking at."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from classcomp.tasks import Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit:
    """Arrays to be drawn by others; a trial draws nothing.

    Attributes:
        needs: the capability of a model that has them (`classcomp.models.base`).
        collect: the arrays by name; none where the law does not allow them.
        look: arrays by name of a model that is still training, or None. They are taken after few
            passes, stacked on a new first axis, and `<name>_steps` says when.
        is_of_every_seed: numbers are among them, of which a mean over seeds is told; else they are
            of a cell's first seed.
    """

    needs: type
    collect: Callable[[Evaluation], dict[str, np.ndarray]]
    look: Callable[[Evaluation], dict[str, np.ndarray]] | None = None
    is_of_every_seed: bool = False

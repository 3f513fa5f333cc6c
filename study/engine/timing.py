"""What trials cost on this machine, for the dry run."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from study.engine.handover import to_trial
from study.engine.memory import keep_freed_memory
from study.trials.trial import TrialSpec

if TYPE_CHECKING:
    from classcomp.costs import Costs


def timer(address: str, data_dir: str | None) -> Callable[[TrialSpec], "Costs"]:
    """What the parts of a trial cost, measured when it is asked for.

    Args:
        address: of the study's place.
        data_dir: where real images are looked for first.
    """
    import torch

    from classcomp.costs import costs_of

    torch.set_num_threads(1)  # as a worker of one CPU
    keep_freed_memory()
    return lambda trial: costs_of(to_trial(trial, address), data_dir=data_dir)

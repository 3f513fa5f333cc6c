"""What training costs on this machine, for the dry run."""

from collections.abc import Callable

from study.engine.handover import to_trial
from study.trials.trial import TrialSpec


def timer(address: str, data_dir: str | None) -> Callable[[TrialSpec], float]:
    """Seconds of computation for one training example of a trial, measured when it is asked for.

    Args:
        address: of the study's place.
        data_dir: where real images are looked for first.
    """
    import torch

    from classcomp.experiment import seconds_per_example

    torch.set_num_threads(1)  # as a worker of one CPU
    return lambda trial: seconds_per_example(to_trial(trial, address), data_dir=data_dir)

"""What a trial costs on this machine, timed by its parts: the dry run's prices."""

import time
from dataclasses import dataclass

from classcomp.experiment import Experiment
from classcomp.trial import Trial


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """Processor seconds, which other programs on the machine change little.

    Attributes:
        start_s: until a trial can learn: its data and its network.
        example_s: to learn from an example, forward and backward, or by fitting.
        scoring_s: to score a rule by all that there is.
    """

    start_s: float
    example_s: float
    scoring_s: float


def costs_of(trial: Trial, *, data_dir: str | None = None) -> Costs:
    """Times a trial's parts, after everything was done once.

    Args:
        trial: of a role that is scored. Of several alike any will do.
        data_dir: where real images are looked for first.
    """
    first = Experiment(trial, data_dir=data_dir, is_pretrained=False)
    first.seconds_per_example()
    first.seconds_per_scoring()
    begin = time.process_time()
    again = Experiment(trial, data_dir=data_dir, is_pretrained=False)
    start_s = time.process_time() - begin
    return Costs(
        start_s=start_s,
        example_s=again.seconds_per_example(),
        scoring_s=again.seconds_per_scoring(),
    )

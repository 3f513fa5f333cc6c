"""A study whose workers take several seeds at a time gives the rows of one whose workers do not."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from classcomp.trial import CLOCKS

STUDY = """
name = "NAME"
families = ["linear", "gaussian_generator"]
depths = [1]
seeds = 5
num_train = [48]
distortions = { label_noise = [0.0, 0.2] }
[[populations]]
name = "xor"
[search]
trials = 3
grace_share = 0.5
[training]
budget_epochs = 4
max_epochs = 8
[best_in_class]
restarts = 2
num_stream = [600]
[limit]
restarts = 2
num_stream = [600]
[resources]
seeds_per_trial = SEEDS
"""


@pytest.mark.slow
@pytest.mark.long
def test_seeds_together_are_the_rows_of_seeds_alone(
    finish_shared: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    """A family that is stacked and one that is fitted; tests/test_cohort.py has one that draws."""
    rows = {}
    for name, seeds in (("alone", 1), ("together", 3)):
        study = STUDY.replace("NAME", name).replace("SEEDS", str(seeds))
        status, printed = finish_shared(study, tmp_path)
        assert status == 0, printed
        rows[name] = pd.read_parquet(tmp_path / "results" / name / "trials.parquet")
    alone, together = (rows[name].set_index("trial_id").sort_index() for name in rows)
    assert alone.index.equals(together.index)
    changing = [*CLOCKS, "finished_at", "node"]
    pd.testing.assert_frame_equal(
        alone.drop(columns=changing), together.drop(columns=changing), rtol=1e-3, atol=1e-5
    )
    measured = together.query("role == 'measure'")
    assert measured.groupby("family").size().to_dict() == dict.fromkeys(
        ("linear", "gaussian_generator"), 10
    )

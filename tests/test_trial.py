"""A trial is plain data, and the seeds that follow from its own are written in one place."""

import subprocess
import sys

from classcomp.trial import head_examples_seed, head_seed, order_seed


def test_a_trial_needs_no_torch() -> None:
    code = "import classcomp.trial, sys; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_derived_seeds_are_those_of_identity_version_1() -> None:
    streams = {"data": 5, "init": 10, "order": 20}
    assert head_seed(streams) == 11
    assert [order_seed(streams, stage) for stage in (0, 1)] == [20, 21]
    assert head_examples_seed(streams) == [5, 1, 1]

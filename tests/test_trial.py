"""A trial is plain data: no torch, and a seed for every stream."""

import subprocess
import sys

from classcomp.trial import STREAMS


def test_a_trial_needs_no_torch() -> None:
    code = "import classcomp.trial, sys; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_stream_is_named_twice() -> None:
    assert len(set(STREAMS)) == len(STREAMS)

"""The command `python -m study.run`: from a study file to its landscape.

Exit status: 0 all done · 2 the request is wrong, or the place for results takes no more · 3 done
with failed trials, or ended for too many of them · 4 Ray was ended · 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from study import cli
from study.engine.signals import INTERRUPTED
from study.options import run_parser

SWEEP = ("optuna", "ray", "sklearn", "torch", "torchvision")
"""What a study is run with, beyond what reads its results."""


def main(arguments: Sequence[str] | None = None, prog: str = "python -m study.run") -> int:
    """Runs the command; returns its exit status."""
    cli.print_whatever_can_be_shown()
    options = run_parser(prog).parse_args(arguments)
    lacking = [name for name in SWEEP if find_spec(name) is None]
    if lacking:
        return cli.complain(
            "study.run",
            f"not installed: {', '.join(lacking)}; a study is run with what "
            'pip install "classcomp[sweep]" brings (in the repository: pip install -e ".[sweep]")',
        )
    from study.driving import drive  # needs them

    return drive(options)


def leave(exit_status: int) -> None:
    """Ends the process; in a hurry where it was interrupted: torch and Ray take seconds to end."""
    if exit_status == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_status)
    sys.exit(exit_status)


if __name__ == "__main__":
    leave(main())
